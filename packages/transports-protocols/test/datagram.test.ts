import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { CancelledError, getRunningLoop, isOSError, type OSError } from '@tsyncio/core';
import { sleep, type Future, type TaskLoop } from '@tsyncio/futures-tasks';
import type { SelectorIo } from '@tsyncio/selector-io';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  SO_BROADCAST,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_SNDBUF,
  SOCK_DGRAM,
  SOCK_STREAM,
  Socket,
  SOL_SOCKET,
  type Address,
} from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import {
  createDatagramEndpoint,
  DatagramProtocol,
  sendfile,
  type DatagramOptions,
  type DatagramTransport,
} from '@tsyncio/transports-protocols';

import { eachBackend } from '@tsyncio/test-support/loops/backends';
import { iterations } from '@tsyncio/test-support/loops/world';
import { failure } from '@tsyncio/test-support/loops/failure';

const audit = leakAudit();

/** Writes down its calls. */
class Recorder extends DatagramProtocol {
  readonly events: string[] = [];
  readonly peers: (Address | null)[] = [];
  readonly errors: OSError[] = [];
  transport!: DatagramTransport;
  readonly lost: Future<void>;
  private waiting: { future: Future<void>; events: number } | null = null;

  constructor(private readonly loop: TaskLoop<SelectorIo>) {
    super();
    this.lost = loop.createFuture<void>();
  }

  /** Waits until there are so many events. */
  async until(events: number): Promise<string[]> {
    this.waiting = { future: this.loop.createFuture<void>(), events };
    this.check();
    await this.waiting.future;
    return this.events;
  }

  override connectionMade(transport: DatagramTransport): void {
    this.transport = transport;
    this.note('made');
  }
  override datagramReceived(data: Buffer, address: Address | null): unknown {
    this.peers.push(address);
    this.note(`data ${data.length > 20 ? `of ${data.length}` : data.toString()}`);
    return undefined;
  }
  override errorReceived(error: Error): void {
    this.errors.push(error as OSError);
    this.note(`error ${(error as OSError).code}`);
  }
  override pauseWriting(): void {
    this.note('pause');
  }
  override resumeWriting(): void {
    this.note('resume');
  }
  override connectionLost(error: Error | null): void {
    this.note(error === null ? 'lost null' : `lost ${error.name}`);
    this.lost.setResult(undefined);
  }

  protected note(event: string): void {
    this.events.push(event);
    this.check();
  }
  private check(): void {
    const { waiting } = this;
    if (waiting !== null && this.events.length >= waiting.events && !waiting.future.done()) {
      waiting.future.setResult(undefined);
    }
  }
}

/** Sends back what it gets, to the sender. */
class Echo extends Recorder {
  override datagramReceived(data: Buffer, address: Address | null): unknown {
    super.datagramReceived(data, address);
    this.transport.sendto(data, address);
    return undefined;
  }
}

const LOCAL: DatagramOptions = { localAddr: ['127.0.0.1', 0] };

async function open<P extends Recorder = Recorder>(
  loop: TaskLoop<SelectorIo>,
  options: DatagramOptions,
  protocol: P = new Recorder(loop) as P,
): Promise<[DatagramTransport, P, Address]> {
  const [transport] = await createDatagramEndpoint(loop, () => protocol, options);
  return [transport, protocol, transport.getExtraInfo('sockname')!];
}

async function closed(...protocols: Recorder[]): Promise<void> {
  for (const { transport, lost } of protocols) {
    transport.close();
    await lost;
  }
}

