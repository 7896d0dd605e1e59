import process from 'node:process';

import { isOSError, RuntimeError } from '@tsyncio/core';
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
  if (process.env[SWITCH] === '0') return { available: false, reason: `the environment variable ${SWITCH} is 0` };
  return (found ??= probe());
}

/** @throws RuntimeError with the reason. */
export function checkIoUring(): void {
  const probed = probeIoUring();
  if (!probed.available) throw new RuntimeError(`io_uring is not available: ${probed.reason}`);
}

function probe(): IoUringProbe {
  try {
    requireLinux('io_uring');
    const ring = new Ring();
    try {
      return { available: true, ...ring.features };
    } finally {
      ring.close();
    }
  } catch (error) {
    return { available: false, reason: explain(error) };
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

function explain(error: unknown): string {
  if (!isOSError(error)) return String((error as Error).message);
  const reason = REASONS[error.code ?? ''];
  return reason === undefined ? error.message : `${reason} (${error.message})`;
}
