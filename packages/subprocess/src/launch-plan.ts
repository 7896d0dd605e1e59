import { fileURLToPath } from 'node:url';
import { types } from 'node:util';

import { repr, ValueError } from '@tsyncio/core';

import { isOwnEnvironment } from './own-environment.js';
import type { PathLike, SubprocessOptions } from './subprocess-options.js';

/** What is to be started, in the form in which the system wants it. Bytes have no NUL. */
export interface LaunchPlan {
  /** The program as given; a bare name is looked up on {@link path}. */
  readonly file: Buffer;
  readonly args: readonly Buffer[];
  /** Null: that of this process, as libc has it. */
  readonly env: Readonly<Record<string, string>> | null;
  /** The folders of PATH; null: there is none. */
  readonly path: string | null;
  readonly cwd: Buffer | null;
  readonly newSession: boolean;
  readonly restoreSignals: boolean;
  /** Descriptors above 2, in order. */
  readonly passFds: readonly number[];
  readonly closeFds: boolean;
  readonly uid: number | null;
  readonly gid: number | null;
  /** Windows: the arguments are a command line already. */
  readonly verbatim: boolean;
}

/** Where a program is looked up by one that has no PATH. */
export const DEFAULT_PATH = '/bin:/usr/bin';

/** @throws TypeError for a wrong type, ValueError for what no program can be given. */
export function planExec(method: string, program: unknown, args: unknown, options: SubprocessOptions): LaunchPlan {
  const first = toBytes(method, 'program', program);
  if (!Array.isArray(args)) throw new TypeError(`${method}: args must be an array, got ${repr(args)}`);
  const rest = args.map((arg: unknown, i) => toBytes(method, `args[${i}]`, arg));
  const executable = executableOf(method, options);
  return plan(method, executable ?? first, [first, ...rest], false, options);
}

/** @throws As {@link planExec}. */
export function planShell(method: string, command: string | Uint8Array, options: SubprocessOptions): LaunchPlan {
  const given = executableOf(method, options);
  const text = toBytes(method, 'cmd', command);
  if (process.platform === 'win32') {
    const shell = Buffer.from(process.env['ComSpec'] ?? 'cmd.exe');
    return plan(method, given ?? shell, [shell, Buffer.from('/c'), Buffer.from(`"${text.toString()}"`)], true, options);
  }
  const shell = given ?? Buffer.from('/bin/sh');
  return plan(method, shell, [shell, Buffer.from('-c'), text], false, options);
}

function plan(
  method: string,
  file: Buffer,
  args: readonly Buffer[],
  verbatim: boolean,
  options: SubprocessOptions,
): LaunchPlan {
  const given = options.env ?? process.env;
  const env = isOwnEnvironment(given) ? null : environment(method, given);
  const { cwd, passFds, uid, gid } = options;
  const kept = [...(passFds ?? [])].map((fd) => checkDescriptor(method, fd)).filter((fd) => fd > 2);
  return {
    file,
    args,
    env,
    path: (env ?? process.env)['PATH'] ?? null,
    cwd: cwd === undefined || cwd === null ? null : toBytes(method, 'cwd', cwd),
    newSession: Boolean(options.startNewSession),
    restoreSignals: options.restoreSignals !== false,
    passFds: [...new Set(kept)].sort((a, b) => a - b),
    // As in Python, where `pass_fds` wins.
    closeFds: options.closeFds !== false || kept.length > 0,
    uid: checkId(method, 'uid', uid),
    gid: checkId(method, 'gid', gid),
    verbatim,
  };
}

function executableOf(method: string, { executable }: SubprocessOptions): Buffer | null {
  return executable === undefined || executable === null ? null : toBytes(method, 'executable', executable);
}

/** @throws TypeError for another type; ValueError for a NUL. */
function toBytes(method: string, name: string, value: unknown): Buffer {
  const bytes = bytesOf(value);
  if (bytes === null) {
    throw new TypeError(`${method}: ${name} must be a string, bytes or a file: URL, got ${repr(value)}`);
  }
  if (bytes.includes(0)) throw new ValueError(`${method}: ${name}: embedded null byte`);
  return bytes;
}

function bytesOf(value: unknown): Buffer | null {
  if (typeof value === 'string') return Buffer.from(value);
  if (types.isUint8Array(value)) return Buffer.from(value);
  return value instanceof URL ? Buffer.from(fileURLToPath(value)) : null;
}

function environment(method: string, env: unknown): Record<string, string> {
  if (typeof env !== 'object' || env === null)
    throw new TypeError(`${method}: env must be an object, got ${repr(env)}`);
  const found = Object.create(null) as Record<string, string>;
  for (const name of Object.keys(env)) {
    const value = (env as Record<string, unknown>)[name];
    if (value === undefined) continue;
    if (typeof value !== 'string') throw new TypeError(`${method}: env.${name} must be a string, got ${repr(value)}`);
    if (name === '' || name.includes('='))
      throw new ValueError(`${method}: illegal environment variable name ${repr(name)}`);
    if (name.includes('\0') || value.includes('\0')) throw new ValueError(`${method}: env: embedded null byte`);
    found[name] = value;
  }
  return found;
}

function checkDescriptor(method: string, fd: unknown): number {
  if (typeof fd !== 'number') throw new TypeError(`${method}: passFds must be descriptors, got ${repr(fd)}`);
  if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fffffff)
    throw new ValueError(`${method}: bad value(s) in passFds: ${fd}`);
  return fd;
}

function checkId(method: string, name: string, id: unknown): number | null {
  if (id === undefined || id === null) return null;
  if (typeof id !== 'number') throw new TypeError(`${method}: ${name} must be a number, got ${repr(id)}`);
  if (!Number.isInteger(id) || id < 0 || id > 0xffffffff) throw new ValueError(`${method}: ${name} is no id: ${id}`);
  return id;
}

/** For messages and logs. */
export function pathText(path: PathLike): string {
  return typeof path === 'string' ? path : path instanceof URL ? path.href : Buffer.from(path).toString();
}
