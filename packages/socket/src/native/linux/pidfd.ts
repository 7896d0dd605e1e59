import { E } from '../errno.js';
import { koffi } from '../koffi.js';
import { errnoMemory } from '../posix/errno-memory.js';

/** The same number on every architecture. */
const SYS_PIDFD_OPEN = 434;

type Open = (pid: number) => number;

let open: Open | undefined;
let present: boolean | undefined;

/**
 * `pidfd_open(2)`: a descriptor, close-on-exec, that is readable once the process has ended.
 *
 * @returns the descriptor, or the negated error number.
 */
export function pidfdOpen(pid: number): number {
  return (open ??= declare())(pid);
}

/** Whether this system has pidfds: Linux from 5.3 on, unless a sandbox forbids them. */
export function hasPidfd(): boolean {
  return (present ??= process.platform === 'linux' && probe());
}

function declare(): Open {
  // Before glibc 2.36 libc has no function for it. `syscall` is variadic in C; on Linux its arguments go where those of any function do.
  const syscall = koffi().load(null).func('syscall', 'int', ['long', 'int', 'uint']) as unknown as (
    n: number,
    pid: number,
    flags: number,
  ) => number;
  const errno = errnoMemory();
  return (pid) => {
    const fd = syscall(SYS_PIDFD_OPEN, pid, 0);
    return fd < 0 ? -errno[0]! : fd;
  };
}

/** A wrong flag is found before anything else is: EINVAL comes from a kernel that knows the call, and no descriptor is needed. */
function probe(): boolean {
  return pidfdOpen(-1) === -E.EINVAL;
}
