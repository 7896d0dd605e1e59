import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import * as socket from '@tsyncio/socket';
import { AF_INET, AF_UNIX, type AncillaryMessage, SOCK_DGRAM, SOCK_STREAM } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { darwinAbi, freebsdAbi } from '../src/native/bsd/abi.js';
import { darwinConstants, freebsdConstants } from '../src/native/bsd/constants.js';
import { linuxAbi } from '../src/native/linux/abi.js';
import { linuxConstants } from '../src/native/linux/constants.js';
import * as layouts from '../src/native/posix/abi.js';
import { PosixCalls } from '../src/native/posix/calls.js';
import {
  controlLength,
  controlSpace,
  decodeControl,
  descriptorsIn,
  encodeControl,
  encodeDescriptors,
} from '../src/native/posix/control-messages.js';
import { errnoFunction } from '../src/native/posix/errno-memory.js';
import { decodeAddress, encodeAddress } from '../src/native/posix/sockaddr.js';
import { thrown } from './support/errors.js';

leakAudit();

const systems = { linux: linuxAbi, darwin: darwinAbi, freebsd: freebsdAbi };
type System = keyof typeof systems;

describe('control messages', () => {
  const rights: AncillaryMessage = [1, 1, encodeDescriptors([3, 4, 5])];
  const other: AncillaryMessage = [41, 50, Buffer.from('ab')];

  // len, level, type, data: with the upper half of len and the alignment as each system has them.
  test.each<[System, string]>([
    ['linux', '1c000000000000000100000001000000' + '03000000040000000500000000000000'],
    ['darwin', '180000000100000001000000' + '030000000400000005000000'],
    ['freebsd', '1c000000010000000100000000000000' + '03000000040000000500000000000000'],
  ])('three descriptors on %s', (system, bytes) => {
    const abi = systems[system];
    expect(Buffer.from(encodeControl([rights], abi)).toString('hex')).toBe(bytes);
    expect(decodeControl(Buffer.from(bytes, 'hex'), bytes.length / 2, abi)).toEqual([rights]);
  });

  test.each<[System, number, number, number]>([
    ['linux', 16, 18, 24],
    ['darwin', 12, 14, 16],
    ['freebsd', 16, 18, 24],
  ])('CMSG_LEN and CMSG_SPACE on %s', (system, empty, length, space) => {
    const abi = systems[system];
    expect([controlLength(0, abi), controlSpace(0, abi)]).toEqual([empty, empty]);
    expect([controlLength(2, abi), controlSpace(2, abi)]).toEqual([length, space]);
  });

  test.each(Object.entries(systems))('several, read back, on %s', (_system, abi) => {
    const messages = [other, rights, [1, 2, Buffer.alloc(0)] as const, other];
    const bytes = encodeControl(messages, abi);
    expect(decodeControl(bytes, bytes.length, abi)).toEqual(messages);
    expect(decodeControl(bytes, 0, abi)).toEqual([]);
    expect(encodeControl([], abi)).toHaveLength(0);
  });

  test.each(Object.entries(systems))('cut off anywhere, on %s', (_system, abi) => {
    const bytes = encodeControl([other, [abi.SOL_SOCKET, abi.SCM_RIGHTS, rights[2]]], abi);
    for (let length = 0; length <= bytes.length; length++) {
      const messages = decodeControl(bytes, length, abi);
      const descriptors = descriptorsIn(messages, abi);
      const room = length - controlSpace(2, abi) - controlLength(0, abi);
      expect(descriptors).toEqual([3, 4, 5].slice(0, Math.max(0, Math.floor(room / 4))));
    }
  });

  test.each(Object.entries(systems))('a length that cannot be ends the list, on %s', (_system, abi) => {
    for (const length of [0, 1, controlLength(0, abi) - 1]) {
      const bytes = encodeControl([other, other], abi);
      bytes[0] = length;
      expect(decodeControl(bytes, bytes.length, abi)).toEqual([]);
    }
    const bytes = encodeControl([other], abi);
    bytes.fill(0xff, 0, 4);
    expect(decodeControl(bytes, bytes.length, abi)).toEqual([
      [41, 50, Buffer.from(bytes.subarray(controlLength(0, abi)))],
    ]);
  });
});

