/**
 * The one place that uses `node:child_process`, for what `posix_spawn` cannot do: another user or group, and systems without pidfd.
 *
 * The descriptors are ours all the same. Node reaps the child and tells of its end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';

import { Handle, type IoBackend, type OSError, osError } from '@tsyncio/core';
import type { CoroutineGenerator, TaskLoop } from '@tsyncio/futures-tasks';
import type { ChildStatus } from '@tsyncio/socket';

import type { Child } from './child.js';
import { launchError } from './launch-error.js';
import type { LaunchPlan } from './launch-plan.js';
import type { Stdio } from './stdio.js';

/** Starts the program. @throws OSError that names the program or the folder. */
export function* spawnByNode(loop: TaskLoop<IoBackend>, plan: LaunchPlan, stdio: Stdio): CoroutineGenerator<Child> {
  const child = start(plan, stdio);
  if (child.pid === undefined) {
    const failed = loop.createFuture<void>();
    child.once('error', (error) => {
      if (!failed.done()) failed.setException(errorOf(error, plan));
    });
    yield* failed;
  }
  child.unref();
  return new NodeChild(loop, child);
}

function start(plan: LaunchPlan, { child }: Stdio): ChildProcess {
  const [first, ...args] = plan.args.map((arg) => arg.toString());
  const others = Array.from({ length: Math.max(0, ...plan.passFds) - 2 }, (_, i) => {
    return plan.passFds.includes(i + 3) ? i + 3 : ('ignore' as const);
  });
  try {
    return spawn(plan.file.toString(), args, {
      argv0: first,
      env: { PATH: plan.path, ...plan.env },
      stdio: [...child.map((fd) => (fd < 0 ? ('inherit' as const) : fd)), ...others],
      detached: plan.newSession,
      ...(plan.cwd === null ? {} : { cwd: plan.cwd.toString() }),
      ...(plan.uid === null ? {} : { uid: plan.uid }),
      ...(plan.gid === null ? {} : { gid: plan.gid }),
    });
  } catch (error) {
    throw errorOf(error, plan);
  }
}

function errorOf(error: unknown, plan: LaunchPlan): unknown {
  const { errno } = error as NodeJS.ErrnoException;
  return typeof errno === 'number' ? launchError(errno, plan) : error;
}

class NodeChild implements Child {
  readonly pid: number;

  constructor(
    private readonly loop: TaskLoop<IoBackend>,
    private readonly child: ChildProcess,
  ) {
    this.pid = child.pid!;
  }

  watch(onExit: (status: ChildStatus) => unknown): void {
    const { child, loop } = this;
    const handle = new Handle(() => onExit(statusOf(child)), [], loop);
    child.once('exit', () => loop.enqueue(handle));
  }

  abandon(onEnd: () => void): void {
    this.child.removeAllListeners('exit');
    if (!this.hasEnded()) this.child.once('exit', onEnd);
  }

  hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  sendSignal(signal: number): void {
    if (this.hasEnded()) return;
    try {
      process.kill(this.pid, signal);
    } catch (error) {
      throw killError(error);
    }
  }

  discard(): void {
    this.child.kill('SIGKILL');
  }
}

function statusOf({ exitCode, signalCode }: ChildProcess): ChildStatus {
  return signalCode === null ? exitCode : -constants.signals[signalCode];
}

function killError(error: unknown): OSError {
  const { code, errno, syscall } = error as NodeJS.ErrnoException;
  return osError({ code, errno, syscall, cause: error });
}
