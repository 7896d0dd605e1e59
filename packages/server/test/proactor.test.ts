import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { Handle, OSError } from '@tsyncio/core';
import { sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { IoUringProactor, probeIoUring } from '@tsyncio/proactor-io';
import type { SelectorIo } from '@tsyncio/selector-io';
import { createServer } from '@tsyncio/server';
import {
  addReader,
  removeReader,
  Socket,
  sockConnect,
  sockRecv,
  sockSendall,
  sockSendfile,
  type WatchIo,
} from '@tsyncio/socket';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';
import {
  connectWritePipe,
  createConnection,
  createDatagramEndpoint,
  createUnixConnection,
  sendfile,
  type Transport,
} from '@tsyncio/transports-protocols';

import { KernelPipe, pipe } from '@tsyncio/test-support/loops/pipes';
import { open, Recorder } from '@tsyncio/test-support/loops/recorder';
import { until } from '@tsyncio/test-support/loops/until';
import { drain, fill, listen, pair, reset, tcpPair } from '@tsyncio/test-support/loops/world';
import { addressOf, dial, Echo, inLoop, iterations, received, type World } from './support/world.js';

leakAudit();

// What transports, servers and socket functions do on this backend, the suites of those packages say, which all run on it. Here are the
// rows about proactor loops themselves, and where they differ from the selector rows, the selector's answer.
const { available } = probeIoUring();
const proactorTest = available ? test : test.skip;
const makeLoop = (): TaskLoop<SelectorIo> =>
  new TaskLoop({ backend: new IoUringProactor() }) as unknown as TaskLoop<SelectorIo>;

/** A test on a loop over io_uring. */
function row(title: string, body: (world: World) => Promise<void>): void {
  proactorTest(title, inLoop(body, makeLoop));
}

const pendingOf = (loop: TaskLoop<SelectorIo>): number => (loop.backend as unknown as IoUringProactor)['queue'].pending;

row('PROACTOR-01 everything that a selector loop offers, readers and Unix paths too', async ({ loop }) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsyncio-proactor-'));
  const name = path.join(folder, 'socket');
  const listener = new Socket(1);
  listener.bind(name);
  listener.listen();
  const protocol = new Recorder(loop);
  const [transport] = await createUnixConnection(loop, () => protocol, name);
  const [peer] = listener.accept({ nonblocking: true });
  const readable = loop.createFuture<void>();
  addReader(loop, peer, () => (removeReader(loop, peer), readable.setResult(undefined)));
  transport.write(Buffer.from('hello'));
  await readable;
  expect(received(peer)).toBe('hello');
  transport.close();
  await protocol.lost;
  expect(received(peer)).toBeNull();
  peer.close();
  listener.close();
  rmSync(folder, { recursive: true });
});

row('PROACTOR-02 reading begins right after connectionMade, and 100,000 bytes arrive whole', async ({ loop }) => {
  const [ours, peer] = tcpPair();
  const data = Buffer.alloc(100_000, 'abcdefg');
  expect(peer.send(data)).toBe(data.length);
  const protocol = new Recorder(loop);
  const transport = await open(loop, ours, protocol);
  expect((await protocol.bytes(data.length)).equals(data)).toBe(true);
  transport.close();
  await protocol.lost;
  peer.close();
});

row('PROACTOR-03 the next read is under way when data is given to the protocol', async ({ loop }) => {
  const [ours, peer] = pair();
  const protocol = new Recorder(loop);
  const transport = await open(loop, ours, protocol);
  const pending: number[] = [];
  protocol.dataReceived = () => void pending.push(pendingOf(loop));
  peer.send(Buffer.from('one'));
  await iterations(3);
  peer.send(Buffer.from('two'));
  await iterations(3);
  expect(pending).toEqual([1, 1]);
  transport.close();
  await protocol.lost;
  peer.close();
});

row(
  'PROACTOR-04 the end of the stream: no further read, and the end of the connection unless it is kept',
  async ({ loop }) => {
    for (const keepOpen of [true, false]) {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      protocol.keepOpen = keepOpen;
      const transport = await open(loop, ours, protocol);
      peer.shutdown(1);
      await iterations(4);
      expect(protocol.events).toEqual(keepOpen ? ['made', 'eof'] : ['made', 'eof', 'lost null']);
      expect(pendingOf(loop)).toBe(0);
      transport.close();
      await protocol.lost;
      peer.close();
    }
  },
);

