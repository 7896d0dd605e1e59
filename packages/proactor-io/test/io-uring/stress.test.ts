import { addReader, addWriter, removeReader, removeWriter, type Socket, socketpair } from '@tsyncio/socket';
import { TaskLoop } from '@tsyncio/futures-tasks';
import type { OSError } from '@tsyncio/core';
import { IoUringProactor } from '@tsyncio/proactor-io';
import type { StreamChannel, StreamSink } from '@tsyncio/socket';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';

leakAudit();
jest.setTimeout(60_000); // a busy machine

/** A repeatable source of chance. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** The other end is closed. (Reset, if it had not received everything.) */
function expectEnd(far: Socket): void {
  far.setblocking(false);
  let result: unknown;
  try {
    result = far.recv(10).length;
  } catch (error) {
    result = (error as OSError).code;
  }
  expect([0, 'ECONNRESET']).toContain(result);
}

/** The byte at a place of the stream that every connection carries. */
const byteAt = (at: number): number => (at * 31 + (at >>> 8)) & 0xff;

/** One connection: a channel that receives, and the far end that sends a known stream. */
class Connection implements StreamSink {
  readonly far: Socket;
  readonly channel: StreamChannel;
  buffered = false;
  sent = 0;
  received = 0;
  ended = false;
  paused = true;
  private readonly memory = Buffer.alloc(1000);

  constructor(loop: TaskLoop<IoUringProactor>) {
    const [near, far] = socketpair();
    far.setblocking(false);
    this.far = far;
    this.channel = loop.backend.openStream(near, this, loop);
  }

  send(length: number): void {
    const data = Buffer.from(Array.from({ length }, (_, i) => byteAt(this.sent + i)));
    const taken = this.far.trySend(data);
    if (taken > 0) this.sent += taken;
  }

  private check(data: Uint8Array): void {
    for (const byte of data) {
      if (byte !== byteAt(this.received)) throw new Error(`byte ${this.received} is wrong`);
      this.received++;
    }
    if (this.paused) throw new Error('data while paused');
  }

  getBuffer(): Uint8Array {
    return this.memory;
  }
  onBuffer(nbytes: number): void {
    this.check(this.memory.subarray(0, nbytes));
  }
  onData(data: Buffer): void {
    this.check(data);
  }
  onEof(): void {
    this.ended = true;
  }
  onWritable(): void {
    this.channel.unwatchWritable();
  }
  onError(error: OSError): void {
    throw error;
  }
  isClosing(): boolean {
    return false;
  }
}

test.each([
  [1, '6.12'],
  [2, '6.12'],
  [3, '6.6'],
  [4, '6.1'],
  [5, '6.0'],
] as const)('random opens, sends, pauses, watches and closes: seed %i, as on Linux %s', async (seed, upTo) => {
  const loop = new TaskLoop({ backend: new IoUringProactor({ debug: true, upTo }) });
  const reports = recordExceptions(loop);
  const chance = random(seed);
  const connections: Connection[] = [];
  const ends: Socket[] = [];
  let bytes = 0;
  const pick = (): Connection | undefined => connections[chance(connections.length)];
  const actions: (() => void)[] = [
    () => void (connections.length < 150 && connections.push(new Connection(loop))),
    () => pick()?.send(1 + chance(100)),
    () => pick()?.send(1 + chance(100)),
    () => pick()?.send(1 + chance(20_000)),
    () => {
      const connection = pick();
      if (connection === undefined || connection.ended) return;
      connection.paused = false;
      connection.channel.startReading();
    },
    () => {
      const connection = pick();
      if (connection === undefined) return;
      connection.paused = true;
      connection.channel.stopReading();
    },
    () => {
      const connection = pick();
      if (connection !== undefined) connection.buffered = !connection.buffered;
    },
    () => pick()?.channel.watchWritable(),
    () => pick()?.channel.unwatchWritable(),
    () => {
      if (connections.length < 25) return;
      const [connection] = connections.splice(chance(connections.length), 1) as [Connection];
      bytes += connection.received;
      connection.channel.close();
      // The file is closed, not only its number: nothing that is pending holds it.
      expectEnd(connection.far);
      connection.far.close();
    },
    () => {
      if (ends.length < 100) ends.push(...socketpair());
      const end = ends[chance(ends.length)]!;
      if (chance(2) === 0) addReader(loop, end, () => end.recv(10));
      else addWriter(loop, end, () => removeWriter(loop, end));
    },
    () => {
      const end = ends[chance(ends.length)];
      if (end !== undefined) end.trySend(Buffer.from('x'));
    },
    () => {
      if (ends.length === 0) return;
      const end = ends[chance(ends.length)]!;
      removeReader(loop, end);
      removeWriter(loop, end);
    },
  ];

  await loop.runUntilComplete(async () => {
    for (let i = 0; i < 150; i++) {
      for (let n = chance(60); n > 0; n--) actions[chance(actions.length)]!();
      await new Promise((resolve) => setImmediate(resolve));
    }
    // Everything that was sent arrives, of whoever is still there.
    for (const connection of connections) {
      connection.paused = false;
      connection.channel.startReading();
    }
    while (connections.some(({ sent, received }) => received < sent)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const { received } of connections) bytes += received;
  });
  expect(reports).toEqual([]);
  expect(bytes).toBeGreaterThan(100_000);
  expect(connections.length).toBeGreaterThan(20);
  // With hundreds of requests pending.
  loop.close();
  for (const { far } of connections) {
    expectEnd(far);
    far.close();
  }
  for (const end of ends) end.close();
});

