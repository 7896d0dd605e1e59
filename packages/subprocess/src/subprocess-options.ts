import { constants } from 'node:os';

import { repr, ValueError } from '@tsyncio/core';
import type { FileDescriptorLike } from '@tsyncio/socket';
import { checkOptions } from '@tsyncio/transports-protocols';

/**
 * Where a standard stream of the child goes: `PIPE` (-1), `DEVNULL` (-3), for stderr also `STDOUT` (-2); null: where that of this process goes; or a
 * descriptor, or an object that has one, which the child gets and the caller keeps.
 */
export type StdioTarget = FileDescriptorLike | null;

/** A string, its bytes, or a `file:` URL. */
export type PathLike = string | Uint8Array | URL;

/** Options of `subprocessExec`, `subprocessShell` and what is built on them. */
export interface SubprocessOptions {
  /** Default `PIPE`. */
  readonly stdin?: StdioTarget | undefined;
  /** Default `PIPE`. */
  readonly stdout?: StdioTarget | undefined;
  /** Default `PIPE`. */
  readonly stderr?: StdioTarget | undefined;
  /** The child's working directory; default that of this process. */
  readonly cwd?: PathLike | null | undefined;
  /** All of the child's environment; default that of this process. Its PATH is where the program is looked for. What is undefined is left out. */
  readonly env?: Readonly<Record<string, string | undefined>> | null | undefined;
  /** The file to run in place of the program, whose name is still the first argument. With a shell: in place of `/bin/sh`. */
  readonly executable?: PathLike | null | undefined;
  /** Run the child in a session of its own (`setsid`). Default false. */
  readonly startNewSession?: boolean | null | undefined;
  /** Default true: SIGPIPE and SIGXFSZ, which Node ignores, end the child as they end any program. False: it ignores them too. */
  readonly restoreSignals?: boolean | null | undefined;
  /** Descriptors that the child gets beside 0, 1 and 2, under the same numbers. */
  readonly passFds?: Iterable<number> | null | undefined;
  /** Default true: the child gets no other descriptors. False: it gets all that are not close-on-exec. */
  readonly closeFds?: boolean | null | undefined;
  /** The child's user id. */
  readonly uid?: number | null | undefined;
  /** The child's group id. */
  readonly gid?: number | null | undefined;
  /** Must be 0: asyncio has it because `subprocess.Popen` has it. So it is with those that follow. */
  readonly bufsize?: 0 | undefined;
  /** Must be false. */
  readonly universalNewlines?: false | null | undefined;
  /** Must be what the method says by its name. */
  readonly shell?: boolean | undefined;
  /** Must be false. */
  readonly text?: false | null | undefined;
  /** Must be null. */
  readonly encoding?: null | undefined;
  /** Must be null. */
  readonly errors?: null | undefined;
  /** Refused: nothing of ours can run in the child between its birth and the program. */
  readonly preexecFn?: null | undefined;
  /** Of Windows, where it is refused: Node cannot pass it on. */
  readonly startupinfo?: null | undefined;
  /** As {@link startupinfo}. */
  readonly creationflags?: 0 | undefined;
}

/** The names of {@link SubprocessOptions}. */
export const SUBPROCESS_OPTIONS = [
  'stdin',
  'stdout',
  'stderr',
  'cwd',
  'env',
  'executable',
  'startNewSession',
  'restoreSignals',
  'passFds',
  'closeFds',
  'uid',
  'gid',
  'bufsize',
  'universalNewlines',
  'shell',
  'text',
  'encoding',
  'errors',
  'preexecFn',
  'startupinfo',
  'creationflags',
] as const satisfies readonly (keyof SubprocessOptions)[];

/**
 * Refuses what asyncio refuses, in its order.
 *
 * @param shell - What the method says.
 */
export function checkSubprocessOptions(method: string, shell: boolean, options: SubprocessOptions): void {
  const given = checkKnown(method, options);
  if (given['universalNewlines']) throw new ValueError('universal_newlines must be False');
  if (given['shell'] !== undefined && Boolean(given['shell']) !== shell) {
    throw new ValueError(`shell must be ${shell ? 'True' : 'False'}`);
  }
  if (given['bufsize'] !== undefined && given['bufsize'] !== 0) throw new ValueError('bufsize must be 0');
  if (given['text']) throw new ValueError('text must be False');
  for (const name of ['encoding', 'errors']) {
    if (isGiven(given[name])) throw new ValueError(`${name} must be None`);
  }
  if (isGiven(given['preexecFn'])) {
    throw new ValueError(`${method}: preexecFn is not supported: no JavaScript can run in the child`);
  }
  if (process.platform === 'win32') {
    for (const name of ['startupinfo', 'creationflags', 'passFds']) {
      if (given[name] && !isEmpty(given[name]))
        throw new ValueError(`${method}: ${name} is not supported on Windows: Node's child_process has no such thing`);
    }
    return;
  }
  if (isGiven(given['startupinfo'])) throw new ValueError('startupinfo is only supported on Windows platforms');
  if (given['creationflags']) throw new ValueError('creationflags is only supported on Windows platforms');
}

function checkKnown(method: string, options: unknown): Readonly<Record<string, unknown>> {
  checkOptions(method, SUBPROCESS_OPTIONS, options);
  return options as Readonly<Record<string, unknown>>;
}

/** An empty list of descriptors asks for nothing. */
function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/**
 * The number of a signal.
 *
 * @throws TypeError for what is neither a name nor an integer, ValueError for an unknown name.
 */
export function signalNumber(method: string, signal: unknown): number {
  if (typeof signal === 'string') {
    const number = (constants.signals as Readonly<Record<string, number>>)[signal];
    if (number === undefined) throw new ValueError(`${method}: unknown signal ${repr(signal)}`);
    return number;
  }
  if (typeof signal === 'number' && Number.isInteger(signal)) return signal;
  throw new TypeError(`${method}: signal must be a name or an integer, got ${repr(signal)}`);
}