row(
  'PROACTOR-05 PROACTOR-07 what arrives in a pause comes after it, in order, nothing lost and nothing twice',
  async ({ loop }) => {
    const [ours, peer] = pair();
    const protocol = new Recorder(loop);
    const transport = await open(loop, ours, protocol);
    let sent = '';
    for (let i = 0; i < 60; i++) {
      const piece = `<${i}>`;
      sent += piece;
      peer.send(Buffer.from(piece));
      if (i % 3 === 0) await iterations(i % 4);
      transport.pauseReading();
      const before = protocol.pieces.length;
      if (i % 5 === 0) {
        await iterations(3);
        expect(protocol.pieces.length).toBe(before);
      }
      transport.resumeReading();
      expect(protocol.pieces.length).toBe(before); // in a later iteration
    }
    await protocol.bytes(sent.length);
    expect(protocol.received).toBe(sent);
    transport.close();
    await protocol.lost;
    peer.close();
  },
);

row('PROACTOR-06 a pause in connectionMade is honoured: nothing is read', async ({ loop }) => {
  const [ours, peer] = pair();
  peer.send(Buffer.from('x'));
  const protocol = new Recorder(loop);
  protocol.connectionMade = (transport: Transport) => {
    protocol.transport = transport;
    transport.pauseReading();
    return undefined;
  };
  const transport = await open(loop, ours, protocol);
  await iterations(3);
  expect([protocol.events, pendingOf(loop)]).toEqual([[], 0]);
  transport.resumeReading();
  await protocol.bytes(1);
  transport.close();
  await protocol.lost;
  peer.close();
});

row('PROACTOR-08 a reset ends the connection with the error, and no report', async ({ loop }) => {
  const [ours, peer] = tcpPair();
  const protocol = new Recorder(loop);
  await open(loop, ours, protocol);
  reset(peer);
  await protocol.lost;
  expect(protocol.events).toEqual(['made', 'lost ConnectionResetError']);
  expect((protocol.error as OSError).code).toBe('ECONNRESET');
});

row('PROACTOR-09 an error of dataReceived ends the connection, as on selector loops', async ({ loop, reports }) => {
  const [ours, peer] = pair();
  const protocol = new Recorder(loop);
  await open(loop, ours, protocol);
  const problem = new Error('on purpose');
  protocol.dataReceived = () => {
    throw problem;
  };
  peer.send(Buffer.from('x'));
  await protocol.lost;
  expect(protocol.error).toBe(problem);
  expect(reports.splice(0)).toEqual([expect.objectContaining({ exception: problem })]);
  peer.close();
});

row(
  'PROACTOR-10 PROACTOR-11 what the kernel takes at once counts nothing; the rest is a copy, and counted',
  async ({ loop }) => {
    const [ours, peer] = pair();
    const protocol = new Recorder(loop);
    const transport = await open(loop, ours, protocol);
    const data = Buffer.from('hello');
    transport.write(data);
    data.fill('X'); // it is ours again
    expect([received(peer), transport.getWriteBufferSize()]).toEqual(['hello', 0]);
    const filled = fill(ours, Buffer.alloc(1000));
    const more = Buffer.from('later');
    transport.write(more);
    more.fill('X');
    expect(transport.getWriteBufferSize()).toBe(5);
    expect(drain(peer, filled)!.length).toBe(filled);
    await iterations(3);
    expect([received(peer), transport.getWriteBufferSize()]).toEqual(['later', 0]);
    transport.close();
    await protocol.lost;
    peer.close();
  },
);

