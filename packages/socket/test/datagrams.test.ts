import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  type Address,
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_UNIX,
  type InetAddress,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  SO_BROADCAST,
  SO_ERROR,
  SO_SNDBUF,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  Socket,
  socketpair,
  SOL_SOCKET,
} from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { thrown } from './support/errors.js';

leakAudit();

const directory = mkdtempSync(join(tmpdir(), 'tsyncio-datagrams-'));
afterAll(() => rmSync(directory, { recursive: true }));

let names = 0;
const abstractName = (): string => `\0tsyncio-datagrams-${process.pid}-${names++}`;

/** A datagram socket with an address of its own. */
function bound(family: number, address: Address): Socket {
  const socket = new Socket(family, SOCK_DGRAM);
  socket.bind(address);
  return socket;
}
const udp = (): Socket => bound(AF_INET, ['127.0.0.1', 0]);

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list!.some((each) => each.address === '::1'));
const withIpv6 = hasIpv6 ? test : test.skip;

describe('UDP', () => {
  test('there and back, with addresses', () => {
    using a = udp();
    using b = udp();
    expect(a.sendto(Buffer.from('ping'), b.getsockname())).toBe(4);
    const [data, from] = b.recvfrom(100);
    expect([data.toString(), from]).toEqual(['ping', a.getsockname()]);
    b.sendto(Buffer.from('pong'), from!);
    const buffer = Buffer.from('--------');
    expect(a.recvfromInto(buffer)).toEqual([4, b.getsockname()]);
    expect(buffer.toString()).toBe('pong----');
  });

  withIpv6('over IPv6, with flow and scope (skipped without ::1)', () => {
    using a = bound(AF_INET6, ['::1', 0, 0, 0]);
    using b = bound(AF_INET6, ['::1', 0, 0, 0]);
    const [, port] = b.getsockname() as InetAddress;
    a.sendto(Buffer.from('x'), ['::1', port, 5, 0]);
    a.sendto(Buffer.from('y'), ['::1', port]);
    for (const text of ['x', 'y']) {
      const [data, from] = b.recvfrom(10);
      expect([data.toString(), from]).toEqual([text, a.getsockname()]);
    }
    expect(from4(b.getsockname())).toHaveLength(4);
  });

  const link = Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    list!
      .filter((each) => each.family === 'IPv6' && each.address.startsWith('fe80'))
      .map((each) => ({ name, ...each })),
  )[0];
  (link === undefined ? test.skip : test)(
    'to a link-local address, by scope id and by name (skipped without one)',
    () => {
      const { address, name } = link!;
      const scopeId = (link as { scopeid?: number }).scopeid!;
      using b = bound(AF_INET6, [address, 0, 0, scopeId]);
      expect(from4(b.getsockname())[3]).toBe(scopeId);
      const [, port] = b.getsockname() as InetAddress;
      using a = new Socket(AF_INET6, SOCK_DGRAM);
      a.sendto(Buffer.from('x'), [address, port, 0, scopeId]);
      a.sendto(Buffer.from('y'), [`${address}%${name}`, port]);
      expect([b.recv(1).toString(), b.recv(1).toString()]).toEqual(['x', 'y']);
    },
  );

  test('an empty datagram is not the end', () => {
    using a = udp();
    using b = udp();
    expect(a.sendto(Buffer.alloc(0), b.getsockname())).toBe(0);
    a.sendto(Buffer.alloc(0), b.getsockname());
    a.sendto(Buffer.alloc(0), b.getsockname());
    a.sendto(Buffer.from('after'), b.getsockname());
    expect(b.recvfrom(10)).toEqual([Buffer.alloc(0), a.getsockname()]);
    expect(b.recvfromInto(Buffer.alloc(0))).toEqual([0, a.getsockname()]);
    expect(b.recv(0)).toHaveLength(0);
    expect(b.recv(10).toString()).toBe('after');
  });

  test('what does not fit is lost, and MSG_TRUNC tells how much there was', () => {
    using a = udp();
    using b = udp();
    for (let i = 0; i < 5; i++) a.sendto(Buffer.from('0123456789'), b.getsockname());
    expect(b.recvfrom(4)[0].toString()).toBe('0123');
    expect(b.recvfrom(4, MSG_TRUNC)[0].toString()).toBe('0123');
    const buffer = Buffer.alloc(4);
    expect(b.recvfromInto(buffer, 2, MSG_TRUNC)).toEqual([10, a.getsockname()]);
    expect(buffer).toEqual(Buffer.from([0x30, 0x31, 0, 0]));
    const [data, , flags] = b.recvmsg(3);
    expect([data.toString(), flags]).toEqual(['012', MSG_TRUNC]);
    expect(b.recvmsg(10).slice(0, 3)).toEqual([Buffer.from('0123456789'), [], 0]);
  });

  test('MSG_PEEK leaves it there', () => {
    using a = udp();
    using b = udp();
    a.sendto(Buffer.from('x'), b.getsockname());
    expect(b.recvfrom(1, MSG_PEEK)).toEqual(b.recvfrom(1));
    expect(thrown(() => b.recvfrom(1, MSG_DONTWAIT))).toMatchObject({ code: 'EAGAIN', syscall: 'recvfrom' });
  });

  test('the largest datagram passes, a larger one is EMSGSIZE', () => {
    using a = udp();
    using b = udp();
    const largest = Buffer.alloc(65_507, 'ab');
    expect(a.sendto(largest, b.getsockname())).toBe(65_507);
    expect(b.recvfrom(65_536)[0].equals(largest)).toBe(true);
    const [host, port] = b.getsockname() as InetAddress;
    const tooLarge = Buffer.alloc(65_508);
    const error = thrown(() => a.sendto(tooLarge, [host, port]));
    expect(error).toMatchObject({ name: 'OSError', code: 'EMSGSIZE', syscall: 'sendto', address: host, port });
    expect(error.message).toBe(`sendto EMSGSIZE ${host}:${port}`);
    const toMessage = thrown(() => a.sendmsg([tooLarge], [], 0, [host, port]));
    expect(toMessage).toMatchObject({ code: 'EMSGSIZE', syscall: 'sendmsg', port });
  });

  test('connected: a refused datagram fails the next call', () => {
    const gone = udp();
    const address = gone.getsockname();
    gone.close();
    using socket = udp();
    socket.connect(address);
    expect(socket.getpeername()).toEqual(address);
    expect(socket.send(Buffer.from('x'))).toBe(1);
    expect(thrown(() => socket.recvfrom(1))).toMatchObject({ name: 'ConnectionRefusedError', code: 'ECONNREFUSED' });
    socket.send(Buffer.from('x'));
    expect(thrown(() => socket.send(Buffer.from('x')))).toMatchObject({ code: 'ECONNREFUSED', syscall: 'send' });
    socket.send(Buffer.from('x'));
    expect(socket.getsockopt(SOL_SOCKET, SO_ERROR)).toBe(111);
  });

  test('an unconnected one needs an address, and broadcasting a permission', () => {
    using socket = udp();
    expect(thrown(() => socket.send(Buffer.from('x')))).toMatchObject({ code: 'EDESTADDRREQ' });
    const address: InetAddress = ['<broadcast>', 9];
    expect(thrown(() => socket.sendto(Buffer.from('x'), address))).toMatchObject({
      code: 'EACCES',
      address: '<broadcast>',
    });
    socket.setsockopt(SOL_SOCKET, SO_BROADCAST, true);
    expect(socket.getsockopt(SOL_SOCKET, SO_BROADCAST)).toBe(1);
  });
});

