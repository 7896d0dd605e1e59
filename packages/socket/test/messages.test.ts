import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  AF_INET,
  AF_UNIX,
  CMSG_LEN,
  CMSG_SPACE,
  IP_PKTINFO,
  IP_RECVTTL,
  IP_TTL,
  IPPROTO_IP,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_PEEK,
  recvFds,
  SCM_CREDENTIALS,
  SCM_RIGHTS,
  sendFds,
  SO_PASSCRED,
  SO_PEERCRED,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  Socket,
  socketpair,
  SOL_SOCKET,
} from '@tsyncio/socket';
import { holdings, leakAudit } from '@tsyncio/test-support';

import { thrown } from './support/errors.js';

leakAudit();

const directory = mkdtempSync(join(tmpdir(), 'tsyncio-messages-'));
afterAll(() => rmSync(directory, { recursive: true }));

const X = Buffer.from('x');

/** A pair for the length of `use`. */
function paired(type: number, use: (a: Socket, b: Socket) => void): void {
  const [a, b] = socketpair(AF_UNIX, type, 0, { nonblocking: true });
  try {
    use(a, b);
  } finally {
    a.close();
    b.close();
  }
}

/** What descriptor `fd` is, so that two can be compared. */
function identity(fd: number): string {
  const { dev, ino } = fstatSync(fd);
  return `${dev}:${ino}`;
}

function isCloseOnExec(fd: number): boolean {
  const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))![1]!;
  return (parseInt(flags, 8) & 0o2000000) !== 0;
}

describe('sendmsg and recvmsg', () => {
  test('several chunks are one message', () => {
    paired(SOCK_SEQPACKET, (a, b) => {
      const chunks = [Buffer.from('ab'), Buffer.alloc(0), new Uint8Array([0x63]), Buffer.from('de')];
      expect(a.sendmsg(chunks)).toBe(5);
      expect(b.recvmsg(100)).toEqual([Buffer.from('abcde'), [], 0, null]);
      expect(a.sendmsg([])).toBe(0);
      expect(b.recvmsg(100)[0]).toHaveLength(0);
    });
  });

  test.each([65, 1000, 1024])('%d chunks', (count) => {
    paired(SOCK_DGRAM, (a, b) => {
      const chunks = Array.from({ length: count }, (_each, i) => Buffer.from([i & 255, i >> 8]));
      expect(a.sendmsg(chunks)).toBe(2 * count);
      expect(b.recv(10_000).equals(Buffer.concat(chunks))).toBe(true);
    });
  });

  test('more chunks than the kernel takes are EMSGSIZE', () => {
    paired(SOCK_STREAM, (a) => {
      const error = thrown(() => a.sendmsg(new Array<Buffer>(1025).fill(X)));
      expect(error).toMatchObject({ code: 'EMSGSIZE', syscall: 'sendmsg' });
    });
  });

  test('with addresses, over UDP', () => {
    using a = new Socket(AF_INET, SOCK_DGRAM);
    using b = new Socket(AF_INET, SOCK_DGRAM);
    a.bind(['127.0.0.1', 0]);
    b.bind(['127.0.0.1', 0]);
    expect(a.sendmsg([X, X], [], 0, b.getsockname())).toBe(2);
    expect(b.recvmsg(10)).toEqual([Buffer.from('xx'), [], 0, a.getsockname()]);
  });

  test('ancillary data of IPv4 goes both ways', () => {
    using a = new Socket(AF_INET, SOCK_DGRAM);
    using b = new Socket(AF_INET, SOCK_DGRAM);
    b.bind(['127.0.0.1', 0]);
    b.setsockopt(IPPROTO_IP, IP_RECVTTL, true);
    b.setsockopt(IPPROTO_IP, IP_PKTINFO, true);
    const ttl = Buffer.alloc(4);
    ttl.writeInt32LE(42);
    a.sendmsg([X], [[IPPROTO_IP, IP_TTL, ttl]], 0, b.getsockname());
    const [, ancillary, flags] = b.recvmsg(10, CMSG_SPACE(4) + CMSG_SPACE(12));
    expect(flags).toBe(0);
    expect(ancillary.map(([level, type, data]) => [level, type, data.length])).toEqual([
      [IPPROTO_IP, IP_PKTINFO, 12],
      [IPPROTO_IP, IP_TTL, 4],
    ]);
    expect(ancillary[1]![2]).toEqual(ttl);
    expect([...ancillary[0]![2].subarray(8)]).toEqual([127, 0, 0, 1]);
  });

  test('would block, refused', () => {
    paired(SOCK_STREAM, (a, b) => {
      expect(thrown(() => a.recvmsg(1))).toMatchObject({ code: 'EAGAIN', syscall: 'recvmsg' });
      expect(thrown(() => a.sendmsg([X], [[SOL_SOCKET, 99, X]]))).toMatchObject({ code: 'EINVAL', syscall: 'sendmsg' });
      b.close();
      expect(a.recvmsg(1)).toEqual([Buffer.alloc(0), [], 0, null]);
      expect(thrown(() => a.sendmsg([X]))).toMatchObject({ code: 'EPIPE' });
    });
  });

  test('credentials', () => {
    paired(SOCK_STREAM, (a, b) => {
      b.setsockopt(SOL_SOCKET, SO_PASSCRED, true);
      a.send(X);
      const [, [message]] = b.recvmsg(1, CMSG_SPACE(12));
      const [level, type, data] = message!;
      expect([level, type, data.readInt32LE(0)]).toEqual([SOL_SOCKET, SCM_CREDENTIALS, process.pid]);
      expect(data.readInt32LE(4)).toBe(process.getuid!());
      expect(b.getsockopt(SOL_SOCKET, SO_PEERCRED, 12)).toEqual(data);
      expect(a.sendmsg([X], [[SOL_SOCKET, SCM_CREDENTIALS, data]])).toBe(1);
      expect(b.recvmsg(1, CMSG_SPACE(12))[1]).toEqual([[SOL_SOCKET, SCM_CREDENTIALS, data]]);
    });
  });

  test('CMSG_LEN and CMSG_SPACE', () => {
    expect([CMSG_LEN(0), CMSG_LEN(4), CMSG_SPACE(4), CMSG_SPACE(8), CMSG_SPACE(9)]).toEqual([16, 20, 24, 24, 32]);
  });
});

