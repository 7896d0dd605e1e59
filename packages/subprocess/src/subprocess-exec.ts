import { logger, NotImplementedError, repr, RuntimeError, ValueError } from '@tsyncio/core';
import { type CoroutineGenerator, operation, type Operation } from '@tsyncio/futures-tasks';
import { canSpawn } from '@tsyncio/socket/native';
import { checkFactory, checkProtocol } from '@tsyncio/transports-protocols';
import { types } from 'node:util';

import type { Child } from './child.js';
import { ChildTransport, type SubprocessLoop } from './child-transport.js';
import { DEVNULL, PIPE, STDOUT } from './constants.js';
import { type LaunchPlan, pathText, planExec, planShell } from './launch-plan.js';
import { spawnByNode, spawnOnWindows } from './node-child.js';
import type { OurEnds } from './our-ends.js';
import { spawnProgram } from './spawn-program.js';
import { SpawnedChild } from './spawned-child.js';
import { planStdio, Stdio, type StdioPlan } from './stdio.js';
import { checkSubprocessOptions, type PathLike, type SubprocessOptions } from './subprocess-options.js';
import type { SubprocessProtocolCallbacks } from './subprocess-protocol.js';
import type { SubprocessTransport } from './subprocess-transport.js';

/**
 * Starts a program, without a shell, and connects its standard streams to a protocol. asyncio: `loop.subprocess_exec`.
 *
 * The operation is done when `connectionMade` was called. A failed or cancelled one leaves no process, zombie or descriptor behind.
 *
 * @param protocolFactory - Called once, without arguments, before the program is started.
 * @param program - A path, or a name to be looked up on the PATH of `env`. It is the first of the program's arguments.
 * @param args - The others. They reach the program byte for byte.
 * @throws Through the operation: TypeError and ValueError for wrong arguments; FileNotFoundError, PermissionError and other OSErrors of the
 *   system, whose `path` is the program as given, or `cwd` if that is to blame; RuntimeError if the loop is closed; what the factory throws;
 *   CancelledError.
 *
 * @example
 * class Lines extends SubprocessProtocol {
 *   override pipeDataReceived(fd: number, data: Buffer) { console.log(fd, data.toString()); }
 * }
 * const [transport] = await subprocessExec(loop, () => new Lines(), 'ls', ['-l'], { stdin: DEVNULL });
 */
export function subprocessExec<P extends SubprocessProtocolCallbacks>(
  loop: SubprocessLoop,
  protocolFactory: () => P,
  program: PathLike,
  args: readonly PathLike[] | null = [],
  options: SubprocessOptions = {},
): Operation<[SubprocessTransport, P]> {
  const method = 'subprocessExec';
  return operation(
    loop,
    run(loop, method, protocolFactory, () => {
      checkSubprocessOptions(method, false, options);
      return {
        launch: planExec(method, program, args ?? [], options),
        stdio: planStdio(method, options),
        record: () => `execute program ${repr(pathText(program))}`,
      };
    }),
    { context: true },
  );
}

/**
 * Runs a command of the shell, `/bin/sh -c`, on Windows `cmd.exe /c`. Else as {@link subprocessExec}. asyncio: `loop.subprocess_shell`.
 *
 * Whatever is put into the command must be quoted by the caller, or the shell obeys it.
 */
export function subprocessShell<P extends SubprocessProtocolCallbacks>(
  loop: SubprocessLoop,
  protocolFactory: () => P,
  cmd: string | Uint8Array,
  options: SubprocessOptions = {},
): Operation<[SubprocessTransport, P]> {
  const method = 'subprocessShell';
  return operation(
    loop,
    run(loop, method, protocolFactory, () => {
      if (typeof cmd !== 'string' && !types.isUint8Array(cmd)) throw new ValueError('cmd must be a string');
      checkSubprocessOptions(method, true, options);
      return {
        launch: planShell(method, cmd, options),
        stdio: planStdio(method, options),
        record: () => `run shell command ${repr(pathText(cmd))}`,
      };
    }),
    { context: true },
  );
}

interface Plan {
  readonly launch: LaunchPlan;
  readonly stdio: StdioPlan;
  /** For the log. */
  readonly record: () => string;
}

function* run<P extends SubprocessProtocolCallbacks>(
  loop: SubprocessLoop,
  method: string,
  factory: () => P,
  makePlan: () => Plan,
): CoroutineGenerator<[SubprocessTransport, P]> {
  checkFactory(method, factory);
  const plan = makePlan();
  if (loop.isClosed()) throw new RuntimeError('Event loop is closed');
  if (typeof loop.backend.openPipe !== 'function' || typeof loop.backend.watchExit !== 'function') {
    throw new NotImplementedError(`${method}() needs a backend with pipes and processes`);
  }
  const protocol = factory();
  checkProtocol(method, protocol);
  const record = loop.getDebug() ? plan.record() : null;
  if (record !== null) logger.debug([record, ...describeStdio(plan.stdio)].join(' '));
  const transport = yield* startChild(loop, plan, protocol);
  if (record !== null) logger.info(`${record}: ${String(transport)}`);
  return [transport, protocol];
}

function* startChild(
  loop: SubprocessLoop,
  { launch, stdio: stdioPlan }: Plan,
  protocol: SubprocessProtocolCallbacks,
): CoroutineGenerator<ChildTransport> {
  if (process.platform === 'win32') {
    const [child, pipes] = yield* spawnOnWindows(loop, launch, stdioPlan);
    try {
      return yield* connectChild(loop, launch, protocol, child, pipes);
    } finally {
      pipes.close();
    }
  }
  const stdio = new Stdio(stdioPlan);
  try {
    const child = yield* spawnChild(loop, launch, stdio);
    stdio.closeChildEnds(); // at once: there is room for the pidfd then, when there is none to spare
    return yield* connectChild(loop, launch, protocol, child, stdio);
  } finally {
    stdio.close();
  }
}

function* connectChild(
  loop: SubprocessLoop,
  launch: LaunchPlan,
  protocol: SubprocessProtocolCallbacks,
  child: Child,
  pipes: OurEnds,
): CoroutineGenerator<ChildTransport> {
  const transport = new ChildTransport(loop, protocol, child);
  if (loop.getDebug()) logger.debug(`process ${repr(launch.args[0]!.toString())} created: pid ${child.pid}`);
  const connected = loop.createFuture<void>();
  try {
    transport.connect(pipes, connected);
    yield* connected;
  } catch (error) {
    transport.close();
    yield* transport.wait();
    throw error;
  }
  return transport;
}

function* spawnChild(loop: SubprocessLoop, plan: LaunchPlan, stdio: Stdio): CoroutineGenerator<Child> {
  const byNode = plan.uid !== null || plan.gid !== null || !canSpawn(plan);
  if (byNode) return yield* spawnByNode(loop, plan, stdio);
  return new SpawnedChild(loop, spawnProgram(plan, stdio));
}

function describeStdio([stdin, stdout, stderr]: StdioPlan): string[] {
  const parts = stdin === null ? [] : [`stdin=${nameOf(stdin)}`];
  if (stdout !== null && stderr === STDOUT) return [...parts, `stdout=stderr=${nameOf(stdout)}`];
  if (stdout !== null) parts.push(`stdout=${nameOf(stdout)}`);
  if (stderr !== null) parts.push(`stderr=${nameOf(stderr)}`);
  return parts;
}

function nameOf(target: number): string {
  return target === PIPE ? '<pipe>' : target === DEVNULL ? '<null>' : String(target);
}
