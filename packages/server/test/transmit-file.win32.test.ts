import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type TaskLoop } from '@tsyncio/futures-tasks';
import type { IocpProactor } from '@tsyncio/proactor-io';
import { type Socket, socketpair } from '@tsyncio/socket';
import { CompletionPort, systemError } from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';
import { failure } from '@tsyncio/test-support/loops/failure';
import { inPortLoop } from '@tsyncio/test-support/loops/world';
import { sendfile, StreamTransport, type Transport } from '@tsyncio/transports-protocols';

leakAudit();

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsyncio-transmit-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

class Sink {
  readonly received: Buffer[] = [];
  constructor(private readonly changed: (length: number) => void) {}
  private length = 0;
  dataReceived(data: Buffer): void {
    this.received.push(data);
    this.changed((this.length += data.length));
  }
}

type Body = (loop: TaskLoop<IocpProactor>, ours: Transport, peer: Socket) => Promise<void>;

function inLoop(body: Body, pair = socketpair): () => Promise<void> {
  return inPortLoop(async ({ loop }) => {
    const [ours, peer] = pair();
    const waiter = loop.createFuture<void>();
    const transport = new StreamTransport(loop, ours, {}, { waiter });
    await waiter;
    await body(loop, transport, peer);
    transport.abort();
  });
}

/** What arrives at the other end, once it is so much. */
async function arrival(loop: TaskLoop<IocpProactor>, peer: Socket, length: number): Promise<Buffer> {
  const done = loop.createFuture<void>();
  const sink = new Sink((so) => {
    if (so >= length && !done.done()) done.setResult();
  });
  const transport = new StreamTransport(loop, peer, sink);
  await done;
  transport.abort();
  return Buffer.concat(sink.received);
}

test(
  'IOCP-11, PROACTOR-28 a file of several turns between two writes, whole and in part',
  inLoop(async (loop, transport, peer) => {
    const data = Buffer.alloc(10_000_001, 'abcdefghijklm');
    const path = join(folder, 'large');
    writeFileSync(path, data);
    const file = openSync(path, 'r');
    const length = 6 + data.length + 1000;
    const arrived = arrival(loop, peer, length);
    transport.write(Buffer.from('one'));
    expect(await sendfile(loop, transport, file, 0, null, { fallback: false })).toBe(data.length);
    expect(await sendfile(loop, transport, file, 5, 1000, { fallback: false })).toBe(1000);
    transport.write(Buffer.from('two'));
    const expected = Buffer.concat([Buffer.from('one'), data, data.subarray(5, 1005), Buffer.from('two')]);
    expect((await arrived).equals(expected)).toBe(true);
    closeSync(file);
  }),
);

test(
  'IOCP-11 offsets beyond 4 GiB',
  inLoop(async (loop, transport, peer) => {
    const file = openSync(join(folder, 'sparse'), 'w+');
    const offset = 2 ** 32 + 10;
    ftruncateSync(file, offset);
    writeSync(file, 'far away', offset);
    const arrived = arrival(loop, peer, 8);
    expect(await sendfile(loop, transport, file, offset, null, { fallback: false })).toBe(8);
    expect((await arrived).toString()).toBe('far away');
    closeSync(file);
  }),
);

test(
  'IOCP-07 a connection that is closed while a file is on its way',
  inLoop(async (loop, transport, peer) => {
    const path = join(folder, 'lost');
    writeFileSync(path, Buffer.alloc(64 << 20));
    const file = openSync(path, 'r');
    const sending = sendfile(loop, transport, file, 0, null, { fallback: false });
    loop.callSoon(() => peer.close());
    expect(await failure(sending)).toMatchObject({ code: expect.stringMatching(/ECONN|EPIPE|ENOTCONN/) as string });
    closeSync(file);
  }),
);

test('a socket that belongs to another port: the file is read and written', async () => {
  const other = new CompletionPort(systemError, 8);
  await inLoop(
    async (loop, transport, peer) => {
      const file = openSync(join(folder, 'short'), 'w+');
      writeSync(file, 'content');
      const arrived = arrival(loop, peer, 7);
      expect(await failure(sendfile(loop, transport, file, 0, null, { fallback: false }))).toMatchObject({
        name: 'SendfileNotAvailableError',
      });
      expect(await sendfile(loop, transport, file)).toBe(7);
      expect((await arrived).toString()).toBe('content');
      closeSync(file);
    },
    () => {
      const pair = socketpair();
      other.attach(pair[0].fileno());
      return pair;
    },
  )();
  await new Promise<void>((resolve) => other.close({ completed: () => undefined }, resolve));
});

test('aborted while a file is on its way: the loop closes, and nothing is left', async () => {
  const file = openSync(join(folder, 'aborted'), 'w+');
  writeSync(file, Buffer.alloc(10_000_000));
  await inLoop(async (loop, transport) => {
    const sending = sendfile(loop, transport, file, 0, null, { fallback: false });
    loop.callSoon(() => transport.abort());
    expect((await failure(sending)).name).toBe('ConnectionError');
  })();
  closeSync(file);
});