describe('Unix datagrams', () => {
  test('with paths', () => {
    const [pathA, pathB] = [join(directory, 'a'), join(directory, 'ä b')];
    using a = bound(AF_UNIX, pathA);
    using b = bound(AF_UNIX, pathB);
    a.sendto(Buffer.from('one'), pathB);
    a.sendto(Buffer.from('two'), new URL(`file://${encodeURI(pathB)}`));
    expect(b.recvfrom(10)).toEqual([Buffer.from('one'), pathA]);
    expect(b.recvfrom(2)).toEqual([Buffer.from('tw'), pathA]);
    const missing = join(directory, 'nobody');
    expect(thrown(() => a.sendto(Buffer.from('x'), missing))).toMatchObject({
      name: 'FileNotFoundError',
      message: `sendto ENOENT ${missing}`,
    });
    const spaced = new URL(`file://${directory}/no%20body`);
    expect(thrown(() => a.sendto(Buffer.from('x'), spaced)).message).toBe(`sendto ENOENT ${directory}/no body`);
  });

  test('with abstract names, NUL and bytes in them too', () => {
    const plain = abstractName();
    const strange = Buffer.concat([Buffer.from(abstractName()), Buffer.from([0, 255, 0])]);
    using a = bound(AF_UNIX, plain);
    using b = bound(AF_UNIX, strange);
    a.sendto(Buffer.from('x'), strange);
    expect(b.recvfrom(10)).toEqual([Buffer.from('x'), plain]);
    b.sendto(Buffer.from('y'), plain);
    expect(a.recvfrom(10)).toEqual([Buffer.from('y'), strange]);
  });

  test('a name that the kernel chose', () => {
    using a = bound(AF_UNIX, '');
    using b = bound(AF_UNIX, abstractName());
    expect(a.getsockname()).toMatch(/^\0[0-9a-f]{5}$/);
    a.sendto(Buffer.from('x'), b.getsockname());
    expect(b.recvfrom(10)[1]).toBe(a.getsockname());
  });

  test('a sender without a name', () => {
    using b = bound(AF_UNIX, abstractName());
    using nameless = new Socket(AF_UNIX, SOCK_DGRAM);
    nameless.sendto(Buffer.from('x'), b.getsockname());
    expect(b.recvfrom(10)).toEqual([Buffer.from('x'), null]);
  });

  test('a full receiver is EAGAIN', () => {
    const [a, b] = socketpair(AF_UNIX, SOCK_DGRAM, 0, { nonblocking: true });
    const error = thrown(() => {
      for (;;) a.send(Buffer.from('x'));
    });
    expect(error).toMatchObject({ code: 'EAGAIN', syscall: 'send' });
    expect(a.trySend(Buffer.from('x'))).toBe(error['errno']);
    a.setsockopt(SOL_SOCKET, SO_SNDBUF, 4096);
    expect(thrown(() => a.send(Buffer.alloc(1 << 20)))).toMatchObject({ code: 'EMSGSIZE' });
    a.close();
    b.close();
  });
});