describe('socket addresses of systems with a length byte', () => {
  const encode = (system: System, family: number, address: unknown): string =>
    Buffer.from(encodeAddress(family, address, () => 7, systems[system])).toString('hex');

  test.each<[string, System, number, unknown, string]>([
    ['IPv4', 'darwin', 2, ['127.0.0.1', 8080], '10021f907f0000010000000000000000'],
    ['IPv6', 'darwin', 30, ['fe80::1%en0', 1, 2], '1c1e000100000002fe80000000000000000000000000000107000000'],
    ['IPv6', 'freebsd', 28, ['fe80::1', 1, 2, 3], '1c1c000100000002fe80000000000000000000000000000103000000'],
    ['a path', 'darwin', 1, '/a/b', '07012f612f6200'],
    ['no name', 'darwin', 1, '', '0201'],
  ])('%s on %s', (_title, system, family, address, bytes) => {
    expect(encode(system, family, address)).toBe(bytes);
  });

  test.each<[System, number, socket.Address]>([
    ['darwin', 2, ['1.2.3.4', 65535]],
    ['darwin', 30, ['2001:db8::1', 443, 7, 9]],
    ['freebsd', 28, ['2001:db8::1', 443, 7, 9]],
    ['darwin', 1, '/tmp/ä.sock'],
    ['darwin', 1, Buffer.from([0x2f, 0xff])],
    ['darwin', 1, ''],
  ])('%s, family %d, %j, read back', (system, family, address) => {
    const abi = systems[system];
    const bytes = encodeAddress(family, address, () => 0, abi);
    expect(decodeAddress(bytes, bytes.length, abi)).toEqual(address);
  });

  test('a Unix peer without a name, as macOS writes it', () => {
    expect(decodeAddress(Buffer.concat([Buffer.from([16, 1]), Buffer.alloc(14)]), 16, darwinAbi)).toBe('');
  });

  test('paths are shorter and abstract names are refused', () => {
    expect(thrown(() => encode('darwin', 1, 'x'.repeat(104))).message).toMatch(/103 bytes, this one has 104/);
    const error = thrown(() => encode('freebsd', 1, '\0name'));
    expect([error.name, error.message]).toEqual(['ValueError', 'only Linux has abstract Unix names']);
  });
});

test('an address of another family is the bytes of its structure', () => {
  const bytes = Buffer.from([40, 0, 1, 2, 3, 4]);
  expect(encodeAddress(40, bytes, () => 0, linuxAbi)).toEqual(bytes);
  expect(decodeAddress(Buffer.concat([bytes, Buffer.alloc(122)]), 6, linuxAbi)).toEqual(bytes);
});

test('errno is behind a function of another name on macOS and FreeBSD', () => {
  expect(['linux', 'darwin', 'freebsd'].map(errnoFunction)).toEqual(['__errno_location', '__error', '__error']);
});