row(
  'PROACTOR-12 the protocol is paused above the high mark, and resumed when the buffer is drained',
  async ({ loop }) => {
    const [ours, peer] = pair();
    const protocol = new Recorder(loop);
    const transport = await open(loop, ours, protocol);
    transport.setWriteBufferLimits({ high: 1000, low: 0 });
    fill(ours, Buffer.alloc(1000));
    transport.write(Buffer.alloc(1000));
    expect(protocol.events).toEqual(['made']);
    transport.write(Buffer.alloc(1));
    expect(protocol.events).toEqual(['made', 'pause']);
    drain(peer);
    await iterations(4);
    expect(protocol.events).toEqual(['made', 'pause', 'resume']);
    transport.close();
    await protocol.lost;
    peer.close();
  },
);

row('PROACTOR-13 PROACTOR-14 writes that are none, and writeEof behind what was written', async ({ loop }) => {
  const [ours, peer] = pair();
  const protocol = new Recorder(loop);
  protocol.keepOpen = true;
  const transport = await open(loop, ours, protocol);
  expect(() => transport.write('text' as unknown as Buffer)).toThrow(TypeError);
  transport.write(Buffer.alloc(0));
  const filled = fill(ours, Buffer.alloc(1000));
  transport.write(Buffer.from('last'));
  transport.writeEof();
  expect(() => transport.write(Buffer.from('x'))).toThrow('Cannot call write() after writeEof()');
  drain(peer, filled);
  await iterations(3);
  expect([received(peer), received(peer)]).toEqual(['last', null]);
  transport.close();
  await protocol.lost;
  peer.close();
});

row('PROACTOR-15 PROACTOR-17 close sends what was written, and abort in between ends that', async ({ loop }) => {
  for (const abort of [false, true]) {
    const [ours, peer] = pair();
    const protocol = new Recorder(loop);
    const transport = await open(loop, ours, protocol);
    const filled = fill(ours, Buffer.alloc(1000));
    transport.write(Buffer.from('last'));
    transport.close();
    transport.close();
    if (abort) transport.abort();
    expect(drain(peer, filled)!.length).toBe(filled);
    await protocol.lost;
    expect(protocol.events).toEqual(['made', 'lost null']);
    expect([received(peer), pendingOf(loop)]).toEqual([abort ? null : 'last', 0]);
    peer.close();
  }
});

row('PROACTOR-16 abort drops the buffer, cancels what is pending and calls connectionLost once', async ({ loop }) => {
  const [ours, peer] = pair();
  const protocol = new Recorder(loop);
  const transport = await open(loop, ours, protocol);
  fill(ours, Buffer.alloc(1000));
  transport.write(Buffer.from('dropped'));
  await iterations(2);
  expect(pendingOf(loop)).toBe(2); // a read, and a wait for room
  transport.abort();
  await protocol.lost;
  await iterations(2);
  expect([protocol.events, pendingOf(loop), ours.closed]).toEqual([['made', 'lost null'], 0, true]);
  peer.close();
});

row('PROACTOR-18 the peer learns of the end with connectionLost, though a read was pending', async ({ loop }) => {
  const [ours, peer] = tcpPair();
  const protocol = new Recorder(loop);
  const transport = await open(loop, ours, protocol);
  await iterations(2);
  expect(pendingOf(loop)).toBe(1);
  transport.close();
  await protocol.lost;
  expect(received(peer)).toBeNull();
  peer.close();
});

row('PROACTOR-19 a write pipe notices that its reader is gone, idle or not', async ({ loop }) => {
  for (const idle of [true, false]) {
    const [readEnd, writeEnd] = pipe();
    const protocol = new Recorder(loop);
    const owner = Object.assign(new KernelPipe(writeEnd), {});
    const [transport] = await connectWritePipe(loop, () => protocol as never, owner);
    if (!idle) transport.write(Buffer.alloc(1 << 20));
    await iterations(2);
    closeSync(readEnd);
    await protocol.lost;
    expect(protocol.events.at(-1)).toBe(idle ? 'lost null' : 'lost BrokenPipeError');
  }
});

