import { type Socket, socketpair } from '@tsyncio/socket';
import {
  addressOf,
  BufferRing,
  type Completions,
  hasSince,
  ioUringCalls,
  IoUring,
  POLLIN,
  systemError,
} from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';

leakAudit();

/** Completions as `slot:generation result flags`. */
class Log implements Completions {
  readonly lines: string[] = [];
  readonly received: { result: number; flags: number }[] = [];
  completed(slot: number, generation: number, result: number, flags: number): void {
    this.lines.push(`${slot}:${generation} ${result}`);
    this.received.push({ result, flags });
  }
}

const ECANCELED = -125;
const ENOENT = -2;

describe.each(['6.12', '6.6', '6.1', '6.0'] as const)('a ring as on Linux %s', (upTo) => {
  let ring: IoUring;
  let log: Log;
  let ours: Socket;
  let peer: Socket;

  beforeEach(() => {
    ring = new IoUring(8, 16, systemError, upTo);
    log = new Log();
    [ours, peer] = socketpair();
  });

  afterEach(() => {
    ring.cancelAll();
    ring.enter();
    ring.reap(log);
    ring.close();
    ring.close();
    ours.close();
    peer.close();
  });

  /** Enters until there is nothing to do. */
  function work(): string[] {
    do ring.enter();
    while (ring.hasWork());
    ring.reap(log);
    return log.lines.splice(0);
  }

  test('uses what that version has', () => {
    expect(ring.features).toEqual({ deferTaskrun: hasSince(upTo, '6.1'), noSqArray: hasSince(upTo, '6.6') });
  });

  test('a poll request completes once, when there is something to read', () => {
    ring.poll(3, 7, ours.fileno(), POLLIN);
    expect(ring.unsubmitted()).toBe(1);
    expect(ring.pending()).toBe(true);
    expect(work()).toEqual([]);
    expect(ring.unsubmitted()).toBe(0);
    expect(ring.pending()).toBe(false);
    peer.send(Buffer.from('x'));
    expect(work()).toEqual([`3:7 ${POLLIN}`]);
    expect(work()).toEqual([]);
  });

  test('a cancellation meets the request of its slot and generation, and no other', () => {
    ring.poll(3, 7, ours.fileno(), POLLIN);
    ring.cancel(-4, 0, 3, 6);
    expect(work()).toEqual([`-4:0 ${ENOENT}`]);
    ring.cancel(-4, 0, 3, 7);
    expect(work().sort()).toEqual(['-4:0 0', `3:7 ${ECANCELED}`].sort());
  });

  test('a request on a descriptor that is closed fails, the others go on', () => {
    ring.poll(1, 0, 999_999, POLLIN);
    peer.send(Buffer.from('x'));
    ring.poll(2, 0, ours.fileno(), POLLIN);
    expect(work().sort()).toEqual(['1:0 -9', `2:0 ${POLLIN}`]);
  });

  test('the queue takes as many as there is room, and again after they were handed over', () => {
    for (let i = 0; i < 20; i++) {
      expect(ring.room()).toBe(8);
      for (let n = 0; n < 8; n++) ring.poll(n, i, ours.fileno(), POLLIN);
      expect(ring.room()).toBe(0);
      ring.enter();
    }
    // 160 completions, where 16 fit.
    peer.send(Buffer.from('x'));
    const lines: string[] = [];
    for (let i = 0; i < 200 && lines.length < 160; i++) lines.push(...work());
    expect(new Set(lines).size).toBe(160);
  });

  test('one receiving request brings messages in order, whole buffers of them, until the end of the stream', () => {
    const options = { group: 5, count: 4, size: 100, checked: true };
    const buffers = new BufferRing(ring, { ...options, incremental: hasSince(upTo, '6.12') }, systemError);
    const { copy } = ioUringCalls();
    const memory = new ArrayBuffer(100);
    let got = '';
    let sent = '';
    let more = false;
    for (let i = 0; i < 60; i++) {
      const text = `<${i}>`.repeat(1 + (i % 4));
      sent += text;
      peer.send(Buffer.from(text));
      // Ended by a lack of buffers; made again.
      if (!more) ring.recvMultishot(9, i, ours.fileno(), 5);
      work();
      for (const { result, flags } of log.received.splice(0)) {
        more = (flags & 2) !== 0;
        if (result <= 0) continue;
        copy(addressOf(memory), buffers.addressIn(flags), result);
        got += Buffer.from(memory, 0, result).toString();
        buffers.give(flags, result);
      }
    }
    expect(got).toBe(sent);
    peer.shutdown(1);
    work();
    expect(log.received.splice(0).at(-1)).toEqual({ result: 0, flags: expect.any(Number) as number });
    ring.cancelAll();
    buffers.unmap();
  });
});

test('a completion that says more than a buffer holds is found', () => {
  const ring = new IoUring(8, 16, systemError);
  const buffers = new BufferRing(
    ring,
    { group: 1, count: 2, size: 64, incremental: false, checked: true },
    systemError,
  );
  const [ours, peer] = socketpair();
  const log = new Log();
  peer.send(Buffer.from('x'));
  ring.recvMultishot(0, 0, ours.fileno(), 1);
  ring.enter();
  ring.reap(log);
  const { flags, result } = log.received[0]!;
  buffers.give(flags, result);
  const other = flags ^ (1 << 16);
  expect(() => buffers.give(other, 100)).toThrow('100 bytes in buffer');
  ring.cancelAll();
  ring.close();
  buffers.unmap();
  ours.close();
  peer.close();
});

test('a buffer that is given back twice, and a byte behind one, are found', () => {
  const ring = new IoUring(8, 16, systemError);
  const options = { group: 1, count: 2, size: 64, incremental: false, checked: true };
  const buffers = new BufferRing(ring, options, systemError);
  const [ours, peer] = socketpair();
  const log = new Log();
  ring.recvMultishot(0, 0, ours.fileno(), 1);
  const receive = (): { flags: number; result: number } => {
    peer.send(Buffer.from('x'));
    ring.enter();
    ring.reap(log);
    return log.received.pop()!;
  };
  const first = receive();
  buffers.give(first.flags, first.result);
  expect(() => buffers.give(first.flags, first.result)).toThrow('buffer 0 came back, and 1 was due');
  const second = receive();
  const byte = Buffer.from('!');
  ioUringCalls().copy(buffers.addressIn(second.flags) + 64, addressOf(byte.buffer) + byte.byteOffset, 1);
  expect(() => buffers.give(second.flags, second.result)).toThrow('something was written behind buffer');
  ring.cancelAll();
  ring.close();
  buffers.unmap();
  ours.close();
  peer.close();
});

test('what the kernel refuses is an error with the name of the call', () => {
  const ring = new IoUring(8, 16, systemError);
  expect(
    () => new BufferRing(ring, { group: 1, count: 3, size: 64, incremental: false, checked: false }, systemError),
  ).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'io_uring_register' }));
  ring.close();
});
