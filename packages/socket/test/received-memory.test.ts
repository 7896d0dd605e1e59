import { AF_UNIX, MSG_PEEK, MSG_TRUNC, SOCK_DGRAM, SOCK_STREAM, type Socket, socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

leakAudit();

// `recv` and `recvfrom` receive into memory that the thread keeps; what they give belongs to the receiver all the same.

const SIZES = [1, 64, 32 * 1024 - 1, 32 * 1024, 64 * 1024, 100_000];

test.each([
  ['recv', SOCK_STREAM, (socket: Socket, n: number) => socket.recv(n)],
  ['recv of datagrams', SOCK_DGRAM, (socket: Socket, n: number) => socket.recv(n)],
  ['recvfrom', SOCK_DGRAM, (socket: Socket, n: number) => socket.recvfrom(n)[0]],
])('%s: nobody writes to it again', (_, type, receive) => {
  const [a, b] = socketpair(AF_UNIX, type);
  const got = SIZES.flatMap((size) =>
    [64 * 1024, 200_000].map((room) => {
      a.send(Buffer.alloc(size, size % 251));
      const data = receive(b, room);
      return { size: Math.min(size, room), data, copy: Buffer.from(data) };
    }),
  );
  // On a stream the rest of what did not fit comes with the next one: only the lengths differ then.
  if (type === SOCK_DGRAM) expect(got.map(({ data }) => data.length)).toEqual(got.map(({ size }) => size));
  a.send(Buffer.alloc(64 * 1024, 252));
  const last = receive(b, 64 * 1024);
  last.fill(253);
  expect(got.every(({ data, copy }) => data.equals(copy))).toBe(true);
  a.close();
  b.close();
});

test('a few bytes do not hold the memory of many', () => {
  const [a, b] = socketpair();
  a.send(Buffer.alloc(5));
  expect(b.recv(64 * 1024).buffer.byteLength).toBeLessThanOrEqual(Buffer.from('x').buffer.byteLength); // Node's pool
  a.close();
  b.close();
});

const linuxTest = process.platform === 'linux' ? test : test.skip;

linuxTest('with MSG_TRUNC the system says more than it writes', () => {
  const [a, b] = socketpair(AF_UNIX, SOCK_DGRAM);
  a.send(Buffer.from('abcdef'));
  expect(b.recv(3, MSG_PEEK | MSG_TRUNC).toString()).toBe('abc');
  expect(b.recvfrom(3, MSG_TRUNC)[0].toString()).toBe('abc');
  a.close();
  b.close();
});