// The way of macOS, played on Linux: no flags at creation, no flags of messages, everything set after the call.
const onLinux = process.platform === 'linux' ? describe : describe.skip;
onLinux('without atomic flags (as on macOS; skipped elsewhere than on Linux)', () => {
  const calls = new PosixCalls({
    ...linuxAbi,
    SOCK_CLOEXEC: 0,
    SOCK_NONBLOCK: 0,
    MSG_NOSIGNAL: 0,
    MSG_CMSG_CLOEXEC: 0,
    SO_DOMAIN: 0,
    SO_PROTOCOL: 0,
  });
  const flagsOf = (fd: number): { closeOnExec: boolean; nonblocking: boolean } => {
    const text = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))![1]!;
    const flags = parseInt(text, 8);
    return { closeOnExec: (flags & 0o2000000) !== 0, nonblocking: (flags & 0o4000) !== 0 };
  };

  test.each([true, false])('descriptors are close-on-exec, and non-blocking if asked: %p', (nonblocking) => {
    const listener = calls.socket(AF_INET, SOCK_STREAM, 0, !nonblocking);
    calls.bind(listener, calls.encodeAddress(AF_INET, ['127.0.0.1', 0]));
    calls.listen(listener, 1);
    const client = calls.socket(AF_INET, SOCK_STREAM, 0, nonblocking);
    calls.connect(client, calls.encodeAddress(AF_INET, calls.getsockname(listener)));
    const accepted = calls.accept(listener, nonblocking);
    const pair = calls.socketpair(AF_UNIX, SOCK_STREAM, 0, nonblocking) as [number, number];
    const copy = calls.dup(client);
    for (const fd of [client, accepted, ...pair, copy]) {
      expect(flagsOf(fd)).toEqual({ closeOnExec: true, nonblocking });
    }
    [listener, client, accepted, ...pair, copy].forEach((fd) => closeSync(fd));
  });

  test('descriptors that arrive are close-on-exec', () => {
    const [a, b] = calls.socketpair(AF_UNIX, SOCK_DGRAM, 0, true) as [number, number];
    const control = encodeControl([[1, 1, encodeDescriptors([a, b])]], linuxAbi);
    expect(calls.sendmsg(a, [Buffer.from('x')], control, 0, null)).toBe(1);
    const into = Buffer.alloc(100);
    expect(calls.recvmsg(b, Buffer.alloc(1), into, 0)).toBe(1);
    const fds = descriptorsIn(decodeControl(into, calls.receivedControl(), linuxAbi), linuxAbi);
    expect(fds).toHaveLength(2);
    for (const fd of fds) expect(flagsOf(fd).closeOnExec).toBe(true);
    [a, b, ...fds].forEach((fd) => closeSync(fd));
  });

  test('the family is that of the address, the protocol is unknown', () => {
    const fd = calls.socket(AF_INET, SOCK_DGRAM, 17, false);
    expect(calls.kindOf(fd)).toEqual([AF_INET, SOCK_DGRAM, 0]);
    closeSync(fd);
    expect(calls.kindOf(fd)).toBe(-9);
  });
});

describe('constants', () => {
  test('the names of macOS and FreeBSD are names of Linux, and what every program needs is there', () => {
    const names = Object.keys(linuxConstants);
    for (const table of [darwinConstants, freebsdConstants]) {
      expect(Object.keys(table).filter((name) => !names.includes(name))).toEqual([]);
      expect(table).toMatchObject({ AF_INET: 2, AF_UNIX: 1, SOCK_STREAM: 1, SOL_SOCKET: 0xffff, SO_REUSEADDR: 4 });
    }
    expect([darwinConstants.AF_INET6, freebsdConstants.AF_INET6]).toEqual([30, 28]);
    expect(darwinConstants.SO_PEERCRED).toBeUndefined();
  });

  test('the tables of a system agree', () => {
    const pairs = [
      [linuxAbi, linuxConstants],
      [darwinAbi, darwinConstants],
      [freebsdAbi, freebsdConstants],
    ] as const;
    for (const [abi, constants] of pairs) {
      const { AF_INET6, SOL_SOCKET, SO_TYPE, SCM_RIGHTS } = constants;
      expect(abi).toMatchObject({ AF_INET6, SOL_SOCKET, SO_TYPE, SCM_RIGHTS });
    }
    expect(freebsdAbi).toMatchObject({
      SO_DOMAIN: freebsdConstants.SO_DOMAIN,
      SO_PROTOCOL: freebsdConstants.SO_PROTOCOL,
      MSG_NOSIGNAL: freebsdConstants.MSG_NOSIGNAL,
      MSG_CMSG_CLOEXEC: freebsdConstants.MSG_CMSG_CLOEXEC,
    });
  });

  const onlyLinux = process.platform === 'linux' ? test : test.skip;
  onlyLinux('all of them are exported, with the values of this system (skipped elsewhere than on Linux)', () => {
    expect(socket).toMatchObject(linuxConstants);
  });
});

const compiler = process.env['CC'] ?? 'gcc';
const hasCompiler = ((): boolean => {
  try {
    execFileSync(compiler, ['--version'], { stdio: 'ignore' });
    return process.platform === 'linux';
  } catch {
    return false;
  }
})();
const withCompiler = hasCompiler ? test : test.skip;

/** These are no macros, so the preprocessor cannot tell whether they exist. */
const ENUMERATORS = new Set(['SCM_RIGHTS', 'IPPORT_RESERVED', 'IPPORT_USERRESERVED']);

