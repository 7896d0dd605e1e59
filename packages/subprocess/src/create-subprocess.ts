import type { CoroutineGenerator, Operation } from '@tsyncio/futures-tasks';
import { type LimitOption, type MethodOf, operationInLoop, outcomeOf, StreamReader } from '@tsyncio/streams';
import { checkOptions } from '@tsyncio/transports-protocols';

import type { ChildTransport, SubprocessLoop } from './child-transport.js';
import { Process } from './process.js';
import { subprocessExec, subprocessShell } from './subprocess-exec.js';
import { SubprocessStreamProtocol } from './subprocess-stream-protocol.js';
import { type PathLike, type StdioTarget, SUBPROCESS_OPTIONS, type SubprocessOptions } from './subprocess-options.js';
import type { SubprocessTransport } from './subprocess-transport.js';

/** The options of {@link createSubprocessExec} and {@link createSubprocessShell}; those of `subprocessExec`, with another default. */
export interface CreateSubprocessOptions extends SubprocessOptions, LimitOption {
  /** Default null: that of this process. */
  readonly stdin?: StdioTarget | undefined;
  /** Default null: that of this process. */
  readonly stdout?: StdioTarget | undefined;
  /** Default null: that of this process. */
  readonly stderr?: StdioTarget | undefined;
}

type Loop = SubprocessLoop & {
  readonly subprocessExec?: MethodOf<typeof subprocessExec<SubprocessStreamProtocol>>;
  readonly subprocessShell?: MethodOf<typeof subprocessShell<SubprocessStreamProtocol>>;
};

const NEEDED = ['openPipe', 'watchExit'] as const;
const WHAT = 'pipes and processes';

/**
 * Starts a program, without a shell, in the running loop. asyncio: `asyncio.create_subprocess_exec`.
 *
 * @param program - A path, or a name to be looked up on the PATH of `env`.
 * @param args - What follows the program among its arguments.
 * @param options - `stdin`, `stdout` and `stderr` are those of this process unless they are `PIPE`, ...; `limit` is that of the readers.
 * @throws Through the operation: what `subprocessExec` throws; ValueError for a limit that is not above 0; RuntimeError if no loop is running,
 *   TypeError if it has no pipes and processes.
 *
 * @example
 * const process = await createSubprocessExec('git', ['log', '--oneline'], { stdout: PIPE });
 * for await (const line of process.stdout!) show(line.toString());
 * await process.wait();
 */
export function createSubprocessExec(
  program: PathLike,
  args: readonly PathLike[] | null = [],
  options: CreateSubprocessOptions = {},
): Operation<Process> {
  return operationInLoop('createSubprocessExec', WHAT, NEEDED, (loop: Loop) =>
    creating(loop, options, (factory, others) =>
      loop.subprocessExec === undefined
        ? subprocessExec(loop, factory, program, args, others)
        : loop.subprocessExec(factory, program, args, others),
    ),
  );
}

/**
 * Runs a command of the shell, `/bin/sh -c`, in the running loop. Else as {@link createSubprocessExec}. asyncio:
 * `asyncio.create_subprocess_shell`.
 *
 * Whatever is put into the command must be quoted by the caller, or the shell obeys it.
 *
 * @example
 * const process = await createSubprocessShell('ls | wc -l', { stdout: PIPE });
 * const [count] = await process.communicate();
 */
export function createSubprocessShell(
  cmd: string | Uint8Array,
  options: CreateSubprocessOptions = {},
): Operation<Process> {
  return operationInLoop('createSubprocessShell', WHAT, NEEDED, (loop: Loop) =>
    creating(loop, options, (factory, others) =>
      loop.subprocessShell === undefined
        ? subprocessShell(loop, factory, cmd, others)
        : loop.subprocessShell(factory, cmd, others),
    ),
  );
}

function* creating(
  loop: Loop,
  given: CreateSubprocessOptions,
  start: (
    factory: () => SubprocessStreamProtocol,
    options: SubprocessOptions,
  ) => Operation<[transport: SubprocessTransport, protocol: SubprocessStreamProtocol]>,
): CoroutineGenerator<Process> {
  checkOptions('createSubprocess', ['limit', ...SUBPROCESS_OPTIONS], given);
  const { limit, stdin = null, stdout = null, stderr = null, ...others } = given;
  // Looked at before there is a child.
  new StreamReader({ limit, loop });
  const factory = (): SubprocessStreamProtocol => new SubprocessStreamProtocol(limit, loop);
  const [transport, protocol] = yield* outcomeOf(loop, start(factory, { ...others, stdin, stdout, stderr }));
  return new Process(transport as ChildTransport, protocol, loop);
}
