import { Handle, type HandleOwner } from '@tsyncio/core';
import { ioBackendContract } from '@tsyncio/contract-tests';
import { AF_INET, Socket, SOCK_DGRAM, type StreamSink } from '@tsyncio/socket';
import { leakAudit, quiet } from '@tsyncio/test-support';
import {
  memoryDatagramPair,
  MemoryDatagramPeer,
  MemoryIo,
  MemoryListener,
  MemoryNetwork,
  memoryPair,
} from '@tsyncio/test-support/memory-io';

import { inMemory } from '@tsyncio/test-support/loops/backends';
import { iterations } from '@tsyncio/test-support/loops/world';

leakAudit();

ioBackendContract('MemoryIo', () => {
  const backend = new MemoryIo();
  return {
    backend,
    makeReady(job) {
      const [a, b] = memoryPair();
      b.send(Buffer.from('x'));
      // A backend never looks into a handle: it asks whether it is cancelled and hands it over.
      backend.addReader(a, Object.assign(job, { cancel: () => undefined }) as unknown as Handle);
      return () => {
        backend.removeReader(a);
        a.close();
        b.close();
      };
    },
    turn: quiet,
  };
});

const code = (expected: string): unknown => expect.objectContaining({ code: expected });

describe('watching', () => {
  const watching = (body: (io: MemoryIo, loop: HandleOwner) => Promise<void> | void): (() => Promise<void>) =>
    inMemory(async ({ loop }) => body(loop.backend as unknown as MemoryIo, loop));

  test(
    'READER-01 READER-04 READER-05 each direction by itself, the reader first, again and again',
    watching(async (io, loop) => {
      const [a, b] = memoryPair();
      const log: string[] = [];
      io.addReader(a, new Handle(() => log.push('read'), [], loop));
      io.addWriter(a.fileno(), new Handle(() => log.push('write'), [], loop));
      b.send(Buffer.from('x'));
      await iterations(3);
      expect(log).toEqual(['read', 'write', 'read', 'write']);
      expect([io.removeWriter(a), io.removeWriter(a)]).toEqual([true, false]);
      log.length = 0;
      await iterations(1);
      expect(log).toEqual(['read']);
      expect([io.removeReader(a.fileno()), io.active]).toEqual([true, false]);
    }),
  );

  test(
    'READER-03 READER-17 a newer one takes its place; one that was cancelled is forgotten',
    watching(async (io, loop) => {
      const [a, b] = memoryPair();
      b.send(Buffer.from('x'));
      let calls = 0;
      const first = new Handle(() => expect('never').toBe('called'), [], loop);
      io.addReader(a, first);
      const second = new Handle(() => calls++, [], loop);
      io.addReader(a, second);
      expect(first.cancelled()).toBe(true);
      await iterations(2); // found in the first, called behind the one that waits
      expect(calls).toBe(1);
      second.cancel();
      await iterations(2);
      expect([calls, io.removeReader(a)]).toEqual([1, false]);
    }),
  );

  test(
    'READER-07 READER-08 READER-16 what is no descriptor, what a transport has, what was closed',
    watching(async (io, loop) => {
      const [a] = memoryPair();
      const handle = (): Handle => new Handle(() => undefined, [], loop);
      expect(() => io.addReader(-1, handle())).toThrow(expect.objectContaining({ name: 'ValueError' }));
      expect(() => io.addReader(0, handle())).toThrow(code('EBADF') as Error);
      expect(io.removeReader(5)).toBe(false);
      let closing = false;
      const sink = { isClosing: () => closing, buffered: false } as unknown as StreamSink;
      const channel = io.openStream(a, sink, loop);
      expect(() => io.addReader(a, handle())).toThrow(expect.objectContaining({ name: 'RuntimeError' }));
      closing = true;
      expect(io.removeReader(a)).toBe(false);
      channel.close();
      const [c] = memoryPair();
      io.addReader(c, handle());
      c.close();
      expect(io.removeReader(c)).toBe(true);
    }),
  );
});

