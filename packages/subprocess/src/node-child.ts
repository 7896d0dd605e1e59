/**
 * The one place that uses `node:child_process`, for what `posix_spawn` cannot do: another user or group, systems without pidfd, and Windows.
 *
 * The descriptors are ours all the same, but on Windows. Node reaps the child and tells of its end.
 */
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';

import { Handle, type IoBackend, type OSError, osError, ValueError } from '@tsyncio/core';
import type { CoroutineGenerator, TaskLoop } from '@tsyncio/futures-tasks';
import type { ChildStatus } from '@tsyncio/socket';
import { E, makeInheritedPipe, systemError } from '@tsyncio/socket/native';
import type { PipeOpener } from '@tsyncio/transports-protocols';

import type { Child } from './child.js';
import { DEVNULL, PIPE, STDOUT } from './constants.js';
import { launchError } from './launch-error.js';
import { DEFAULT_PATH, type LaunchPlan } from './launch-plan.js';
import { NodePipe, nodePipes } from './node-pipes.js';
import type { OurEnds } from './our-ends.js';
import type { Stdio, StdioPlan } from './stdio.js';

const SIGKILL = 9;
const SIGTERM = 15;

/** Starts the program. @throws OSError that names the program or the folder. */
export function* spawnByNode(loop: TaskLoop<IoBackend>, plan: LaunchPlan, stdio: Stdio): CoroutineGenerator<Child> {
  const others = Array.from({ length: Math.max(0, ...plan.passFds) - 2 }, (_, i) => {
    return plan.passFds.includes(i + 3) ? i + 3 : ('ignore' as const);
  });
  const child = yield* start(loop, plan, [...stdio.child.map((fd) => (fd < 0 ? ('inherit' as const) : fd)), ...others]);
  return new NodeChild(loop, child);
}

/** On Windows the pipes are Node's too. */
export class NodeEnds implements OurEnds {
  readonly io: PipeOpener;
  private readonly pipes: (NodePipe | null)[];

  /** @param output - What is read in place of the child's stdout. */
  constructor(loop: TaskLoop<IoBackend>, { stdin, stdout, stderr }: ChildProcess, output: Readable | null) {
    const pipes = [stdin, output ?? stdout, stderr].map((stream, fd) =>
      stream === null ? null : new NodePipe(stream, fd),
    );
    this.io = nodePipes(loop, pipes);
    this.pipes = [...pipes];
  }

  end(fd: number): NodePipe | null {
    return this.pipes[fd]!;
  }

  take(fd: number): void {
    this.pipes[fd] = null;
  }

  /** Closes what nobody has taken. */
  close(): void {
    for (const pipe of this.pipes) pipe?.close();
  }
}

/** Starts the program on Windows. @throws As {@link spawnByNode}. */
export function* spawnOnWindows(
  loop: TaskLoop<IoBackend>,
  plan: LaunchPlan,
  stdio: StdioPlan,
): CoroutineGenerator<[Child, NodeEnds]> {
  if (stdio[2] === STDOUT && stdio[1] === PIPE) return yield* spawnMerged(loop, plan, stdio[0]);
  const child = yield* start(
    loop,
    plan,
    stdio.map((target, fd) => nodeTarget(stdio, target, fd)),
  );
  return [new WindowsChild(loop, child), new NodeEnds(loop, child, null)];
}

/** Node makes a pipe for each stream. One for both is made here. */
function* spawnMerged(
  loop: TaskLoop<IoBackend>,
  plan: LaunchPlan,
  stdin: number | null,
): CoroutineGenerator<[Child, NodeEnds]> {
  const { closeSync } = process.getBuiltinModule('node:fs');
  const { Socket } = process.getBuiltinModule('node:net');
  const pipe = makeInheritedPipe();
  if (typeof pipe === 'number') throw systemError(pipe, 'CreateNamedPipe');
  const [ours, childs] = pipe;
  const output = new Socket({ fd: ours, readable: true, writable: false });
  try {
    const child = yield* start(loop, plan, [nodeTarget([stdin, null, null], stdin, 0), childs, childs]);
    return [new WindowsChild(loop, child), new NodeEnds(loop, child, output)];
  } catch (error) {
    output.destroy();
    throw error;
  } finally {
    closeSync(childs);
  }
}

function* start(loop: TaskLoop<IoBackend>, plan: LaunchPlan, stdio: StdioOptions): CoroutineGenerator<ChildProcess> {
  const child = spawnNow(plan, stdio);
  if (child.pid === undefined) {
    const failed = loop.createFuture<void>();
    child.once('error', (error) => {
      if (!failed.done()) failed.setException(errorOf(error, plan));
    });
    yield* failed;
  }
  child.unref();
  return child;
}

function spawnNow(plan: LaunchPlan, stdio: StdioOptions): ChildProcess {
  // Loaded with the first child: it takes 4 ms.
  const { spawn } = process.getBuiltinModule('node:child_process');
  const [first, ...args] = plan.args.map((arg) => arg.toString());
  const isWindows = process.platform === 'win32';
  const env = plan.env ?? process.env;
  try {
    return spawn(plan.file.toString(), args, {
      argv0: first,
      env: isWindows ? env : { PATH: DEFAULT_PATH, ...env },
      stdio,
      detached: !isWindows && plan.newSession,
      windowsVerbatimArguments: plan.verbatim,
      ...(plan.cwd === null ? {} : { cwd: plan.cwd.toString() }),
      ...(plan.uid === null ? {} : { uid: plan.uid }),
      ...(plan.gid === null ? {} : { gid: plan.gid }),
    });
  } catch (error) {
    throw errorOf(error, plan);
  }
}

/** What Node calls the target of a standard stream. */
function nodeTarget([, stdout]: StdioPlan, target: number | null, fd: number): 'pipe' | 'ignore' | number {
  switch (target) {
    case null:
      return fd;
    case PIPE:
      return 'pipe';
    case DEVNULL:
      return 'ignore';
    case STDOUT:
      if (fd !== 2) throw systemError(-E.EBADF, 'dup');
      return nodeTarget([null, null, null], stdout ?? 1, 1);
    default:
      if (target < 0) throw systemError(-E.EBADF, 'dup');
      return target;
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

/** A child on Windows, where signals only mean its end. */
class WindowsChild extends NodeChild {
  override sendSignal(signal: number): void {
    if (signal !== SIGTERM && signal !== SIGKILL) {
      throw new ValueError(`Unsupported signal: ${signal}: on Windows a child can be ended, by SIGTERM or SIGKILL`);
    }
    // Of a child that was ended by its number Node reports the exit code, 1, as Python does.
    super.sendSignal(signal);
  }
}

function statusOf({ exitCode, signalCode }: ChildProcess): ChildStatus {
  return signalCode === null ? exitCode : -constants.signals[signalCode];
}

function killError(error: unknown): OSError {
  const { code, errno, syscall } = error as NodeJS.ErrnoException;
  return osError({ code, errno, syscall, cause: error });
}
