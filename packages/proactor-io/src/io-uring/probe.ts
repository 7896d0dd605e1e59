import process from 'node:process';

import { isOSError, type OSError, RuntimeError } from '@tsyncio/core';
import { type IoUringFeatures, requireLinux } from '@tsyncio/socket/native';

import { Ring } from './ring.js';

/** What {@link probeIoUring} finds. */
export type IoUringProbe =
  | ({ readonly available: true } & IoUringFeatures)
  | {
      readonly available: false;
      /** Why not, as a sentence for users. */
      readonly reason: string;
    };

/** Set to 0 it turns io_uring off. */
const SWITCH = 'TSYNCIO_IO_URING';

let found: IoUringProbe | null = null;

/**
 * Whether a loop can be built on io_uring here, and if not why. Tries it once in a thread: makes a ring and closes it. The environment
 * variable `TSYNCIO_IO_URING=0` says no without trying.
 */
export function probeIoUring(): IoUringProbe {
  const off = turnedOff();
  if (off !== null) return { available: false, reason: off };
  if (found !== null) return found;
  try {
    const ring = new Ring();
    ring.close();
    return (found = { available: true, ...ring.features });
  } catch (error) {
    // Not for ever: a limit may be raised. No error of the kernel: there is no koffi for this platform.
    return { available: false, reason: isOSError(error) ? explain(error) : String((error as Error).message) };
  }
}

/**
 * What `make` gives.
 *
 * @throws RuntimeError with the reason, if that cannot be for lack of io_uring.
 */
export function withIoUring<T>(make: () => T): T {
  const off = turnedOff();
  if (off !== null) throw new RuntimeError(`io_uring is not available: ${off}`);
  try {
    return make();
  } catch (error) {
    if (!isOSError(error)) throw error;
    throw new RuntimeError(`io_uring is not available: ${explain(error)}`, { cause: error });
  }
}

function turnedOff(): string | null {
  if (process.env[SWITCH] === '0') return `the environment variable ${SWITCH} is 0`;
  try {
    requireLinux('io_uring');
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSYS: 'this kernel has none, or a sandbox hides it',
  EPERM:
    "the kernel forbids it: a container's seccomp profile, or the sysctl kernel.io_uring_disabled (1: only for its group; 2: for nobody)",
  EACCES: 'a security module forbids it',
  EINVAL: 'the kernel is older than Linux 6.0, which brought what is needed here',
  ENOMEM: 'the limit of locked memory (RLIMIT_MEMLOCK, `ulimit -l`) leaves no room for the rings',
  EMFILE: 'the process has no descriptor left (RLIMIT_NOFILE)',
  ENFILE: 'the system has no descriptor left',
};

function explain(error: OSError): string {
  const reason = REASONS[error.code ?? ''];
  return reason === undefined ? error.message : `${reason} (${error.message})`;
}
