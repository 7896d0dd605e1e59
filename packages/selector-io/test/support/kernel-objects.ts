/**
 * Descriptors that Node cannot make, for tests: pipes, eventfds, timerfds, inotify instances, pseudo-terminals, pidfds. Close them with
 * `closeSync`; read and write them with `readSync` and `writeSync`.
 */
import { createRequire } from 'node:module';

import { systemError } from '@tsyncio/socket/native';

type Function = (...args: (number | string | Uint8Array)[]) => number;
interface Library {
  func(name: string, result: string, parameters: string[]): Function;
}

// koffi belongs to the socket package alone, so it is asked for in its name.
const koffi = createRequire(require.resolve('@tsyncio/socket/package.json'))('koffi') as {
  load(file: null): Library;
  errno(): number;
};

const O_RDWR = 0o2;
const O_NOCTTY = 0o400;
const NONBLOCKING = 0o4000 | 0o2000000; // and close-on-exec: the same bits for all of them
const CLOCK_MONOTONIC = 1;
const IN_CLOSE_WRITE = 0x8;
const SYS_PIDFD_OPEN = 434;

const functions = new Map<string, Function>();

/** Calls a function of libc that gives -1 on failure. */
function call(name: string, parameters: string[], ...args: (number | string | Uint8Array)[]): number {
  let declared = functions.get(name);
  if (declared === undefined) {
    declared = koffi.load(null).func(name, 'int', parameters);
    functions.set(name, declared);
  }
  const result = declared(...args);
  if (result < 0) throw systemError(-koffi.errno(), name);
  return result;
}

/** The two ends of a pipe, non-blocking. */
export function pipe(): [readEnd: number, writeEnd: number] {
  const pair = new Int32Array(2);
  call('pipe2', ['void *', 'int'], new Uint8Array(pair.buffer), NONBLOCKING);
  return [pair[0]!, pair[1]!];
}

/** A counter: eight bytes written are added, eight bytes read are the sum, which is then 0 again. Readable while it is above 0. */
export function eventfd(): number {
  return call('eventfd', ['uint32_t', 'int'], 0, NONBLOCKING);
}

/** A timer that becomes readable once, after so many milliseconds. */
export function timerfd(ms: number): number {
  const fd = call('timerfd_create', ['int', 'int'], CLOCK_MONOTONIC, NONBLOCKING);
  // struct itimerspec: interval and value, each in seconds and nanoseconds
  const spec = new BigInt64Array([0n, 0n, 0n, BigInt(ms) * 1_000_000n]);
  call('timerfd_settime', ['int', 'int', 'void *', 'uintptr_t'], fd, 0, new Uint8Array(spec.buffer), 0);
  return fd;
}

/** Becomes readable when a file that was written to in `folder` is closed. */
export function inotify(folder: string): number {
  const fd = call('inotify_init1', ['int'], NONBLOCKING);
  call('inotify_add_watch', ['int', 'string', 'uint32_t'], fd, folder, IN_CLOSE_WRITE);
  return fd;
}

/** The name in the first event of what an {@link inotify} descriptor gives: `struct inotify_event { int, u32, u32, u32 len; char name[] }`. */
export function inotifyName(event: Buffer): string {
  return event
    .subarray(16, 16 + event.readUInt32LE(12))
    .toString()
    .replace(/\0+$/, '');
}

/** The master of a new pseudo-terminal, and the path of its slave. */
export function pseudoTerminal(): [master: number, slave: string] {
  const master = call('posix_openpt', ['int'], O_RDWR | O_NOCTTY | NONBLOCKING);
  call('grantpt', ['int'], master);
  call('unlockpt', ['int'], master);
  const path = Buffer.alloc(64);
  call('ptsname_r', ['int', 'void *', 'size_t'], master, path, path.length);
  return [master, path.subarray(0, path.indexOf(0)).toString()];
}

/** Becomes readable when the process ends. */
export function pidfd(pid: number): number {
  return call('syscall', ['long', 'int', 'int'], SYS_PIDFD_OPEN, pid, 0);
}