withCompiler('numbers and layouts are those of the headers of C (skipped without a compiler on Linux)', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tsyncio-abi-'));
  const print = (name: string): string => `printf("${name} %lld\\n", (long long)(unsigned)${name});`;
  const constants = Object.keys(linuxConstants).map((name) =>
    ENUMERATORS.has(name) ? print(name) : `#ifdef ${name}\n${print(name)}\n#endif`,
  );
  const expressions: Record<string, number> = {
    'sizeof(struct msghdr)': layouts.MSGHDR_SIZE,
    'offsetof(struct msghdr, msg_name)': layouts.MSGHDR_NAME,
    'offsetof(struct msghdr, msg_namelen)': layouts.MSGHDR_NAMELEN,
    'offsetof(struct msghdr, msg_iov)': layouts.MSGHDR_IOV,
    'offsetof(struct msghdr, msg_iovlen)': layouts.MSGHDR_IOVLEN,
    'offsetof(struct msghdr, msg_control)': layouts.MSGHDR_CONTROL,
    'offsetof(struct msghdr, msg_controllen)': layouts.MSGHDR_CONTROLLEN,
    'offsetof(struct msghdr, msg_flags)': linuxAbi.messageFlags,
    'sizeof(struct iovec)': layouts.IOVEC_SIZE,
    'offsetof(struct cmsghdr, cmsg_level)': linuxAbi.control.level,
    'offsetof(struct cmsghdr, cmsg_type)': linuxAbi.control.type,
    'CMSG_LEN(0)': controlLength(0, linuxAbi),
    'CMSG_LEN(5)': controlLength(5, linuxAbi),
    'CMSG_SPACE(5)': controlSpace(5, linuxAbi),
    'CMSG_SPACE(8)': controlSpace(8, linuxAbi),
    'sizeof(struct sockaddr_storage)': layouts.SOCKADDR_MAX,
    'sizeof(struct sockaddr_in)': layouts.SOCKADDR_IN_SIZE,
    'sizeof(struct sockaddr_in6)': layouts.SOCKADDR_IN6_SIZE,
    'offsetof(struct sockaddr_un, sun_path)': layouts.SUN_PATH,
    'sizeof(((struct sockaddr_un *)0)->sun_path)': linuxAbi.sunPathMax,
    O_NONBLOCK: linuxAbi.O_NONBLOCK,
    F_DUPFD_CLOEXEC: linuxAbi.F_DUPFD_CLOEXEC,
    RTLD_NODELETE: linuxAbi.RTLD_NODELETE,
    SOCK_NONBLOCK: linuxAbi.SOCK_NONBLOCK,
    SOCK_CLOEXEC: linuxAbi.SOCK_CLOEXEC,
    F_GETFD: layouts.F_GETFD,
    F_SETFD: layouts.F_SETFD,
    F_GETFL: layouts.F_GETFL,
    F_SETFL: layouts.F_SETFL,
    FD_CLOEXEC: layouts.FD_CLOEXEC,
    RTLD_NOW: layouts.RTLD_NOW,
    POLLOUT: layouts.POLLOUT,
  };
  const headers = ['stdio', 'stddef', 'fcntl', 'dlfcn', 'poll', 'sys/socket', 'sys/uio', 'sys/un'];
  headers.push('netinet/in', 'netinet/tcp', 'netinet/udp');
  const program = [
    '#define _GNU_SOURCE',
    ...headers.map((name) => `#include <${name}.h>`),
    'int main(void) {',
    ...constants,
    ...Object.keys(expressions).map((text) => `printf("%s %lld\\n", "=${text}", (long long)(${text}));`),
    '}',
  ].join('\n');
  try {
    writeFileSync(join(directory, 'abi.c'), program);
    execFileSync(compiler, ['-o', join(directory, 'abi'), join(directory, 'abi.c')]);
    const lines = execFileSync(join(directory, 'abi'), { encoding: 'utf8' }).trim().split('\n');
    const values = new Map(lines.map((line) => line.match(/^(.*) (-?\d+)$/)!.slice(1) as [string, string]));
    const ours: Record<string, number> = { ...linuxConstants };
    for (const [text, value] of Object.entries(expressions)) ours[`=${text}`] = value;
    for (const name of Object.keys(ours)) if (!values.has(name)) delete ours[name]; // newer than the headers
    expect(Object.keys(ours).length).toBeGreaterThan(200);
    expect(Object.fromEntries([...values].map(([name, value]) => [name, Number(value)]))).toEqual(ours);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