describe('descriptors', () => {
  test.each([
    ['a stream', SOCK_STREAM],
    ['datagrams', SOCK_DGRAM],
    ['sequenced packets', SOCK_SEQPACKET],
  ])('pass over %s, close-on-exec', (_title, type) => {
    paired(type, (a, b) => {
      const path = join(directory, `file-${type}`);
      writeFileSync(path, 'contents');
      const file = openSync(path, 'r');
      using other = new Socket();
      expect(sendFds(a, [Buffer.from('he'), Buffer.from('llo')], [file, other])).toBe(5);
      closeSync(file);
      const [data, fds, flags, address] = recvFds(b, 100, 2);
      expect([data.toString(), fds.length, flags, address]).toEqual(['hello', 2, 0, null]);
      expect(fds.map(isCloseOnExec)).toEqual([true, true]);
      const text = Buffer.alloc(8);
      readSync(fds[0]!, text);
      expect(text.toString()).toBe('contents');
      expect(identity(fds[1]!)).toBe(identity(other.fileno()));
      fds.forEach((fd) => closeSync(fd));
    });
  });

  test('a socket that arrives is a Socket by fromFd', () => {
    paired(SOCK_STREAM, (a, b) => {
      const [c, d] = socketpair(AF_UNIX, SOCK_SEQPACKET);
      sendFds(a, [X], [d]);
      d.close();
      using arrived = Socket.fromFd(recvFds(b, 1, 1)[1][0]!);
      expect(arrived.type).toBe(SOCK_SEQPACKET);
      c.send(Buffer.from('hello'));
      expect(arrived.recv(10).toString()).toBe('hello');
      c.close();
    });
  });

  test('by recvmsg they are numbers in ancillary data, close-on-exec', () => {
    paired(SOCK_STREAM, (a, b) => {
      sendFds(a, [X], [a]);
      const [, [message], flags] = b.recvmsg(1, CMSG_SPACE(4));
      expect([message![0], message![1], message![2].length, flags]).toEqual([SOL_SOCKET, SCM_RIGHTS, 4, 0]);
      const fd = message![2].readInt32LE();
      expect(isCloseOnExec(fd)).toBe(true);
      closeSync(fd);
    });
  });

  test('with an address', () => {
    using a = new Socket(AF_UNIX, SOCK_DGRAM);
    using b = new Socket(AF_UNIX, SOCK_DGRAM);
    a.bind(`\0tsyncio-fds-a-${process.pid}`);
    b.bind(`\0tsyncio-fds-b-${process.pid}`);
    sendFds(a, [], [a], 0, b.getsockname());
    const [data, [fd], , from] = recvFds(b, 10, 5, MSG_DONTWAIT);
    expect([data.length, from]).toEqual([0, a.getsockname()]);
    closeSync(fd!);
  });

  // The room that CMSG_SPACE gives for 1 is enough for 2.
  test.each([0, 1, 2, 3, 252])(
    'no more than asked for: %d of 253; the rest is closed and MSG_CTRUNC says so',
    (most) => {
      paired(SOCK_STREAM, (a, b) => {
        const before = holdings().descriptors.size;
        sendFds(a, [X], new Array<Socket>(253).fill(a));
        const [, fds, flags] = recvFds(b, 1, most);
        expect([fds.length, flags]).toEqual([most, MSG_CTRUNC]);
        expect(holdings().descriptors.size).toBe(before + most);
        fds.forEach((fd) => closeSync(fd));
      });
    },
  );

  test('253 pass, more are EINVAL', () => {
    paired(SOCK_STREAM, (a, b) => {
      sendFds(a, [X], new Array<number>(253).fill(a.fileno()));
      const [, fds, flags] = recvFds(b, 1, 300);
      expect([fds.length, flags]).toEqual([253, 0]);
      fds.forEach((fd) => closeSync(fd));
      const tooMany = new Array<Socket>(254).fill(a);
      expect(thrown(() => sendFds(a, [X], tooMany))).toMatchObject({ code: 'EINVAL', syscall: 'sendmsg' });
    });
  });

  test('those of a message that is not looked at with room are closed', () => {
    paired(SOCK_STREAM, (a, b) => {
      const before = holdings().descriptors.size;
      sendFds(a, [X], [a, b]);
      sendFds(a, [X], [a, b]);
      expect(b.recv(1)).toEqual(X);
      expect(b.recvmsg(1)).toEqual([X, [], MSG_CTRUNC, null]);
      expect(holdings().descriptors.size).toBe(before);
    });
  });

  test('those in flight are closed with the socket', () => {
    const before = holdings().descriptors.size;
    const [inside, outside] = socketpair();
    paired(SOCK_STREAM, (a) => {
      sendFds(a, [X], [inside]);
      inside.close();
    });
    expect(outside.recv(1)).toHaveLength(0);
    outside.close();
    expect(holdings().descriptors.size).toBe(before);
  });

  test('MSG_PEEK makes duplicates each time', () => {
    paired(SOCK_STREAM, (a, b) => {
      sendFds(a, [X], [a]);
      const fds = [...recvFds(b, 1, 1, MSG_PEEK)[1], ...recvFds(b, 1, 1)[1]];
      expect(fds.map(identity)).toEqual([identity(a.fileno()), identity(a.fileno())]);
      fds.forEach((fd) => closeSync(fd));
    });
  });

  test('an error after the call closes what has arrived', () => {
    paired(SOCK_STREAM, (a, b) => {
      const before = holdings().descriptors.size;
      sendFds(a, [X], [a, b]);
      const noMemory = new RangeError('Array buffer allocation failed');
      const spy = jest.spyOn(Buffer, 'from').mockImplementationOnce(() => {
        throw noMemory;
      });
      try {
        expect(thrown(() => recvFds(b, 100, 2))).toBe(noMemory);
      } finally {
        spy.mockRestore();
      }
      expect(holdings().descriptors.size).toBe(before);
    });
  });

  test('none at all is a message like any other', () => {
    paired(SOCK_STREAM, (a, b) => {
      expect(sendFds(a, [X], [])).toBe(1);
      expect(recvFds(b, 10, 4)).toEqual([X, [], 0, null]);
      a.close();
      expect(recvFds(b, 10, 4)).toEqual([Buffer.alloc(0), [], 0, null]);
    });
  });

  test('over TCP, where the kernel would drop them, they are refused', () => {
    using socket = new Socket();
    const error = thrown(() => sendFds(socket, [X], [0]));
    expect([error.name, error.message]).toEqual(['ValueError', 'only a Unix socket carries descriptors']);
  });
});

