import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';

import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  fileDescriptor,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  IPPROTO_IPV6,
  MSG_PEEK,
  SHUT_RDWR,
  SHUT_WR,
  SO_ACCEPTCONN,
  SO_ERROR,
  SO_LINGER,
  SO_REUSEADDR,
  SO_TYPE,
  SOCK_DGRAM,
  SOCK_STREAM,
  Socket,
  socketpair,
  SOL_SOCKET,
  TCP_NODELAY,
  type Address,
  type InetAddress,
} from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { thrown } from './support/errors.js';

leakAudit();

const directory = mkdtempSync(join(tmpdir(), 'tsyncio-socket-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** A listener on a free port of the loopback interface. */
function listener(family: number = AF_INET, host = '127.0.0.1'): Socket {
  const socket = new Socket(family);
  socket.bind([host, 0]);
  socket.listen();
  return socket;
}

describe('connections', () => {
  test.each<[string, number, string]>([
    ['IPv4', AF_INET, '127.0.0.1'],
    ['IPv6', AF_INET6, '::1'],
  ])('over %s', (_title, family, host) => {
    using server = listener(family, host);
    using client = new Socket(family);
    client.connect(server.getsockname());
    const [peer, address] = server.accept();
    expect(address).toEqual(client.getsockname());
    expect(peer.getsockname()).toEqual(server.getsockname());
    expect(client.getpeername()).toEqual(server.getsockname());
    expect(client.send(Buffer.from('ping'))).toBe(4);
    expect(peer.recv(10).toString()).toBe('ping');
    client.shutdown(SHUT_WR);
    expect(peer.recv(10)).toHaveLength(0);
    peer.close();
  });

  test.each<[string, () => Address]>([
    ['a path', () => join(directory, 'path.sock')],
    ['a path with umlauts', () => join(directory, 'ä.sock')],
    ['a path that is not UTF-8', () => Buffer.concat([Buffer.from(directory), Buffer.from([0x2f, 0xff])])],
    ['an abstract name', () => `\0tsyncio-test-${process.pid}`],
  ])('over %s', (_title, name) => {
    const address = name();
    using server = new Socket(AF_UNIX);
    server.bind(address);
    server.listen();
    expect(server.getsockname()).toEqual(address);
    using client = new Socket(AF_UNIX);
    client.connect(address);
    const [peer, from] = server.accept();
    expect(from).toBe('');
    client.send(Buffer.from('x'));
    expect(peer.recv(1).toString()).toBe('x');
    peer.close();
  });

  test('with a client of node:net in another process', async () => {
    using server = listener();
    const [host, port] = server.getsockname() as InetAddress;
    const script = `
      const socket = require('net').connect(${port}, '${host}');
      socket.on('data', (data) => socket.end(data.toString().toUpperCase()));`;
    const client = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
    const [peer] = server.accept();
    peer.send(Buffer.from('hello'));
    expect(peer.recv(100).toString()).toBe('HELLO');
    expect(peer.recv(100)).toHaveLength(0);
    peer.close();
    await once(client, 'exit');
  });

  test('socketpair', () => {
    const [a, b] = socketpair();
    expect([a.family, a.type, a.proto]).toEqual([AF_UNIX, SOCK_STREAM, 0]);
    a.send(Buffer.from('abc'));
    expect(b.recv(1).toString()).toBe('a');
    expect(b.recv(100).toString()).toBe('bc');
    a.close();
    b.close();
    expect(thrown(() => socketpair(AF_INET))).toMatchObject({ code: 'ENOTSUP', syscall: 'socketpair' });
  });

  test('one that is refused', () => {
    const gone = listener();
    const address = gone.getsockname() as InetAddress;
    gone.close();
    using client = new Socket();
    const error = thrown(() => client.connect(address));
    expect(error.name).toBe('ConnectionRefusedError');
    expect(error.message).toBe(`connect ECONNREFUSED ${address[0]}:${address[1]}`);
    expect(error).toMatchObject({
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
      address: address[0],
      port: address[1],
    });
  });

  test('to a path that is not there', () => {
    using client = new Socket(AF_UNIX);
    const path = join(directory, 'nobody');
    const error = thrown(() => client.connect(path));
    expect(error.name).toBe('FileNotFoundError');
    expect(error.message).toBe(`connect ENOENT ${path}`);
  });

  test('bind to an address that is taken', () => {
    using server = listener();
    using other = new Socket();
    const error = thrown(() => other.bind(server.getsockname()));
    expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', address: '127.0.0.1' });
  });
});

describe('non-blocking', () => {
  test('would block is EAGAIN', () => {
    const [a, b] = socketpair(AF_UNIX, SOCK_STREAM, 0, { nonblocking: true });
    expect(a.getblocking()).toBe(false);
    expect(thrown(() => a.recv(1))).toMatchObject({ name: 'OSError', code: 'EAGAIN', errno: -11, syscall: 'recv' });
    const chunk = Buffer.alloc(1 << 16);
    expect(
      thrown(() => {
        for (;;) a.send(chunk);
      }),
    ).toMatchObject({ code: 'EAGAIN', syscall: 'send' });
    a.close();
    b.close();
  });

  test('connect, then SO_ERROR', () => {
    using server = listener();
    using client = new Socket(AF_INET, SOCK_STREAM, 0, { nonblocking: true });
    expect(thrown(() => client.connect(server.getsockname()))).toMatchObject({ code: 'EINPROGRESS' });
    const [peer] = server.accept();
    expect(client.getsockopt(SOL_SOCKET, SO_ERROR)).toBe(0);
    peer.close();
  });

  test('accept without a connection', () => {
    using server = listener();
    server.setblocking(false);
    expect(thrown(() => server.accept())).toMatchObject({ code: 'EAGAIN', syscall: 'accept' });
    expect(server.tryAccept()).toBeNull();
    server.setblocking(true);
    expect(server.getblocking()).toBe(true);
  });

  test('an accepted socket is blocking unless asked otherwise', () => {
    using server = listener();
    using one = new Socket();
    using two = new Socket();
    one.connect(server.getsockname());
    two.connect(server.getsockname());
    const [a] = server.accept();
    const [b] = server.accept({ nonblocking: true });
    expect([a.getblocking(), b.getblocking()]).toEqual([true, false]);
    a.close();
    b.close();
  });
});

/** An array made in a realm of its own; the types of this one do not know all of its memories. */
function evaluated(text: string): Uint8Array {
  return runInNewContext(text) as Uint8Array;
}

describe('sending and receiving', () => {
  test('nothing at all: sent, received into nothing, asked for nothing', () => {
    const [a, b] = socketpair(AF_UNIX, SOCK_STREAM, 0, { nonblocking: true });
    expect(a.send(Buffer.alloc(0))).toBe(0);
    expect(thrown(() => b.recv(1))).toMatchObject({ code: 'EAGAIN' });
    a.send(Buffer.from('abc'));
    expect(b.recv(0)).toHaveLength(0);
    expect(b.recvInto(Buffer.alloc(0))).toBe(0);
    expect(b.recv(10).toString()).toBe('abc');
    a.close();
    expect(b.recv(0)).toHaveLength(0);
    b.close();
  });

  test.each<[string, () => Uint8Array]>([
    ['small arrays, which live on the heap of JavaScript', () => new Uint8Array([1, 2, 3])],
    ['the middle of a buffer', () => Buffer.from([0, 1, 2, 3, 4]).subarray(1, 4)],
    ['shared memory', () => new Uint8Array(new SharedArrayBuffer(5), 1, 3)],
    ['memory of WebAssembly', () => evaluated('new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer, 7, 3)')],
    ['resizable memory', () => evaluated('new Uint8Array(new ArrayBuffer(3, { maxByteLength: 8 }))')],
    ['an array of another realm', () => evaluated('new Uint8Array(3)')],
  ])('from and into %s', (_title, make) => {
    const [a, b] = socketpair();
    const [from, into, second] = [make(), make(), make()];
    from.set([1, 2, 3]);
    expect(a.send(from)).toBe(3);
    expect(b.recvInto(into)).toBe(3);
    expect([...into]).toEqual([1, 2, 3]);
    expect(a.sendmsg([from, from])).toBe(6);
    expect(b.recvfromInto(second)).toEqual([3, null]);
    expect([...second]).toEqual([1, 2, 3]);
    expect([...b.recv(9)]).toEqual([1, 2, 3]);
    a.close();
    b.close();
  });

  test('memory that was transferred away is empty', () => {
    const [a, b] = socketpair(AF_UNIX, SOCK_STREAM, 0, { nonblocking: true });
    const gone = new Uint8Array(8);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    expect([a.send(gone), a.sendmsg([gone])]).toEqual([0, 0]);
    a.send(Buffer.from('x'));
    expect(b.recvInto(gone)).toBe(0);
    expect(b.recv(1).toString()).toBe('x');
    a.close();
    b.close();
  });

  test('recvInto fills the start of the buffer and leaves the rest', () => {
    const [a, b] = socketpair();
    a.send(Buffer.from('abcdef'));
    const buffer = Buffer.from('--------');
    expect(b.recvInto(buffer, 3)).toBe(3);
    expect(buffer.toString()).toBe('abc-----');
    expect(b.recvInto(buffer.subarray(4))).toBe(3);
    expect(buffer.toString()).toBe('abc-def-');
    a.close();
    expect(b.recvInto(buffer)).toBe(0);
    b.close();
  });

  test.each([1, 8, 64, 65, 5000])('small arrays on the heap of JavaScript, %d bytes', (size) => {
    const [a, b] = socketpair();
    expect(a.send(new Uint8Array(size).fill(7))).toBe(size);
    const into = new Uint8Array(size);
    expect(b.recvInto(into)).toBe(size);
    expect(into.every((byte) => byte === 7)).toBe(true);
    a.close();
    b.close();
  });

  test('a view of a part, and shared memory', () => {
    const [a, b] = socketpair();
    a.send(new Uint8Array(Buffer.from('xxhelloxx')).subarray(2, 7));
    expect(b.recv(20).toString()).toBe('hello');
    const shared = new Uint8Array(new SharedArrayBuffer(3));
    shared.set([1, 2, 3]);
    a.send(shared);
    expect([...b.recv(20)]).toEqual([1, 2, 3]);
    a.close();
    b.close();
  });

  test('nothing', () => {
    const [a, b] = socketpair();
    expect(a.send(new Uint8Array(0))).toBe(0);
    a.send(Buffer.from('x'));
    expect(b.recv(0)).toHaveLength(0);
    expect(b.recv(5, MSG_PEEK).toString()).toBe('x');
    expect(b.recv(5).toString()).toBe('x');
    a.close();
    b.close();
  });

  test('a peer that is gone: EPIPE, and no SIGPIPE', () => {
    const [a, b] = socketpair();
    b.close();
    const error = thrown(() => a.send(Buffer.from('x')));
    expect(error).toMatchObject({ name: 'BrokenPipeError', code: 'EPIPE', syscall: 'send' });
    a.close();
  });
});

describe('options', () => {
  test('numbers, booleans and structures', () => {
    using socket = new Socket();
    expect(socket.getsockopt(SOL_SOCKET, SO_TYPE)).toBe(SOCK_STREAM);
    socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, true);
    expect(socket.getsockopt(SOL_SOCKET, SO_REUSEADDR)).toBe(1);
    socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 0);
    expect(socket.getsockopt(SOL_SOCKET, SO_REUSEADDR)).toBe(0);
    socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, true);
    expect(socket.getsockopt(IPPROTO_TCP, TCP_NODELAY)).toBe(1);
    const linger = Buffer.alloc(8);
    linger.writeInt32LE(1, 0);
    linger.writeInt32LE(5, 4);
    socket.setsockopt(SOL_SOCKET, SO_LINGER, linger);
    expect(socket.getsockopt(SOL_SOCKET, SO_LINGER, 8)).toEqual(linger);
    expect(socket.getsockopt(SOL_SOCKET, SO_TYPE, 16)).toEqual(Buffer.from([1, 0, 0, 0]));
  });

  test('SO_ACCEPTCONN and IPV6_V6ONLY', () => {
    using server = listener(AF_INET6, '::1');
    expect(server.getsockopt(SOL_SOCKET, SO_ACCEPTCONN)).toBe(1);
    using other = new Socket(AF_INET6);
    other.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, true);
    expect(other.getsockopt(IPPROTO_IPV6, IPV6_V6ONLY)).toBe(1);
  });

  test('an unknown one', () => {
    using socket = new Socket();
    expect(thrown(() => socket.getsockopt(SOL_SOCKET, 9999))).toMatchObject({
      code: 'ENOPROTOOPT',
      syscall: 'getsockopt',
    });
    expect(thrown(() => socket.setsockopt(SOL_SOCKET, 9999, 1))).toMatchObject({ code: 'ENOPROTOOPT' });
  });
});

