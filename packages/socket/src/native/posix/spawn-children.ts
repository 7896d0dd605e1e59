import { E } from '../errno.js';
import { addressOf, koffi } from '../koffi.js';
import { errnoMemory } from './errno-memory.js';

/** Linux's numbers; other systems have other ways to children. */
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x01000000;
const P_PID = 1;

const SIGINFO_SIZE = 128;

/** What is done to children that were spawned. */
interface ChildCalls {
  readonly waitpid: (pid: number, status: number, options: number) => number;
  readonly waitid: (type: number, pid: number, info: number, options: number) => number;
  readonly kill: (pid: number, signal: number) => number;
  readonly errno: Int32Array;
  /** `int status` of `waitpid`; `siginfo_t`, which begins with the signal. */
  readonly memory: Int32Array;
  readonly memoryAt: number;
}

let declared: ChildCalls | undefined;

function calls(): ChildCalls {
  return (declared ??= declare());
}

function declare(): ChildCalls {
  const libc = koffi().load(null);
  const func = (name: string, ...parameters: string[]): unknown => libc.func(name, 'int', parameters);
  const memory = new Int32Array(new ArrayBuffer(SIGINFO_SIZE));
  return {
    waitpid: func('waitpid', 'int', 'uintptr_t', 'int') as ChildCalls['waitpid'],
    waitid: func('waitid', 'int', 'int', 'uintptr_t', 'int') as ChildCalls['waitid'],
    kill: func('kill', 'int', 'int') as ChildCalls['kill'],
    errno: errnoMemory(),
    memory,
    memoryAt: addressOf(memory.buffer),
  };
}

/**
 * `waitpid(2)` of one child: takes its status if it has ended.
 *
 * @param block - Wait for its end: for one that was killed.
 * @returns its exit code, or minus the number of the signal that ended it; undefined while it runs (stopped or not); null if there is no
 *   such child (any more).
 */
export function reap(pid: number, block = false): number | null | undefined {
  const { waitpid, errno, memory, memoryAt } = calls();
  for (;;) {
    const found = waitpid(pid, memoryAt, block ? 0 : WNOHANG);
    if (found === 0) return undefined;
    if (found > 0) return statusOf(memory[0]!);
    if (errno[0] !== E.EINTR) return null;
  }
}

/** Whether a child has ended, as {@link reap} would find. Its status stays where it is. */
export function hasEnded(pid: number): boolean {
  const { waitid, memory, memoryAt } = calls();
  memory[0] = 0;
  const failed = waitid(P_PID, pid, memoryAt, WEXITED | WNOHANG | WNOWAIT);
  return failed < 0 || memory[0] !== 0;
}

/** `kill(2)`. @returns 0, or the negated error number. */
export function killProcess(pid: number, signal: number): number {
  const { kill, errno } = calls();
  return kill(pid, signal) < 0 ? -errno[0]! : 0;
}

/** The macros of `wait.h`. What is neither an exit nor an end by a signal is passed on as it is. */
function statusOf(status: number): number {
  const signal = status & 0x7f;
  if (signal === 0) return (status >> 8) & 0xff;
  return signal === 0x7f ? status : -signal;
}
