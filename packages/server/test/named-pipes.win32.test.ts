import { once } from 'node:events';
import { connect, createServer as createNodeServer, type Socket as NodeSocket } from 'node:net';

import { BrokenPipeError, FileNotFoundError, NotImplementedError, ValueError } from '@tsyncio/core';
import { type Future, sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { IocpProactor } from '@tsyncio/proactor-io';
import { SelectorIo } from '@tsyncio/selector-io';
import { type PipeServer, startServingPipe } from '@tsyncio/server';
import { PipeHandle } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import { failure } from '@tsyncio/test-support/loops/failure';
import { inPortLoop, type World as PortWorld } from '@tsyncio/test-support/loops/world';
import { createPipeConnection, type Transport } from '@tsyncio/transports-protocols';

leakAudit();

const onWindows = process.platform === 'win32' ? test : test.skip;

interface World extends PortWorld<IocpProactor> {
  readonly address: string;
}

let made = 0;
const newAddress = (): string => `\\\\.\\pipe\\tsyncio-test-${process.pid}-${made++}`;

function inLoop(body: (world: World) => Promise<void>): () => Promise<void> {
  return inPortLoop((world) => body({ ...world, address: newAddress() }));
}

/** Sends back what comes. */
class Echo {
  transport!: Transport;
  readonly lost: Future<void>;
  constructor(loop: TaskLoop<IocpProactor>) {
    this.lost = loop.createFuture();
  }
  connectionLost(): void {
    this.lost.setResult();
  }
  connectionMade(transport: Transport): void {
    this.transport = transport;
  }
  dataReceived(data: Buffer): void {
    this.transport.write(data);
  }
}

/** Collects what comes. */
class Sink {
  transport!: Transport;
  readonly received: Buffer[] = [];
  readonly lost: Future<unknown>;
  private length = 0;
  private wanted: { length: number; done: Future<void> } | null = null;

  constructor(private readonly loop: TaskLoop<IocpProactor>) {
    this.lost = loop.createFuture();
  }
  connectionMade(transport: Transport): void {
    this.transport = transport;
  }
  dataReceived(data: Buffer): void {
    this.received.push(data);
    this.length += data.length;
    if (this.wanted !== null && this.length >= this.wanted.length) this.wanted.done.setResult();
  }
  connectionLost(error: unknown): void {
    this.lost.setResult(error);
  }
  async until(length: number): Promise<Buffer> {
    if (this.length < length) {
      this.wanted = { length, done: this.loop.createFuture<void>() };
      await this.wanted.done;
      this.wanted = null;
    }
    return Buffer.concat(this.received);
  }
}

const serve = async ({ loop, address }: World): Promise<[PipeServer, Echo[]]> => {
  const protocols: Echo[] = [];
  const [server] = await startServingPipe(
    loop,
    () => {
      const echo = new Echo(loop);
      protocols.push(echo);
      return echo;
    },
    address,
  );
  return [server, protocols];
};

onWindows(
  'IOCP-17, IOCP-18 clients and a server: a transport and a protocol for each, both ways',
  inLoop(async (world) => {
    const { loop, address } = world;
    const [server, protocols] = await serve(world);
    const clients: Sink[] = [];
    for (let i = 0; i < 3; i++) {
      const [transport, sink] = await createPipeConnection(loop, () => new Sink(loop), address);
      expect(sink.transport).toBe(transport);
      expect(transport.getExtraInfo('addr')).toBe(address);
      expect(transport.getExtraInfo('pipe')).toBeInstanceOf(PipeHandle);
      expect(transport.canWriteEof()).toBe(false);
      expect(() => transport.writeEof()).toThrow(NotImplementedError);
      clients.push(sink);
    }
    const data = Buffer.alloc(300_000, 'abcdefghijk');
    for (const { transport } of clients) transport.write(data);
    for (const client of clients) expect((await client.until(data.length)).equals(data)).toBe(true);
    expect(protocols).toHaveLength(3);
    expect(new Set(protocols.map(({ transport }) => transport)).size).toBe(3);
    protocols[0]!.transport.close();
    const gone = clients.find(({ lost }) => lost.done()) ?? clients[0]!;
    expect(await gone.lost).toBeNull();
    server.close();
    for (const { transport, lost } of clients.slice(1)) {
      transport.close();
      expect(await lost).toBeNull();
    }
  }),
);

onWindows(
  'IOCP-17, IOCP-19 nobody serves it, and nobody does any more; connections that stand go on',
  inLoop(async (world) => {
    const { loop, address } = world;
    const factory = (): Sink => new Sink(loop);
    const missing = await failure(createPipeConnection(loop, factory, address));
    expect(missing).toBeInstanceOf(FileNotFoundError);
    expect(missing).toMatchObject({ path: address });
    const [server, protocols] = await serve(world);
    expect(server.closed()).toBe(false);
    const [transport, sink] = await createPipeConnection(loop, factory, address);
    transport.write(Buffer.from('one'));
    await sink.until(3);
    server.close();
    server.close();
    expect(server.closed()).toBe(true);
    transport.write(Buffer.from('two'));
    expect((await sink.until(6)).toString()).toBe('onetwo');
    transport.close();
    await sink.lost;
    await protocols[0]!.lost;
    expect(await failure(createPipeConnection(loop, factory, address))).toBeInstanceOf(FileNotFoundError);
  }),
);

test.skip('IOCP-19 a second server is a PermissionError (Wine lets it be)', () => {});

onWindows(
  'IOCP-16 while no instance is free a client waits; it can be cancelled',
  inLoop(async ({ loop, address }) => {
    const { backend } = loop;
    using instance = backend.createPipeInstance(address, true);
    using first = backend.connectPipe(address)!;
    expect(first.fileno()).toBeGreaterThan(0);
    expect(backend.connectPipe(address)).toBeNull();
    const cancelled = createPipeConnection(loop, () => new Sink(loop), address);
    const waiting = createPipeConnection(loop, () => new Sink(loop), address);
    await sleep(0.01);
    expect([cancelled.done(), waiting.done()]).toEqual([false, false]);
    cancelled.cancel();
    await failure(cancelled);
    using other = backend.createPipeInstance(address, false);
    const [transport, sink] = await waiting;
    expect([instance.handle, other.handle].includes(null)).toBe(false);
    transport.close();
    expect(await sink.lost).toBeNull();
  }),
);

onWindows(
  'IOCP-18 a client of Node, whose messages are longer than a read',
  inLoop(async (world) => {
    const [server, protocols] = await serve(world);
    const client = connect(world.address);
    const data = Buffer.alloc(100_000, 'xyz');
    const received: Buffer[] = [];
    let length = 0;
    const all = world.loop.createFuture<void>();
    client.on('data', (piece) => {
      received.push(piece);
      length += piece.length;
      if (length === data.length) all.setResult();
    });
    client.write(data);
    await all;
    expect(Buffer.concat(received).equals(data)).toBe(true);
    expect(protocols).toHaveLength(1);
    client.destroy();
    server.close();
  }),
);

onWindows(
  'IOCP-17 a server of Node; it hangs up',
  inLoop(async ({ loop, address }) => {
    const sockets: NodeSocket[] = [];
    const server = createNodeServer((socket) => {
      sockets.push(socket);
      socket.pipe(socket);
    });
    server.listen(address);
    await once(server, 'listening');
    const [transport, sink] = await createPipeConnection(loop, () => new Sink(loop), address);
    const data = Buffer.alloc(200_000, 'node');
    transport.write(data);
    expect((await sink.until(data.length)).equals(data)).toBe(true);
    sockets[0]!.destroy();
    expect(await sink.lost).toBeNull();
    server.close();
    await once(server, 'close');
  }),
);

onWindows(
  'IOCP-17 whoever writes to one that has gone is told so, and flow control comes before',
  inLoop(async ({ loop, address }) => {
    const sockets: NodeSocket[] = [];
    const server = createNodeServer({ pauseOnConnect: true }, (socket) => sockets.push(socket));
    server.listen(address);
    await once(server, 'listening');
    let paused = 0;
    const sink = Object.assign(new Sink(loop), { pauseWriting: () => void paused++ });
    const [transport] = await createPipeConnection(loop, () => sink, address);
    transport.write(Buffer.alloc(1 << 20));
    expect([paused, transport.getWriteBufferSize() > 64 * 1024]).toEqual([1, true]);
    while (sockets.length === 0) await sleep(0);
    sockets[0]!.destroy();
    expect(await sink.lost).toBeInstanceOf(BrokenPipeError);
    server.close();
    await once(server, 'close');
  }),
);

onWindows(
  'IOCP-20 a failing accept is reported, its instance is closed, and the next one is tried',
  inLoop(async (world) => {
    const { loop, address, reports } = world;
    const original = loop.backend.acceptPipe.bind(loop.backend);
    let failures = 1;
    loop.backend.acceptPipe = (...parameters) => {
      if (failures-- > 0) throw new Error('no');
      return original(...parameters);
    };
    const [server] = await serve(world);
    while (reports.length === 0) await sleep(0);
    const [transport, sink] = await createPipeConnection(loop, () => new Sink(loop), address);
    transport.write(Buffer.from('still'));
    expect((await sink.until(5)).toString()).toBe('still');
    const [report, ...more] = reports.splice(0);
    expect(more).toEqual([]);
    expect(report!.message).toBe('Pipe accept failed');
    expect((report as { pipe?: PipeHandle }).pipe!.handle).toBeNull();
    transport.close();
    await sink.lost;
    server.close();
  }),
);

onWindows(
  'IOCP-21 the wrapper of a handle',
  inLoop(async ({ loop, address }) => {
    const handle = loop.backend.createPipeInstance(address, true);
    expect(handle.fileno()).toBe(handle.handle);
    expect(String(handle)).toBe(`<PipeHandle handle=${handle.handle}>`);
    {
      using same = handle;
      expect(same).toBe(handle);
    }
    handle.close();
    expect(handle.handle).toBeNull();
    expect(() => handle.fileno()).toThrow(ValueError);
    expect(String(handle)).toBe('<PipeHandle closed>');
    await sleep(0);
  }),
);

onWindows(
  'nothing, a byte and eight megabytes, to a reader that takes its time',
  inLoop(async (world) => {
    const { loop, address } = world;
    const [server, protocols] = await serve(world);
    const [transport, sink] = await createPipeConnection(loop, () => new Sink(loop), address);
    transport.write(Buffer.alloc(0));
    transport.write(Buffer.from('x'));
    expect(String(await sink.until(1))).toBe('x');
    const data = Buffer.alloc(8 << 20, 'abcdefghijk');
    transport.pauseReading();
    transport.write(data);
    const echo = protocols[0]!.transport;
    while (echo.getWriteBufferSize() < 1 << 20) await sleep(0.001);
    expect(sink.received).toHaveLength(1);
    transport.resumeReading();
    expect((await sink.until(1 + data.length)).subarray(1).equals(data)).toBe(true);
    transport.close();
    transport.close();
    transport.abort();
    expect(await sink.lost).toBeNull();
    await protocols[0]!.lost;
    server.close();
    server.close();
    expect(server.closed()).toBe(true);
  }),
);

onWindows('wrong arguments, a call from a callback, and a closed loop', async () => {
  const loop = new TaskLoop({ backend: new IocpProactor() });
  const address = newAddress();
  await loop.runUntilComplete(async () => {
    for (const call of [createPipeConnection, startServingPipe]) {
      expect(await failure(call(loop, {} as never, address))).toBeInstanceOf(TypeError);
      expect(await failure(call(loop, () => ({}), 5 as never))).toBeInstanceOf(TypeError);
      expect(await failure(call(loop, () => ({}), ''))).toBeInstanceOf(ValueError);
    }
    const done = loop.createFuture<PipeServer>();
    loop.callSoon(async () => done.setResult((await startServingPipe(loop, () => ({}), address))[0]));
    (await done).close();
  });
  loop.close();
  expect(await failure(createPipeConnection(loop, () => ({}), address))).toMatchObject({ name: 'RuntimeError' });
  expect(await failure(startServingPipe(loop, () => ({}), address))).toMatchObject({ name: 'RuntimeError' });
});

test('IOCP-23 other loops have none of it', async () => {
  const loop = new TaskLoop({ backend: new SelectorIo() });
  try {
    await loop.runUntilComplete(async () => {
      const address = '\\\\.\\pipe\\tsyncio-none';
      expect(await failure(createPipeConnection(loop, () => ({}), address))).toBeInstanceOf(NotImplementedError);
      expect(await failure(startServingPipe(loop, () => ({}), address))).toBeInstanceOf(NotImplementedError);
      expect(await failure(startServingPipe(loop, () => ({}), ''))).toBeInstanceOf(ValueError);
      expect(await failure(startServingPipe(loop, () => ({}), 5 as never))).toBeInstanceOf(TypeError);
    });
  } finally {
    loop.close();
  }
});