/** A folder for socket files. */
function withFolder(body: (path: (name: string) => string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tsyncio-'));
  return body((name) => join(folder, name)).finally(() => rmSync(folder, { recursive: true }));
}

eachBackend(({ inLoop, datagramSocket, datagramPair }) => {
  describe('making an endpoint', () => {
    test(
      'DGRAM-01 a local address binds; made comes before the operation is done',
      inLoop(async ({ loop }) => {
        const [transport, protocol, sockname] = await open(loop, LOCAL);
        expect(protocol.events).toEqual(['made']);
        expect(protocol.transport).toBe(transport);
        expect(sockname).toEqual(['127.0.0.1', expect.any(Number)]);
        expect(transport.getExtraInfo('peername')).toBeNull();
        expect(transport.getExtraInfo('socket')!.getsockname()).toEqual(sockname);
        await closed(protocol);
      }),
    );

    test(
      'DGRAM-02 DGRAM-32 a remote address connects, and needs no address to send; echo over IPv4',
      inLoop(async ({ loop }) => {
        const [, server, address] = await open(loop, LOCAL, new Echo(loop));
        const [transport, client] = await open(loop, { remoteAddr: address });
        expect(transport.getExtraInfo('peername')).toEqual(address);
        transport.sendto(Buffer.from('hello'));
        expect(await client.until(2)).toEqual(['made', 'data hello']);
        expect(client.peers).toEqual([address]);
        expect(server.peers).toEqual([transport.getExtraInfo('sockname')]);
        await closed(server, client);
      }),
    );

    test(
      'DGRAM-32 echo over IPv6',
      inLoop(async ({ loop }) => {
        const [, server, address] = await open(loop, { localAddr: ['::1', 0] }, new Echo(loop));
        const [transport, client] = await open(loop, { remoteAddr: [address[0] as string, address[1] as number] });
        transport.sendto(Buffer.from('hello'));
        expect(await client.until(2)).toEqual(['made', 'data hello']);
        expect(client.peers).toEqual([address]);
        await closed(server, client);
      }),
    );

    test('DGRAM-32 DGRAM-13 echo over Unix sockets; a leftover socket file is removed before binding', () =>
      withFolder((path) =>
        inLoop(async ({ loop }) => {
          using stale = new Socket(AF_UNIX, SOCK_DGRAM);
          stale.bind(path('server'));
          const [, server] = await open(loop, { localAddr: path('server'), family: AF_UNIX }, new Echo(loop));
          const [transport, client] = await open(loop, {
            localAddr: path('client'),
            remoteAddr: pathToFileURL(path('server')),
            family: AF_UNIX,
          });
          transport.sendto(Buffer.from('hello'));
          expect(await client.until(2)).toEqual(['made', 'data hello']);
          expect(server.peers).toEqual([path('client')]);
          await closed(server, client);
          // DGRAM-14: the file stays.
          expect(existsSync(path('server'))).toBe(true);
        })(),
      ));

    test('DGRAM-13 DGRAM-14 NETARG-11 a regular file in the way is EADDRINUSE, a missing remote path ENOENT; only paths will do', () =>
      withFolder((path) =>
        inLoop(async ({ loop }) => {
          writeFileSync(path('file'), '');
          const create = (options: DatagramOptions) =>
            createDatagramEndpoint(loop, () => new Recorder(loop), { family: AF_UNIX, ...options });
          expect(await failure(create({ localAddr: path('file') }))).toMatchObject({ code: 'EADDRINUSE' });
          expect(existsSync(path('file'))).toBe(true);
          expect(await failure(create({ remoteAddr: path('nobody') }))).toMatchObject({
            name: 'FileNotFoundError',
            code: 'ENOENT',
          });
          expect(await failure(create({ localAddr: ['127.0.0.1', 0] }))).toBeInstanceOf(TypeError);
        })(),
      ));

    test(
      'DGRAM-13 abstract names are left alone',
      inLoop(async ({ loop }) => {
        const name = `\0tsyncio-${process.pid}-${Math.random()}`;
        const [, first] = await open(loop, { localAddr: name, family: AF_UNIX });
        const error = await failure(open(loop, { localAddr: name, family: AF_UNIX }));
        expect(error).toMatchObject({ code: 'EADDRINUSE' });
        await closed(first);
      }),
    );

    test(
      'DGRAM-03 NETARG-11 without addresses the family is needed, and gives an unbound socket',
      inLoop(async ({ loop }) => {
        expect(await failure(open(loop, {}))).toMatchObject({ name: 'ValueError' });
        const [transport, server, address] = await open(loop, LOCAL);
        const [sender, client] = await open(loop, { family: AF_INET });
        expect(client.transport.getExtraInfo('socket')!.family).toBe(AF_INET);
        sender.sendto(Buffer.from('x'), address);
        expect(await server.until(2)).toEqual(['made', 'data x']);
        expect(transport.getExtraInfo('peername')).toBeNull();
        await closed(server, client);
      }),
    );

    test(
      'DGRAM-04 NETARG-11 addresses are pairs',
      inLoop(async ({ loop }) => {
        for (const localAddr of ['127.0.0.1', ['::1', 0, 0, 0], ['127.0.0.1'], 5]) {
          expect(await failure(open(loop, { localAddr: localAddr as never }))).toBeInstanceOf(TypeError);
        }
      }),
    );

    test(
      'DGRAM-05 NETARG-11 local and remote must have a family in common',
      inLoop(async ({ loop }) => {
        const error = await failure(open(loop, { localAddr: ['127.0.0.1', 0], remoteAddr: ['::1', 1] }));
        expect(error).toMatchObject({ name: 'ValueError' });
        expect(error.message).toContain('in common');
      }),
    );

    test(
      'DGRAM-06 the error of the first candidate is the one to be told',
      inLoop(async ({ loop }) => {
        const [, first, address] = await open(loop, LOCAL);
        const error = await failure(open(loop, { localAddr: address }));
        expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', address: '127.0.0.1' });
        expect(await failure(open(loop, { localAddr: ['127.0.0.1', 65_536] }))).toMatchObject({ name: 'ValueError' });
        await closed(first);
      }),
    );

    test(
      'DGRAM-08 NETARG-12 reuseAddress: true is refused, and the option is never set',
      inLoop(async ({ loop }) => {
        const error = await failure(open(loop, { ...LOCAL, reuseAddress: true }));
        expect(error).toMatchObject({ name: 'ValueError', message: expect.stringContaining('reuseAddress') });
        for (const reuseAddress of [false, null, undefined]) {
          const [transport, protocol] = await open(loop, { ...LOCAL, reuseAddress });
          expect(transport.getExtraInfo('socket')!.getsockopt(SOL_SOCKET, SO_REUSEADDR)).toBe(0);
          await closed(protocol);
        }
      }),
    );

    test.each([
      ['reusePort', SO_REUSEPORT],
      ['allowBroadcast', SO_BROADCAST],
    ] as const)('DGRAM-09 %s sets its option, which is off otherwise', (name, option) =>
      inLoop(async ({ loop }) => {
        for (const wanted of [true, false]) {
          const [transport, protocol] = await open(loop, { ...LOCAL, [name]: wanted });
          expect(transport.getExtraInfo('socket')!.getsockopt(SOL_SOCKET, option)).toBe(Number(wanted));
          await closed(protocol);
        }
      })(),
    );

    test(
      'DGRAM-10 NETARG-12 with allowBroadcast the socket is not connected, but sends to its remote address only',
      inLoop(async ({ loop }) => {
        const [, server, address] = await open(loop, LOCAL);
        const [transport, client] = await open(loop, { remoteAddr: address, allowBroadcast: true });
        expect(transport.getExtraInfo('peername')).toBeNull();
        transport.sendto(Buffer.from('one'));
        transport.sendto(Buffer.from('two'), address);
        expect(await server.until(3)).toEqual(['made', 'data one', 'data two']);
        expect(() => transport.sendto(Buffer.from('x'), ['127.0.0.1', 9])).toThrow(
          expect.objectContaining({ name: 'ValueError' }),
        );
        await closed(server, client);
      }),
    );

    test(
      'DGRAM-11 DGRAM-12 sock must be a datagram socket and excludes the rest',
      inLoop(async ({ loop }) => {
        using stream = new Socket(AF_INET, SOCK_STREAM);
        expect(await failure(open(loop, { sock: stream }))).toMatchObject({ name: 'ValueError' });
        expect(stream.closed).toBe(false);
        using sock = new Socket(AF_INET, SOCK_DGRAM);
        const excluded: DatagramOptions[] = [
          LOCAL,
          { remoteAddr: ['127.0.0.1', 1] },
          { family: AF_INET },
          { proto: 17 },
          { flags: 1 },
          { reusePort: true },
          { allowBroadcast: true },
        ];
        for (const options of excluded) {
          const error = await failure(open(loop, { sock, ...options }));
          expect(error).toMatchObject({
            name: 'ValueError',
            message: expect.stringContaining(Object.keys(options)[0]!),
          });
        }
        expect(await failure(open(loop, { sock: {} as never }))).toBeInstanceOf(TypeError);
        const [transport, protocol] = await open(loop, { sock, reuseAddress: true });
        expect(sock.getblocking()).toBe(false);
        expect(transport.getExtraInfo('socket')!.fileno()).toBe(sock.fileno());
        await closed(protocol);
        expect(sock.closed).toBe(true);
      }),
    );

    test(
      'bad arguments arrive through the operation and name what is wrong',
      inLoop(async ({ loop }) => {
        expect(await failure(createDatagramEndpoint(loop, 5 as never, LOCAL))).toMatchObject({
          name: 'TypeError',
          message: expect.stringContaining('protocolFactory'),
        });
        expect(await failure(open(loop, { port: 5 } as never))).toMatchObject({
          name: 'TypeError',
          message: expect.stringContaining("'port'"),
        });
        expect(await failure(createDatagramEndpoint(loop, () => 5 as never, LOCAL))).toBeInstanceOf(TypeError);
      }),
    );

    test(
      'a factory that throws leaves no descriptor; a given socket stays open',
      inLoop(async ({ loop }) => {
        const broken = () => {
          throw new Error('no protocol');
        };
        expect(await failure(createDatagramEndpoint(loop, broken, LOCAL))).toMatchObject({ message: 'no protocol' });
        using sock = new Socket(AF_INET, SOCK_DGRAM);
        await failure(createDatagramEndpoint(loop, broken, { sock }));
        expect(sock.closed).toBe(false);
      }),
    );

    test(
      'cancelled before connectionMade it closes the transport',
      inLoop(async ({ loop }) => {
        const protocol = new Recorder(loop);
        const task = loop.createTask(() => createDatagramEndpoint(loop, () => protocol, LOCAL));
        await sleep(0);
        task.cancel();
        expect(await failure(task)).toBeInstanceOf(CancelledError);
        await protocol.lost;
        expect(protocol.events).toEqual(['made', 'lost null']);
      }),
    );
  });

  describe('receiving', () => {
    test(
      'DGRAM-15 a call for each datagram, in order, empty ones too',
      inLoop(async ({ loop }) => {
        const [, server, address] = await open(loop, LOCAL);
        using client = datagramSocket();
        for (const text of ['a', '', 'c']) client.sendto(Buffer.from(text), address);
        expect(await server.until(4)).toEqual(['made', 'data a', 'data ', 'data c']);
        expect(server.peers).toEqual(
          [client.getsockname(), client.getsockname(), client.getsockname()].map((a) => ['127.0.0.1', a[1]]),
        );
        await closed(server);
      }),
    );

    test(
      'DGRAM-15 datagrams as large as there are arrive whole, and belong to their receiver',
      inLoop(async ({ loop }) => {
        const kept: Buffer[] = [];
        const protocol = new Recorder(loop);
        protocol.datagramReceived = (data: Buffer) => {
          kept.push(data);
          return Recorder.prototype.datagramReceived.call(protocol, data, null);
        };
        const [, server, address] = await open(loop, LOCAL, protocol);
        using client = datagramSocket();
        const sizes = [1, 65_507, 2000, 65_507, 0, 30_000];
        for (const [i, size] of sizes.entries()) {
          client.sendto(Buffer.alloc(size, 65 + i), address);
          await server.until(2 + i);
        }
        expect(kept.map((data) => data.length)).toEqual(sizes);
        expect(kept.every((data, i) => data.equals(Buffer.alloc(sizes[i]!, 65 + i)))).toBe(true);
        await closed(server);
      }),
    );

    test(
      'DGRAM-15 a sender without an address gives null',
      inLoop(async ({ loop }) => {
        const [ours, peer] = datagramPair();
        const [, protocol] = await open(loop, { sock: ours });
        peer.send(Buffer.from('x'));
        expect(await protocol.until(2)).toEqual(['made', 'data x']);
        expect(protocol.peers).toEqual([null]);
        peer.close();
        await closed(protocol);
      }),
    );

    test(
      'DGRAM-24 an error of datagramReceived is reported; the endpoint goes on',
      inLoop(async ({ loop, reports }) => {
        const protocol = new Recorder(loop);
        let fail = true;
        protocol.datagramReceived = (data: Buffer) => {
          if (!fail) return Recorder.prototype.datagramReceived.call(protocol, data, null);
          fail = false;
          throw new Error('not today');
        };
        const [transport, , address] = await open(loop, LOCAL, protocol);
        using client = datagramSocket();
        client.sendto(Buffer.from('1'), address);
        client.sendto(Buffer.from('2'), address);
        expect(await protocol.until(2)).toEqual(['made', 'data 2']);
        expect(reports.splice(0)).toEqual([
          expect.objectContaining({
            exception: expect.objectContaining({ message: 'not today' }),
            transport,
            protocol,
          }),
        ]);
        await closed(protocol);
      }),
    );

    test(
      'an async datagramReceived has its step to itself; its rejection is reported',
      inLoop(async ({ loop, reports }) => {
        const protocol = new Recorder(loop);
        protocol.datagramReceived = async (data: Buffer) => {
          await Promise.resolve();
          Recorder.prototype.datagramReceived.call(protocol, data, null);
          if (data.length === 1) throw new Error('one byte');
        };
        const [, , address] = await open(loop, LOCAL, protocol);
        using client = datagramSocket();
        client.sendto(Buffer.from('1'), address);
        client.sendto(Buffer.from('22'), address);
        expect(await protocol.until(3)).toEqual(['made', 'data 1', 'data 22']);
        expect(reports.splice(0)).toEqual([
          expect.objectContaining({ exception: expect.objectContaining({ message: 'one byte' }) }),
        ]);
        await closed(protocol);
      }),
    );
  });

  describe('sending', () => {
    /** An endpoint that can send nothing more, over a pair of Unix sockets; `drain` takes what its peer has got. */
    async function full(loop: TaskLoop<SelectorIo>) {
      const [ours, peer] = datagramPair();
      ours.setsockopt(SOL_SOCKET, SO_SNDBUF, 4096);
      const [transport, protocol] = await open(loop, { sock: ours });
      let sent = 0;
      while (transport.getWriteBufferSize() === 0) transport.sendto(Buffer.from(`${sent++}`.padEnd(100)));
      const drain = (): string[] => {
        const texts: string[] = [];
        for (;;) {
          try {
            texts.push(peer.recv(1000).toString().trim());
          } catch (error) {
            if (!isOSError(error) || error.code !== 'EAGAIN') throw error;
            return texts;
          }
        }
      };
      return { transport, protocol, peer, sent, drain };
    }

    test(
      'DGRAM-16 what is no bytes is a TypeError; empty data sends an empty datagram',
      inLoop(async ({ loop }) => {
        const [, server, address] = await open(loop, LOCAL);
        const [transport, client] = await open(loop, { remoteAddr: address });
        for (const bad of ['text', null, 5, undefined, [1]]) {
          expect(() => transport.sendto(bad as never)).toThrow(TypeError);
        }
        transport.sendto(new Uint8Array(0));
        expect(await server.until(2)).toEqual(['made', 'data ']);
        await closed(server, client);
      }),
    );

    test(
      'DGRAM-17 DGRAM-18 DGRAM-25 what would block is copied into the queue and sent in order',
      inLoop(async ({ loop }) => {
        const { transport, protocol, peer, sent, drain } = await full(loop);
        expect(transport.getWriteBufferSize()).toBe(100);
        const data = Buffer.from('changed later');
        transport.sendto(data);
        data.fill(0);
        expect(transport.getWriteBufferSize()).toBe(113);
        const texts = drain();
        expect(texts.length).toBe(sent - 1);
        while (texts.length < sent + 1) {
          await iterations(1);
          texts.push(...drain());
        }
        expect(texts).toEqual([...Array.from({ length: sent }, (_, i) => `${i}`), 'changed later']);
        expect(transport.getWriteBufferSize()).toBe(0);
        peer.close();
        await closed(protocol);
      }),
    );

    test(
      'DGRAM-25 the marks pause and resume the protocol',
      inLoop(async ({ loop }) => {
        const { transport, protocol, peer, drain } = await full(loop);
        transport.setWriteBufferLimits({ high: 250, low: 100 });
        transport.sendto(Buffer.alloc(100));
        expect(protocol.events).toEqual(['made']);
        transport.sendto(Buffer.alloc(100));
        expect(protocol.events).toEqual(['made', 'pause']);
        while (protocol.events.length < 3) {
          drain();
          await iterations(1);
        }
        expect(protocol.events).toEqual(['made', 'pause', 'resume']);
        expect(transport.getWriteBufferLimits()).toEqual([100, 250]);
        peer.close();
        await closed(protocol);
      }),
    );

    test(
      'DGRAM-19 with a remote address no other is allowed',
      inLoop(async ({ loop }) => {
        const [, server, address] = await open(loop, LOCAL);
        const [transport, client] = await open(loop, { remoteAddr: address });
        transport.sendto(Buffer.from('1'), null);
        transport.sendto(Buffer.from('2'), address);
        expect(() => transport.sendto(Buffer.from('3'), ['127.0.0.1', 1])).toThrow(/127\.0\.0\.1/);
        expect(await server.until(3)).toEqual(['made', 'data 1', 'data 2']);
        await closed(server, client);
      }),
    );

    test(
      'DGRAM-20 nobody listens: errorReceived gets ECONNREFUSED and the endpoint stays open',
      inLoop(async ({ loop }) => {
        using gone = new Socket(AF_INET, SOCK_DGRAM);
        gone.bind(['127.0.0.1', 0]);
        const address = gone.getsockname();
        gone.close();
        const [transport, protocol] = await open(loop, { remoteAddr: address });
        transport.sendto(Buffer.from('x'));
        expect(await protocol.until(2)).toEqual(['made', 'error ECONNREFUSED']);
        expect(protocol.errors[0]!.name).toBe('ConnectionRefusedError');
        expect(transport.isClosing()).toBe(false);
        await closed(protocol);
      }),
    );

    test(
      'DGRAM-20 a datagram that is too long brings EMSGSIZE at once',
      inLoop(async ({ loop }) => {
        const [, server, address] = await open(loop, LOCAL);
        const [transport, client] = await open(loop, { remoteAddr: address });
        transport.sendto(Buffer.alloc(70_000));
        expect(client.events).toEqual(['made', 'error EMSGSIZE']);
        transport.sendto(Buffer.from('ok'));
        expect(await server.until(2)).toEqual(['made', 'data ok']);
        await closed(server, client);
      }),
    );

    test(
      'DGRAM-21 an error while the queue is sent drops that datagram only',
      inLoop(async ({ loop }) => {
        const { transport, protocol, peer, sent, drain } = await full(loop);
        transport.sendto(Buffer.alloc(60_000)); // longer than the socket buffer: EMSGSIZE
        transport.sendto(Buffer.from('behind'));
        const texts: string[] = [];
        while (!texts.includes('behind')) {
          texts.push(...drain());
          await iterations(1);
        }
        expect(protocol.events).toEqual(['made', 'error EMSGSIZE']);
        expect(texts).toEqual([...Array.from({ length: sent }, (_, i) => `${i}`), 'behind']);
        peer.close();
        await closed(protocol);
      }),
    );

    test(
      'DGRAM-22 DGRAM-23 a malformed address, or none, is refused there and then; the endpoint stays open',
      inLoop(async ({ loop }) => {
        const [transport, protocol, address] = await open(loop, LOCAL);
        expect(() => transport.sendto(Buffer.from('x'))).toThrow(TypeError);
        expect(() => transport.sendto(Buffer.from('x'), 'nowhere')).toThrow(TypeError);
        expect(() => transport.sendto(Buffer.from('x'), ['127.0.0.1', 70_000])).toThrow(/port/);
        expect(() => transport.sendto(Buffer.from('x'), ['localhost', 1])).toThrow(
          expect.objectContaining({ name: 'GaiError' }),
        );
        transport.sendto(Buffer.from('me'), address);
        expect(await protocol.until(2)).toEqual(['made', 'data me']);
        await closed(protocol);
      }),
    );

    test(
      'to many peers, each gets its own',
      inLoop(async ({ loop }) => {
        const [, server, address] = await open(loop, LOCAL, new Echo(loop));
        const clients = await Promise.all(Array.from({ length: 20 }, () => open(loop, { remoteAddr: address })));
        for (let round = 0; round < 3; round++) {
          for (const [i, [transport]] of clients.entries()) transport.sendto(Buffer.from(`${round} ${i}`));
          for (const [, client] of clients) await client.until(round + 2);
        }
        for (const [i, [, client]] of clients.entries()) {
          expect(client.events).toEqual(['made', `data 0 ${i}`, `data 1 ${i}`, `data 2 ${i}`]);
        }
        await closed(server, ...clients.map(([, client]) => client));
      }),
    );
  });

  describe('ending', () => {
    async function stuffed(loop: TaskLoop<SelectorIo>) {
      const [ours, peer] = datagramPair();
      const [transport, protocol] = await open(loop, { sock: ours });
      while (transport.getWriteBufferSize() < 300) transport.sendto(Buffer.alloc(100));
      return { transport, protocol, peer };
    }

    test(
      'DGRAM-26 close stops receiving and comes in the next iteration when nothing is queued',
      inLoop(async ({ loop }) => {
        const [transport, protocol, address] = await open(loop, LOCAL);
        using client = datagramSocket();
        client.sendto(Buffer.from('late'), address);
        transport.close();
        transport.close();
        expect([transport.isClosing(), protocol.events]).toEqual([true, ['made']]);
        await iterations(1);
        expect(protocol.events).toEqual(['made', 'lost null']);
        expect([transport.getProtocol(), transport.getExtraInfo('socket')!.fileno()]).toEqual([null, -1]);
      }),
    );

    test(
      'DGRAM-26 close sends the queue first',
      inLoop(async ({ loop }) => {
        const { transport, protocol, peer } = await stuffed(loop);
        transport.close();
        await iterations(2);
        expect(protocol.events).toEqual(['made']);
        while (!protocol.lost.done()) {
          try {
            for (;;) peer.recv(1000);
          } catch {
            await iterations(1);
          }
        }
        expect([protocol.events, transport.getWriteBufferSize()]).toEqual([['made', 'lost null'], 0]);
        peer.close();
      }),
    );

    test(
      'DGRAM-27 abort discards the queue',
      inLoop(async ({ loop }) => {
        const { transport, protocol, peer } = await stuffed(loop);
        transport.close();
        transport.abort();
        transport.abort();
        expect(transport.getWriteBufferSize()).toBe(0);
        await protocol.lost;
        expect(protocol.events).toEqual(['made', 'lost null']);
        peer.close();
      }),
    );

    test(
      'DGRAM-28 DGRAM-29 after the loss sendto is ignored, from the fifth time on with a warning',
      inLoop(async ({ loop }) => {
        const [, server, address] = await open(loop, LOCAL);
        const [transport, client] = await open(loop, { remoteAddr: address });
        await closed(client);
        for (let i = 0; i < 6; i++) transport.sendto(Buffer.from('x'));
        expect(audit.takeRecords().map(({ level }) => level)).toEqual(['warning', 'warning']);
        transport.close();
        transport.abort();
        expect(client.events).toEqual(['made', 'lost null']);
        await closed(server);
        server.transport.sendto(Buffer.from('x'), address);
      }),
    );

    test(
      'DGRAM-30 there is no write, writeEof or pausing',
      inLoop(async ({ loop }) => {
        const [transport, protocol] = await open(loop, LOCAL);
        const all = transport as unknown as Record<string, (argument?: unknown) => unknown>;
        for (const method of [
          'write',
          'writelines',
          'writeEof',
          'canWriteEof',
          'pauseReading',
          'resumeReading',
          'isReading',
        ]) {
          expect(() => all[method]!([])).toThrow(expect.objectContaining({ name: 'NotImplementedError' }));
        }
        expect(transport.getWriteBufferLimits()).toEqual([16_384, 65_536]);
        await closed(protocol);
      }),
    );

    test(
      'DGRAM-31 it sends no files',
      inLoop(async ({ loop }) => {
        const [transport, protocol] = await open(loop, LOCAL);
        expect(await failure(sendfile(loop, transport as never, 0))).toMatchObject({ name: 'RuntimeError' });
        await closed(protocol);
      }),
    );

    test(
      'it tells its state, and the loop that is closed under it closes the socket',
      inLoop(async ({ loop }) => {
        const [transport, protocol] = await open(loop, LOCAL);
        const fd = transport.getExtraInfo('socket')!.fileno();
        expect(String(transport)).toBe(`<SocketDatagramTransport fd=${fd} read=polling write=<idle, bufsize=0>>`);
        expect(getRunningLoop()).toBe(loop);
        await closed(protocol);
        expect(String(transport)).toContain('closed');
      }),
    );
  });

  test(
    'an IPv6 address keeps its flow and scope',
    inLoop(async ({ loop }) => {
      const [transport, protocol] = await open(loop, { family: AF_INET6 });
      const [, server, address] = await open(loop, { localAddr: ['::1', 0] });
      transport.sendto(Buffer.from('x'), address);
      expect(await server.until(2)).toEqual(['made', 'data x']);
      await closed(protocol, server);
    }),
  );
});