describe('bad input', () => {
  const nothing = undefined as never;
  test.each<[string, string, RegExp, (a: Socket) => unknown]>([
    ['sendmsg', 'TypeError', /chunks must be an array of Uint8Array, not object/, (a) => a.sendmsg(X as never)],
    ['sendmsg', 'TypeError', /each of chunks must be a Uint8Array/, (a) => a.sendmsg(['x' as never])],
    ['sendmsg', 'TypeError', /ancillary must be an array, not null/, (a) => a.sendmsg([X], null as never)],
    ['sendmsg', 'TypeError', /must be \[level, type, data\]/, (a) => a.sendmsg([X], [[1, 1] as never])],
    ['sendmsg', 'TypeError', /level of an ancillary/, (a) => a.sendmsg([X], [['1' as never, 1, X]])],
    ['sendmsg', 'ValueError', /type of an ancillary .* not 1.5/, (a) => a.sendmsg([X], [[1, 1.5, X]])],
    ['sendmsg', 'TypeError', /data of an ancillary .* not string/, (a) => a.sendmsg([X], [[1, 1, 'x' as never]])],
    ['sendmsg', 'TypeError', /flags/, (a) => a.sendmsg([X], [], '0' as never)],
    ['sendmsg', 'TypeError', /AF_UNIX address/, (a) => a.sendmsg([X], [], 0, 5 as never)],
    ['recvmsg', 'TypeError', /nbytes must be a number/, (a) => a.recvmsg(nothing)],
    ['recvmsg', 'ValueError', /ancillaryBytes .* not -1/, (a) => a.recvmsg(1, -1)],
    ['recvmsg', 'TypeError', /flags/, (a) => a.recvmsg(1, 0, null as never)],
    ['sendto', 'TypeError', /data must be a Uint8Array/, (a) => a.sendto('x' as never, '')],
    ['sendto', 'TypeError', /AF_UNIX address/, (a) => a.sendto(X, nothing)],
    ['sendto', 'ValueError', /flags/, (a) => a.sendto(X, '', 2 ** 31)],
    ['recvfrom', 'ValueError', /nbytes .* not -1/, (a) => a.recvfrom(-1)],
    ['recvfromInto', 'TypeError', /buffer must be a Uint8Array/, (a) => a.recvfromInto(5 as never)],
    ['recvfromInto', 'ValueError', /nbytes .* 0 to 1, not 2/, (a) => a.recvfromInto(Buffer.alloc(1), 2)],
    ['trySend', 'TypeError', /data must be a Uint8Array/, (a) => a.trySend('x' as never)],
    ['tryRecvInto', 'TypeError', /buffer must be a Uint8Array/, (a) => a.tryRecvInto(nothing)],
    ['sendFds', 'TypeError', /socket must be a Socket, not object/, () => sendFds({} as never, [X], [0])],
    ['sendFds', 'TypeError', /chunks must be an array/, (a) => sendFds(a, X as never, [0])],
    ['sendFds', 'TypeError', /fds must be an array of descriptors, not number/, (a) => sendFds(a, [X], 0 as never)],
    ['sendFds', 'ValueError', /invalid file descriptor: -1/, (a) => sendFds(a, [X], [0, -1])],
    ['sendFds', 'ValueError', /not a file object or descriptor/, (a) => sendFds(a, [X], ['0' as never])],
    ['sendFds', 'ValueError', /only along with data/, (a) => sendFds(a, [Buffer.alloc(0)], [0])],
    ['recvFds', 'TypeError', /socket must be a Socket, not null/, () => recvFds(null as never, 1, 1)],
    ['recvFds', 'ValueError', /maxFds .* not -1/, (a) => recvFds(a, 1, -1)],
    ['CMSG_LEN', 'ValueError', /length .* not -1/, () => CMSG_LEN(-1)],
    ['CMSG_SPACE', 'TypeError', /length must be a number/, () => CMSG_SPACE('4' as never)],
  ])('%s: %s %s', (_title, name, message, call) => {
    paired(SOCK_STREAM, (a) => {
      const error = thrown(() => call(a));
      expect(error.name).toBe(name);
      expect(error.message).toMatch(message);
      expect(a.send(X)).toBe(1); // it works on
    });
  });

  test.each<[string, (socket: Socket) => unknown]>([
    ['sendmsg', (s) => s.sendmsg([X])],
    ['recvmsg', (s) => s.recvmsg(1)],
    ['sendto', (s) => s.sendto(X, '/x')],
    ['recvfrom', (s) => s.recvfrom(1)],
    ['recvfrom', (s) => s.recvfromInto(Buffer.alloc(1))],
    ['sendmsg', (s) => sendFds(s, [X], [0])],
    ['recvmsg', (s) => recvFds(s, 1, 1)],
  ])('%s on a closed socket is EBADF', (syscall, call) => {
    const socket = new Socket(AF_UNIX);
    socket.close();
    expect(thrown(() => call(socket))).toMatchObject({ name: 'OSError', code: 'EBADF', errno: -9, syscall });
  });

  test('a descriptor that is closed cannot be sent', () => {
    paired(SOCK_STREAM, (a) => {
      const closed = openSync('/dev/null', 'r');
      closeSync(closed);
      expect(thrown(() => sendFds(a, [X], [closed]))).toMatchObject({ code: 'EBADF', syscall: 'sendmsg' });
    });
  });
});