describe('datagrams', () => {
  test('UDP: by address, in order, cut to what is asked for; what has no receiver is lost', () => {
    const network = new MemoryNetwork();
    using one = new MemoryDatagramPeer(network);
    using other = new MemoryDatagramPeer(network);
    other.bind(['127.0.0.1', 0]);
    const [, port] = other.getsockname() as [string, number];
    expect(() => other.recvfrom(1)).toThrow(code('EAGAIN') as Error);
    for (const text of ['first', '']) one.sendto(Buffer.from(text), ['127.0.0.1', port]);
    const [data, from] = other.recvfrom(3);
    expect([data.toString(), from]).toEqual(['fir', ['127.0.0.1', expect.any(Number)]]);
    expect(other.recvfrom(3)[0]).toHaveLength(0);
    other.sendto(Buffer.from('back'), from!);
    expect(one.recv(10).toString()).toBe('back');
    expect(one.sendto(Buffer.from('x'), ['127.0.0.1', 1])).toBe(1);
    expect(() => one.sendto(Buffer.alloc(66_000), from!)).toThrow(code('EMSGSIZE') as Error);
    for (let i = 0; i < 10; i++) one.sendto(Buffer.alloc(65_000), ['127.0.0.1', port]);
    let received = 0;
    for (; other.source.readable; received++) other.recv(1);
    expect(received).toBe(3);
  });

  test('a connected socket hears that nobody is there', () => {
    const network = new MemoryNetwork();
    using gone = new MemoryDatagramPeer(network);
    gone.bind(['127.0.0.1', 0]);
    const socket = new Socket(AF_INET, SOCK_DGRAM);
    network.connect(socket, gone.getsockname());
    gone.close();
    const mailbox = network.mailbox(socket);
    expect(mailbox.transmit(Buffer.from('x'), null)).toBe(true);
    expect(() => mailbox.receive()).toThrow(code('ECONNREFUSED') as Error);
    expect(mailbox.receive()).toBe(null);
    socket.close();
  });

  test('Unix: nothing is lost, the sender waits', () => {
    const [a, b] = memoryDatagramPair();
    const sent = 65;
    for (let i = 0; i < sent; i++) a.send(Buffer.alloc(1000));
    expect(() => a.send(Buffer.alloc(1000))).toThrow(code('EAGAIN') as Error);
    for (let i = 0; i < sent; i++) expect(b.recv(2000)).toHaveLength(1000);
    a.send(Buffer.from('x'));
    b.close();
    expect(() => a.send(Buffer.from('x'))).toThrow(code('ECONNREFUSED') as Error);
    a.close();
  });
});

describe('names', () => {
  test('a listener is reached by its name, and by no other, until it is closed', () => {
    const network = new MemoryNetwork();
    const listener = new MemoryListener(network, ['127.0.0.1', 0]);
    const address = listener.getsockname();
    expect(() => listener.accept()).toThrow(code('EAGAIN') as Error);
    const client = network.dial(address);
    const [accepted, peer] = listener.accept();
    expect([client.getpeername(), accepted.getsockname(), peer]).toEqual([address, address, client.getsockname()]);
    client.send(Buffer.from('hello'));
    expect(accepted.recv(10).toString()).toBe('hello');
    const waiting = network.dial(address);
    listener.close();
    expect(() => waiting.recv(1)).toThrow(code('ECONNRESET') as Error);
    expect(() => network.dial(address)).toThrow(code('ECONNREFUSED') as Error);
    expect(() => new MemoryNetwork().dial('/no/such/path')).toThrow(code('ENOENT') as Error);
    for (const socket of [client, accepted, waiting]) socket.close();
  });

  test('one that is bound to all interfaces is reached by any', () => {
    const network = new MemoryNetwork();
    const listener = new MemoryListener(network, ['0.0.0.0', 0]);
    const [, port] = listener.getsockname() as [string, number];
    expect(network.dial(['127.0.0.1', port]).family).toBe(AF_INET);
    expect(() => network.dial('/path')).toThrow(code('ENOENT') as Error);
    listener.close();
  });

  test('a real socket that is connected tells whom to, and ends with its descriptor', () => {
    const network = new MemoryNetwork();
    const listener = new MemoryListener(network, ['127.0.0.1', 0]);
    const socket = new Socket(AF_INET);
    network.connect(socket, listener.getsockname());
    expect(socket.getpeername()).toEqual(listener.getsockname());
    const [accepted, peer] = listener.accept();
    expect(peer).toEqual(socket.getsockname());
    socket.close();
    expect(accepted.recv(1)).toHaveLength(0);
    expect(() => socket.getpeername()).toThrow(code('EBADF') as Error);
    accepted.close();
    listener.close();
  });
});