row('PROACTOR-20 PROACTOR-21 PROACTOR-22 datagrams: empty ones too; close sends what waits', async ({ loop }) => {
  const got: string[] = [];
  const lost = loop.createFuture<Error | null>();
  const [transport] = await createDatagramEndpoint(
    loop,
    () => ({
      datagramReceived: (data: Buffer) => void got.push(String(data)),
      connectionLost: (error: Error | null) => lost.setResult(error),
    }),
    { localAddr: ['127.0.0.1', 0] },
  );
  const peer = new Socket(2, 2, 0, { nonblocking: true });
  peer.bind(['127.0.0.1', 0]);
  const address = transport.getExtraInfo('sockname') as [string, number];
  for (const text of ['a', '', 'b'.repeat(60_000)]) peer.sendto(Buffer.from(text), address);
  while (got.length < 3) await sleep(0);
  expect(got).toEqual(['a', '', 'b'.repeat(60_000)]);
  for (let i = 0; i < 20; i++) transport.sendto(Buffer.from([i]), peer.getsockname());
  transport.close();
  expect(await lost).toBeNull();
  for (let i = 0; i < 20; i++) expect(peer.recv(10)).toEqual(Buffer.from([i]));
  peer.close();
});

row('PROACTOR-23 PROACTOR-25 a server goes on accepting, also after an error of the factory', async ({ loop }) => {
  let calls = 0;
  const server = await createServer(
    loop,
    () => {
      if (++calls === 2) throw new Error('on purpose');
      return new Echo();
    },
    '127.0.0.1',
    0,
  );
  const clients = [1, 2, 3].map(() => dial(addressOf(server)));
  for (const client of clients) client.send(Buffer.from('x'));
  const [first, second, third] = clients;
  for (const client of [first, third]) await until(() => received(client!) === 'x');
  await until(() => [null, 'ECONNRESET'].includes(received(second!)));
  expect(server.isServing()).toBe(true);
  for (const client of clients) client.close();
  server.close();
  await server.waitClosed();
});

row(
  'PROACTOR-24 an error of accept is reported, and a listener that is of no use is given up',
  async ({ loop, reports }) => {
    const listener = listen();
    const errors: OSError[] = [];
    loop.backend.startAccepting(
      listener,
      10,
      () => undefined,
      (error) => void errors.push(error),
      loop,
    );
    await iterations(2);
    listener.shutdown(2); // accept fails with EINVAL from now on
    await iterations(3);
    expect(errors.map(({ code }) => code)).toEqual(['EINVAL']);
    expect(reports).toEqual([]);
    listener.close();
  },
);

row('PROACTOR-26 a server that is closed takes no connection any more; others are unaffected', async ({ loop }) => {
  const servers = [];
  for (let i = 0; i < 2; i++) servers.push(await createServer(loop, () => new Echo(), '127.0.0.1', 0));
  const [first, second] = servers as [(typeof servers)[0], (typeof servers)[0]];
  await iterations(2);
  const address = addressOf(first);
  first.close();
  await iterations(1);
  expect(() => dial(address)).toThrow('ECONNREFUSED');
  const client = dial(addressOf(second));
  client.send(Buffer.from('x'));
  await until(() => received(client) === 'x');
  client.close();
  second.close();
  await second.waitClosed();
});

row('PROACTOR-27 sockSendall and sockConnect give nothing back, and a short send is continued', async ({ loop }) => {
  const listener = listen();
  const client = new Socket(2, 1, 0, { nonblocking: true });
  expect(await sockConnect(loop, client, listener.getsockname())).toBeUndefined();
  const [peer] = listener.accept({ nonblocking: true });
  const data = Buffer.alloc(3 << 20, 'abcdefg');
  const sending = loop.createTask(() => sockSendall(loop, client, data));
  const pieces: Buffer[] = [];
  for (let got = 0; got < data.length; got += pieces.at(-1)!.length) pieces.push(await sockRecv(loop, peer, 1 << 20));
  expect(await sending).toBeUndefined();
  expect(Buffer.concat(pieces).equals(data)).toBe(true);
  for (const socket of [client, peer, listener]) socket.close();
});

