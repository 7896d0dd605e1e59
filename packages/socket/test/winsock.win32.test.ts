import { leakAudit } from '@tsyncio/test-support';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  type Address,
  type InetAddress,
  SHUT_WR,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_TYPE,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
  Socket,
  socketpair,
} from '@tsyncio/socket';

leakAudit();

const bytes = (text: string): Buffer => Buffer.from(text);

function errorOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return null;
}

/** A listener and a connection through it, all blocking. */
function connection(family: number, host: string): { listener: Socket; client: Socket; server: Socket; peer: Address } {
  const listener = new Socket(family, SOCK_STREAM);
  listener.bind([host, 0]);
  listener.listen();
  const client = new Socket(family, SOCK_STREAM);
  client.connect([host, (listener.getsockname() as InetAddress)[1]]);
  const [server, peer] = listener.accept();
  return { listener, client, server, peer };
}

describe.each([
  ['IPv4', AF_INET, '127.0.0.1'],
  ['IPv6', AF_INET6, '::1'],
])('TCP over %s', (_name, family, host) => {
  test('connect, send, receive, end', () => {
    const { listener, client, server, peer } = connection(family, host);
    expect(peer).toEqual(client.getsockname());
    expect(server.getpeername()).toEqual(peer);
    expect(server.getsockname()).toEqual(client.getpeername());
    expect(client.send(bytes('hello'))).toBe(5);
    expect(server.recv(100)).toEqual(bytes('hello'));
    expect(server.sendmsg([bytes('a'), bytes(''), bytes('bc')])).toBe(3);
    expect(client.recv(100)).toEqual(bytes('abc'));
    client.shutdown(SHUT_WR);
    expect(server.recv(100)).toEqual(bytes(''));
    for (const each of [listener, client, server]) each.close();
  });
});

test('what would block is EAGAIN', () => {
  const listener = new Socket(AF_INET, SOCK_STREAM, 0, { nonblocking: true });
  listener.bind(['127.0.0.1', 0]);
  listener.listen();
  expect(errorOf(() => listener.accept())).toMatchObject({ code: 'EAGAIN', errno: -4088, syscall: 'accept' });
  expect(listener.tryAccept()).toBeNull();
  const [a, b] = socketpair(undefined, undefined, 0, { nonblocking: true });
  expect([a.getblocking(), b.getblocking()]).toEqual([false, false]);
  expect(errorOf(() => a.recv(1))).toMatchObject({ code: 'EAGAIN', syscall: 'recv' });
  a.setblocking(true);
  expect(a.getblocking()).toBe(true);
  b.send(bytes('x'));
  expect(a.recv(1)).toEqual(bytes('x'));
  for (const each of [listener, a, b]) each.close();
});

test('an accepted socket has the mode that was asked for, not that of its listener', () => {
  const listener = new Socket(AF_INET, SOCK_STREAM, 0, { nonblocking: true });
  listener.bind(['127.0.0.1', 0]);
  listener.listen();
  const client = new Socket();
  client.connect(listener.getsockname());
  const [server] = listener.accept();
  expect(server.getblocking()).toBe(true);
  client.send(bytes('x'));
  expect(server.recv(1)).toEqual(bytes('x'));
  for (const each of [listener, client, server]) each.close();
});

test('a connect that is refused', () => {
  const unused = new Socket();
  unused.bind(['127.0.0.1', 0]);
  const [, port] = unused.getsockname() as InetAddress;
  unused.close();
  const client = new Socket();
  expect(errorOf(() => client.connect(['127.0.0.1', port]))).toMatchObject({
    code: 'ECONNREFUSED',
    syscall: 'connect',
    address: '127.0.0.1',
    port,
    message: `connect ECONNREFUSED 127.0.0.1:${port}`,
  });
  client.close();
});

test('a connect of a non-blocking socket is in progress, or done at once (Wine)', () => {
  const listener = new Socket();
  listener.bind(['127.0.0.1', 0]);
  listener.listen();
  const client = new Socket(AF_INET, SOCK_STREAM, 0, { nonblocking: true });
  const error = errorOf(() => client.connect(listener.getsockname()));
  if (error !== null) expect(error).toMatchObject({ code: 'EINPROGRESS' });
  const [server] = listener.accept();
  expect(client.getsockopt(SOL_SOCKET, SO_ERROR)).toBe(0);
  for (const each of [listener, client, server]) each.close();
});

test('datagrams', () => {
  const [a, b] = [new Socket(AF_INET, SOCK_DGRAM), new Socket(AF_INET, SOCK_DGRAM)];
  for (const each of [a, b]) each.bind(['127.0.0.1', 0]);
  a.sendto(bytes('hello'), b.getsockname());
  expect(b.recvfrom(100)).toEqual([bytes('hello'), a.getsockname()]);
  a.sendto(bytes(''), b.getsockname());
  expect(b.recvfrom(100)).toEqual([bytes(''), a.getsockname()]);
  a.sendto(bytes('too long'), b.getsockname());
  expect(b.recvfrom(3)).toEqual([bytes('too'), a.getsockname()]);
  for (const each of [a, b]) each.close();
});

test('options, the kind of a socket, a duplicate', () => {
  const socket = new Socket(AF_INET, SOCK_STREAM);
  expect(socket.getsockopt(SOL_SOCKET, SO_TYPE)).toBe(SOCK_STREAM);
  socket.setsockopt(SOL_SOCKET, SO_KEEPALIVE, true);
  expect(socket.getsockopt(SOL_SOCKET, SO_KEEPALIVE)).toBe(1);
  const same = Socket.fromFd(socket.detach());
  expect([same.family, same.type, same.proto]).toEqual([AF_INET, SOCK_STREAM, 6]);
  const copy = same.dup();
  same.close();
  expect(copy.getsockopt(SOL_SOCKET, SO_KEEPALIVE)).toBe(1);
  copy.close();
});

test('what Windows does not have', () => {
  expect(AF_UNIX).toBeUndefined();
  expect(errorOf(() => socketpair(AF_INET, SOCK_DGRAM))).toMatchObject({ code: 'ENOTSUP' });
  const [a, b] = socketpair();
  expect(errorOf(() => a.recvmsg(1))).toMatchObject({ code: 'ENOSYS' });
  expect(errorOf(() => a.sendmsg([bytes('x')], [[1, 1, bytes('')]]))).toMatchObject({ code: 'ENOTSUP' });
  for (const each of [a, b]) each.close();
});

test('a number that is no socket', () => {
  expect(errorOf(() => Socket.fromFd(123456))).toMatchObject({ code: 'ENOTSOCK' });
});