describe('Unix sequenced packets', () => {
  test('keep their borders, and end', () => {
    using server = new Socket(AF_UNIX, SOCK_SEQPACKET);
    server.bind(abstractName());
    server.listen();
    using client = new Socket(AF_UNIX, SOCK_SEQPACKET);
    client.connect(server.getsockname());
    const [peer, from] = server.accept();
    expect([peer.type, from]).toEqual([SOCK_SEQPACKET, '']);
    client.send(Buffer.from('one'));
    client.send(Buffer.from('two'));
    client.send(Buffer.alloc(0));
    client.send(Buffer.from('four'));
    expect(peer.recv(100).toString()).toBe('one');
    const [data, , flags] = peer.recvmsg(2);
    expect([data.toString(), flags]).toEqual(['tw', MSG_TRUNC]);
    expect(peer.recv(100)).toHaveLength(0);
    expect(peer.recvfrom(100)).toEqual([Buffer.from('four'), null]);
    client.close();
    expect(peer.recv(100)).toHaveLength(0);
    expect(thrown(() => peer.send(Buffer.from('x')))).toMatchObject({ name: 'BrokenPipeError', code: 'EPIPE' });
    peer.close();
  });
});

describe('streams', () => {
  test('recvfrom of a stream has no address', () => {
    const [a, b] = socketpair();
    a.send(Buffer.from('x'));
    expect(b.recvfrom(10)).toEqual([Buffer.from('x'), null]);
    a.close();
    expect(b.recvfrom(10)).toEqual([Buffer.alloc(0), null]);
    b.close();
  });

  test('MSG_TRUNC on TCP throws data away and shows nobody our memory', () => {
    using server = new Socket();
    server.bind(['127.0.0.1', 0]);
    server.listen();
    using client = new Socket();
    client.connect(server.getsockname());
    const [peer] = server.accept();
    peer.send(Buffer.alloc(1000, 'x'));
    expect(client.recv(1000, MSG_TRUNC)).toEqual(Buffer.alloc(1000));
    peer.close();
    expect(client.recvfrom(1)).toEqual([Buffer.alloc(0), null]);
  });

  test('trySend and tryRecvInto', () => {
    const [a, b] = socketpair(AF_UNIX, SOCK_STREAM, 0, { nonblocking: true });
    const buffer = Buffer.alloc(4);
    expect(b.tryRecvInto(buffer)).toBe(-11);
    expect(a.trySend(Buffer.from('hello'))).toBe(5);
    expect(a.trySend(Buffer.alloc(0))).toBe(0);
    expect(b.tryRecvInto(buffer)).toBe(4);
    expect(b.tryRecvInto(buffer)).toBe(1);
    expect(buffer.toString()).toBe('oell');
    a.close();
    expect(b.tryRecvInto(buffer)).toBe(0);
    expect(b.trySend(Buffer.from('x'))).toBe(-32);
    b.close();
    expect([b.tryRecvInto(buffer), b.trySend(buffer)]).toEqual([-9, -9]);
  });
});

test('another family: addresses are the bytes of the structure', () => {
  using socket = new Socket(AF_NETLINK, SOCK_RAW, 0);
  const anyone = Buffer.alloc(12);
  anyone.writeUInt16LE(AF_NETLINK);
  socket.bind(anyone);
  const name = socket.getsockname() as Buffer;
  expect([name.length, name.readUInt16LE(0)]).toEqual([12, AF_NETLINK]);
  expect(name.readUInt32LE(4)).not.toBe(0);
  expect(thrown(() => socket.bind('x'))).toMatchObject({ name: 'ValueError' });
});

/** The four parts of an IPv6 address. */
function from4(address: Address): readonly (string | number)[] {
  return address as readonly (string | number)[];
}