row('PROACTOR-28 PROACTOR-29 files go out by the system call, after what was written', async ({ loop }) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsyncio-proactor-'));
  const content = Buffer.alloc(1 << 20, '0123456789');
  writeFileSync(path.join(folder, 'file'), content);
  const file = openSync(path.join(folder, 'file'), 'r');
  const [ours, peer] = tcpPair();
  const protocol = new Recorder(loop);
  const transport = await open(loop, ours, protocol);
  transport.write(Buffer.from('before'));
  const sending = loop.createTask(() => sendfile(loop, transport, file, 10));
  const pieces: Buffer[] = [];
  for (let got = 0; got < content.length - 4; got += pieces.at(-1)!.length)
    pieces.push(await sockRecv(loop, peer, 1 << 20));
  expect(await sending).toBe(content.length - 10);
  expect(Buffer.concat(pieces).equals(Buffer.concat([Buffer.from('before'), content.subarray(10)]))).toBe(true);
  transport.close();
  await protocol.lost;
  peer.close();
  const [a, b] = tcpPair();
  expect(await sockSendfile(loop, a, file, 5, 100)).toBe(100);
  expect(drain(b)).toEqual(content.subarray(5, 105));
  a.close();
  b.close();
  closeSync(file);
  rmSync(folder, { recursive: true });
});

proactorTest('PROACTOR-30 stopped and started again and again, with something pending: no stray report', async () => {
  const loop = makeLoop();
  const reports = recordExceptions(loop);
  const [ours, peer] = pair();
  const protocol = new Recorder(loop);
  await loop.runUntilComplete(() => open(loop, ours, protocol));
  for (let i = 0; i < 50; i++) {
    peer.send(Buffer.from('x'));
    await loop.runUntilComplete(() => protocol.bytes(i + 1));
    loop.stop();
    await loop.runForever();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(protocol.received).toBe('x'.repeat(50));
  expect(reports).toEqual([]);
  protocol.transport.close();
  await loop.runUntilComplete(protocol.lost);
  loop.close();
  peer.close();
});

proactorTest(
  'PROACTOR-31 close refuses while the loop runs, cancels what is pending, and does nothing the second time',
  async () => {
    const loop = makeLoop();
    const server = await loop.runUntilComplete(() => createServer(loop, () => new Echo(), '127.0.0.1', 0));
    loop.callSoon(() => expect(() => loop.close()).toThrow('Cannot close a running event loop'));
    await loop.runUntilComplete(() => sleep(0.001));
    expect(pendingOf(loop)).toBe(1);
    server.close();
    await loop.runUntilComplete(() => server.waitClosed());
    loop.close();
    loop.close();
    expect(pendingOf(loop)).toBe(0);
    expect(() => (loop.backend as WatchIo).addReader(0, {} as Handle)).toThrow('Event loop is closed');
  },
);

row('PROACTOR-32 closing a transport completes a pending sockRecv of the other end with nothing', async ({ loop }) => {
  const [ours, peer] = pair();
  const protocol = new Recorder(loop);
  const transport = await open(loop, ours, protocol);
  const receiving = loop.createTask(() => sockRecv(loop, peer, 10));
  await iterations(2);
  transport.close();
  expect(await receiving).toHaveLength(0);
  await protocol.lost;
  peer.close();
});

row('createConnection and a server, on one loop', async ({ loop }) => {
  const server = await createServer(loop, () => new Echo(), '127.0.0.1', 0);
  const protocol = new Recorder(loop);
  const [, port] = addressOf(server);
  const [transport] = await createConnection(loop, () => protocol, '127.0.0.1', port);
  transport.write(Buffer.alloc(200_000, 'x'));
  expect((await protocol.bytes(200_000)).length).toBe(200_000);
  transport.close();
  await protocol.lost;
  server.close();
  await server.waitClosed();
});

proactorTest('one backend serves one loop; a descriptor, one transport', () => {
  const backend = new IoUringProactor();
  const loop = new TaskLoop({ backend });
  expect(() => new TaskLoop({ backend })).toThrow('this backend already serves another loop');
  const [readEnd, writeEnd] = pipe();
  const sink = { isClosing: () => false } as never;
  const owner = new KernelPipe(readEnd);
  backend.openPipe(owner, 'read', sink, loop);
  expect(() => backend.openPipe(owner, 'read', sink, loop)).toThrow('is used by a transport already');
  expect(() => addReader(loop, readEnd, () => undefined)).toThrow('is used by a transport');
  writeSync(writeEnd, 'x');
  loop.close();
  expect(owner.closings).toBe(1);
  closeSync(writeEnd);
});