test.each(['6.12', '6.0'] as const)(
  'closing a loop with 4,000 requests in flight leaves nothing, and the other ends learn of it at once: as on Linux %s',
  (upTo) => {
    const loop = new TaskLoop({ backend: new IoUringProactor({ debug: true, upTo }) });
    const connections = Array.from({ length: 2800 }, () => new Connection(loop));
    const watched = Array.from({ length: 1200 }, () => socketpair());
    for (const connection of connections) {
      connection.paused = false;
      connection.channel.startReading();
    }
    for (const [end] of watched) addReader(loop, end, () => undefined);
    loop.backend.poll(0);
    for (const connection of connections.slice(0, 100)) connection.send(100);
    expect(loop.backend.queue.pending).toBe(4000);
    loop.close();
    expect(loop.backend.queue.pending).toBe(0);
    for (const { far } of connections) {
      expectEnd(far);
      far.close();
    }
    for (const pair of watched) for (const end of pair) end.close();
  },
);

test('more requests at once than fit into the queue', async () => {
  const loop = new TaskLoop({ backend: new IoUringProactor({ debug: true }) });
  const connections = Array.from({ length: 1500 }, () => new Connection(loop));
  for (const connection of connections) {
    connection.send(10);
    connection.paused = false;
    connection.channel.startReading();
  }
  await loop.runUntilComplete(async () => {
    while (connections.some(({ received }) => received < 10)) await new Promise((resolve) => setImmediate(resolve));
  });
  loop.close();
  for (const { far } of connections) far.close();
});

test('more completions at once than fit into the queue: none is lost', async () => {
  const loop = new TaskLoop({ backend: new IoUringProactor({ debug: true }) });
  const [near, far] = socketpair();
  // A socket that is always ready, seen by more requests than there is room for completions.
  const copies = Array.from({ length: 9000 }, () => near.dup());
  let calls = 0;
  await loop.runUntilComplete(async () => {
    for (const copy of copies) addReader(loop, copy, () => void (calls++, removeReader(loop, copy)));
    await new Promise((resolve) => setImmediate(resolve));
    far.send(Buffer.from('x'));
    while (calls < copies.length) await new Promise((resolve) => setImmediate(resolve));
  });
  expect(calls).toBe(9000);
  loop.close();
  for (const socket of [near, far, ...copies]) socket.close();
});

test('more data at once than there are buffers', async () => {
  const loop = new TaskLoop({ backend: new IoUringProactor({ debug: true }) });
  const connections = Array.from({ length: 200 }, () => new Connection(loop));
  await loop.runUntilComplete(async () => {
    for (const connection of connections) {
      connection.paused = false;
      connection.channel.startReading();
    }
    await new Promise((resolve) => setImmediate(resolve));
    for (const connection of connections) connection.send(15_000); // 3 MB for 1 MB of buffers
    while (connections.some(({ sent, received }) => received < sent))
      await new Promise((resolve) => setImmediate(resolve));
  });
  loop.close();
  for (const { far } of connections) far.close();
});