describe('the descriptor', () => {
  test('fromFd asks the kernel what it is', () => {
    using original = new Socket(AF_INET6, SOCK_DGRAM);
    const copy = original.dup();
    using socket = Socket.fromFd(copy.detach());
    expect([socket.family, socket.type, socket.proto]).toEqual([AF_INET6, SOCK_DGRAM, 17]);
    expect(copy.closed).toBe(true);
  });

  test('a descriptor that is taken over can be made non-blocking', () => {
    const [a, b] = socketpair();
    using socket = new Socket(AF_UNIX, SOCK_STREAM, 0, { fileno: a.detach(), nonblocking: true });
    expect(socket.getblocking()).toBe(false);
    b.close();
  });

  test('fromFd of something else leaves it open', () => {
    const file = openSync('/dev/null', 'r');
    expect(thrown(() => Socket.fromFd(file))).toMatchObject({ code: 'ENOTSOCK', syscall: 'getsockopt' });
    closeSync(file);
    expect(thrown(() => Socket.fromFd(file))).toMatchObject({ code: 'EBADF' });
  });

  test('dup is a second way to the same socket', () => {
    const [a, b] = socketpair();
    const copy = a.dup();
    a.close();
    copy.send(Buffer.from('x'));
    expect(b.recv(1).toString()).toBe('x');
    copy.close();
    expect(b.recv(1)).toHaveLength(0);
    b.close();
  });

  test('every way to get one makes it close-on-exec', () => {
    using server = listener();
    using client = new Socket();
    client.connect(server.getsockname());
    const [accepted] = server.accept();
    const [a, b] = socketpair();
    const copy = a.dup();
    using made = Socket.fromFd(copy.detach());
    const sockets = [server, client, accepted, a, b, made];
    for (const socket of sockets) {
      const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${socket.fileno()}`, 'utf8'))![1]!;
      expect(parseInt(flags, 8) & 0o2000000).not.toBe(0);
    }
    const list = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
    for (const socket of sockets) expect(list).not.toContain(readlinkSync(`/proc/self/fd/${socket.fileno()}`));
    [accepted, a, b].forEach((socket) => socket.close());
  });

  test('closed twice, detached, disposed', () => {
    const socket = new Socket();
    const fd = socket.fileno();
    expect(fd).toBeGreaterThan(2);
    expect(String(socket)).toBe(`<Socket fd=${fd} family=2 type=1 proto=0>`);
    socket.close();
    socket.close();
    expect(socket.fileno()).toBe(-1);
    expect(socket.closed).toBe(true);
    expect(socket.detach()).toBe(-1);
    {
      using inner = new Socket();
      expect(inner.closed).toBe(false);
    }
  });

  test('closed behind its back', () => {
    const [a, b] = socketpair();
    closeSync(a.fileno());
    expect(thrown(() => a.recv(1))).toMatchObject({ code: 'EBADF' });
    expect(thrown(() => a.close())).toMatchObject({ code: 'EBADF', syscall: 'close' });
    a.close();
    b.close();
  });
});

describe('bad input', () => {
  const calls: [string, (socket: Socket) => unknown][] = [
    ['bind', (s) => s.bind(['127.0.0.1', 0])],
    ['listen', (s) => s.listen()],
    ['accept', (s) => s.accept()],
    ['connect', (s) => s.connect(['127.0.0.1', 1])],
    ['recv', (s) => s.recv(1)],
    ['recv', (s) => s.recvInto(Buffer.alloc(1))],
    ['send', (s) => s.send(Buffer.alloc(1))],
    ['shutdown', (s) => s.shutdown(SHUT_RDWR)],
    ['getsockopt', (s) => s.getsockopt(SOL_SOCKET, SO_TYPE)],
    ['setsockopt', (s) => s.setsockopt(SOL_SOCKET, SO_TYPE, 1)],
    ['setsockopt', (s) => s.setsockopt(SOL_SOCKET, SO_TYPE, Buffer.alloc(4))],
    ['getsockname', (s) => s.getsockname()],
    ['getpeername', (s) => s.getpeername()],
    ['fcntl', (s) => s.setblocking(true)],
    ['fcntl', (s) => s.getblocking()],
    ['dup', (s) => s.dup()],
  ];

  test.each(calls)('%s on a closed socket is EBADF', (syscall, call) => {
    const socket = new Socket();
    socket.close();
    const error = thrown(() => call(socket));
    expect(error).toMatchObject({ name: 'OSError', code: 'EBADF', errno: -9, syscall });
    expect(error.message).toBe(`${syscall} EBADF: the socket is closed`);
  });

  test('tryAccept gives the error back', () => {
    const socket = new Socket();
    expect(socket.tryAccept()).toMatchObject({ code: 'EINVAL', syscall: 'accept' });
    socket.close();
    expect(socket.tryAccept()).toMatchObject({ code: 'EBADF' });
  });

  const anything = undefined as never;
  test.each<[string, string, RegExp, (socket: Socket) => unknown]>([
    ['family', 'TypeError', /family must be a number, not string/, () => new Socket('AF_INET' as never)],
    ['type', 'ValueError', /type must be an integer/, () => new Socket(AF_INET, 0x10000)],
    ['proto', 'ValueError', /proto .* not -1/, () => new Socket(AF_INET, SOCK_STREAM, -1)],
    [
      'options',
      'TypeError',
      /options must be an object, not null/,
      () => new Socket(AF_INET, SOCK_STREAM, 0, null as never),
    ],
    [
      'nonblocking',
      'TypeError',
      /nonblocking must be a boolean, not number/,
      () => new Socket(AF_INET, SOCK_STREAM, 0, { nonblocking: 1 as never }),
    ],
    ['fileno', 'ValueError', /fileno .* not -1/, () => new Socket(AF_INET, SOCK_STREAM, 0, { fileno: -1 })],
    ['pair', 'TypeError', /family/, () => socketpair({} as never)],
    ['fromFd', 'TypeError', /fd must be a number, not undefined/, () => Socket.fromFd(anything)],
    ['fromFd', 'ValueError', /fd must be an integer from 0 .* not 1.5/, () => Socket.fromFd(1.5)],
    ['bind', 'TypeError', /not undefined/, (s) => s.bind(anything)],
    ['listen', 'TypeError', /backlog must be a number, not string/, (s) => s.listen('1' as never)],
    ['accept', 'TypeError', /options/, (s) => s.accept(1 as never)],
    ['connect', 'TypeError', /not number/, (s) => s.connect(80 as never)],
    ['recv', 'TypeError', /nbytes must be a number/, (s) => s.recv(anything)],
    ['recv', 'ValueError', /nbytes .* not -1/, (s) => s.recv(-1)],
    ['recvInto', 'TypeError', /buffer must be a Uint8Array \(a Buffer\), not undefined/, (s) => s.recvInto(anything)],
    ['recvInto', 'ValueError', /nbytes must be an integer from 0 to 4, not 5/, (s) => s.recvInto(Buffer.alloc(4), 5)],
    ['send', 'TypeError', /data must be a Uint8Array \(a Buffer\), not string/, (s) => s.send('x' as never)],
    ['send', 'TypeError', /data must be a Uint8Array/, (s) => s.send(new Uint16Array(2) as never)],
    ['send', 'TypeError', /flags must be a number, not null/, (s) => s.send(Buffer.alloc(1), null as never)],
    ['shutdown', 'ValueError', /how must be an integer from 0 to 2, not 3/, (s) => s.shutdown(3)],
    ['getsockopt', 'TypeError', /level/, (s) => s.getsockopt('SOL_SOCKET' as never, 1)],
    ['getsockopt', 'ValueError', /length/, (s) => s.getsockopt(1, 1, 0)],
    ['setsockopt', 'TypeError', /name/, (s) => s.setsockopt(1, anything, 1)],
    ['setsockopt', 'TypeError', /value must be a Uint8Array/, (s) => s.setsockopt(1, 2, 'on' as never)],
    ['setsockopt', 'ValueError', /value .* not 4294967296/, (s) => s.setsockopt(1, 2, 2 ** 32)],
    ['setblocking', 'TypeError', /blocking must be a boolean, not number/, (s) => s.setblocking(0 as never)],
  ])('%s: %s', (_title, name, message, call) => {
    using socket = new Socket();
    const error = thrown(() => call(socket));
    expect(error.name).toBe(name);
    expect(error.message).toMatch(message);
  });

  test('a family that the kernel does not know', () => {
    expect(thrown(() => new Socket(99))).toMatchObject({ code: 'EAFNOSUPPORT', syscall: 'socket' });
  });

  test('no descriptors left', () => {
    const hoard: Socket[] = [];
    const limit = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
    if (Number(limit) > 20_000 || limit === 'unlimited') return; // would take too long
    const error = thrown(() => {
      for (;;) hoard.push(new Socket());
    });
    hoard.forEach((socket) => socket.close());
    expect(error).toMatchObject({ code: 'EMFILE', syscall: 'socket' });
  });
});

describe('fileDescriptor', () => {
  test('of a number, of fileno() and of fd', () => {
    expect(fileDescriptor(7)).toBe(7);
    expect(fileDescriptor({ fileno: () => 8 })).toBe(8);
    expect(fileDescriptor({ fd: 9 })).toBe(9);
  });

  test.each<[unknown, RegExp]>([
    [-1, /invalid file descriptor: -1/],
    [1.5, /not a file object or descriptor: 1.5/],
    [NaN, /not a file object/],
    [2 ** 31, /invalid file descriptor/],
    ['stdin', /not a file object or descriptor: "stdin"/],
    [null, /not a file object or descriptor: null/],
    [undefined, /undefined/],
    [{}, /not a file object or descriptor: object/],
    [{ fileno: () => 'x' }, /not a file object/],
    [{ fd: -1 }, /invalid file descriptor: -1/],
    [{ _handle: {}, fd: 3 }, /Node's own loop owns it/],
  ])('of %p is refused', (value, message) => {
    const error = thrown(() => fileDescriptor(value as never));
    expect(error.name).toBe('ValueError');
    expect(error.message).toMatch(message);
  });
});
