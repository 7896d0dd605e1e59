import { readdirSync } from 'node:fs';

import { E } from '../errno.js';
import { hasPidfd } from '../linux/pidfd.js';
import { addressOf, koffi } from '../koffi.js';
import { SpawnMemory } from './spawn-memory.js';

/** What `posix_spawn` is to do. All bytes are without the NUL at the end. */
export interface SpawnRequest {
  /** The file to run: a path, or with {@link search} a name. */
  readonly file: Uint8Array;
  /** Whether libc looks the name up on the PATH of this process, which must have one. */
  readonly search: boolean;
  readonly args: readonly Uint8Array[];
  /** `NAME=value` each. Null: the environment of this process, as libc has it, without a copy. */
  readonly env: readonly string[] | null;
  /** Null: that of this process. */
  readonly cwd: Uint8Array | null;
  /**
   * The descriptors of this process that become 0, 1 and 2 of the child. Each is 3 or more, or the number that it becomes; -1: the child gets what this
   * process has.
   */
  readonly stdio: readonly [number, number, number];
  /** Others that the child gets, under the same numbers. */
  readonly keep: readonly number[];
  /** Close every other descriptor, not only those that are close-on-exec. */
  readonly closeOthers: boolean;
  /** `setsid`. */
  readonly newSession: boolean;
  /** The signals that this program ignores, SIGPIPE among them, do again in the child what they do by default. */
  readonly restoreSignals: boolean;
}

const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;

/** What Node sets to be ignored. Every other signal does in Node what it does by default, or has a handler, which `exec` takes away. */
const IGNORED_BY_NODE = [13 /* SIGPIPE */, 25 /* SIGXFSZ */];

/** More than any libc takes for `posix_spawnattr_t` (336 bytes), `posix_spawn_file_actions_t` (80) and `sigset_t` (128). */
const ATTRIBUTES = 0;
const ACTIONS = 512;
const SIGNALS = 1024;
const PID = 1536;
const SIZE = 1544;

let spawner: Spawner | undefined;

/** Whether {@link spawnProcess} can do this here: on Linux, and in another folder only if libc knows how. */
export function canSpawn(request: Pick<SpawnRequest, 'cwd'>): boolean {
  if (!hasPidfd()) return false;
  return request.cwd === null || (spawner ??= new Spawner()).hasChdir;
}

/**
 * Starts a program. libc does it without a copy of this process' memory tables, blocks this thread until the new program runs, and tells
 * why it does not, so that no pipe is needed for errors.
 *
 * @returns The pid, or the negated error number: of the program, of the folder or of a descriptor.
 */
export function spawnProcess(request: SpawnRequest): number {
  return (spawner ??= new Spawner()).spawn(request);
}

type Call = (...args: (number | Uint8Array)[]) => number;

class Spawner {
  private readonly c = declareSpawn();
  private readonly memory = new ArrayBuffer(SIZE);
  private readonly pid = new Int32Array(this.memory, PID, 1);
  private readonly at = addressOf(this.memory);
  private readonly attributes = this.at + ATTRIBUTES;
  private readonly actions = this.at + ACTIONS;
  private readonly signals = this.at + SIGNALS;
  /** Memory that the call in progress uses. */
  private held: unknown = null;

  get hasChdir(): boolean {
    return this.c.addChdir !== null;
  }

  spawn(request: SpawnRequest): number {
    const { c, attributes, actions } = this;
    const failed = c.initActions(actions);
    if (failed !== 0) return -failed;
    try {
      this.prepareAttributes(request);
      const error = this.addActions(request);
      if (error !== 0) return -error;
      const memory = new SpawnMemory(request.args, request.env);
      this.held = memory;
      const spawn = request.search ? c.spawnFromPath : c.spawn;
      const result = spawn(this.at + PID, terminated(request.file), actions, attributes, memory.args, memory.env);
      return result === 0 ? this.pid[0]! : -result;
    } finally {
      this.held = null;
      c.destroyActions(actions);
      c.destroyAttributes(attributes);
    }
  }

  private prepareAttributes({ newSession, restoreSignals }: SpawnRequest): void {
    const { c, attributes, signals } = this;
    c.initAttributes(attributes);
    c.emptySignals(signals);
    c.setMask(attributes, signals);
    if (restoreSignals) {
      for (const signal of IGNORED_BY_NODE) c.addSignal(signals, signal);
      c.setDefault(attributes, signals);
    }
    c.setFlags(attributes, SETSIGMASK | (restoreSignals ? SETSIGDEF : 0) | (newSession ? SETSID : 0));
  }

  /** @returns 0 or an error number. */
  private addActions({ cwd, stdio, keep, closeOthers }: SpawnRequest): number {
    const { c, actions } = this;
    let error = 0;
    for (let fd = 0; fd < 3 && error === 0; fd++) {
      // One that becomes itself stays open over `exec`.
      if (stdio[fd]! >= 0) error = c.addDup(actions, stdio[fd]!, fd);
    }
    for (const fd of keep) error ||= c.addDup(actions, fd, fd);
    if (closeOthers) error ||= this.closeOthers(keep);
    if (cwd !== null) {
      error ||= c.addChdir === null ? E.ENOSYS : c.addChdir(actions, terminated(cwd));
    }
    return error;
  }

  private closeOthers(keep: readonly number[]): number {
    const { c, actions } = this;
    let error = 0;
    if (c.addCloseFrom === null) {
      // Those that are close-on-exec come to no harm.
      for (const fd of readdirSync('/proc/self/fd').map(Number)) {
        if (fd > 2 && !keep.includes(fd)) error ||= c.addClose(actions, fd);
      }
      return error;
    }
    const last = Math.max(2, ...keep);
    for (let fd = 3; fd < last; fd++) if (!keep.includes(fd)) error ||= c.addClose(actions, fd);
    return error || c.addCloseFrom(actions, last + 1);
  }
}

/** A string of C. */
function terminated(bytes: Uint8Array): Uint8Array {
  const string = Buffer.alloc(bytes.length + 1);
  string.set(bytes);
  return string;
}

function declareSpawn() {
  const libc = koffi().load(null);
  const func = (name: string, ...parameters: string[]): Call => libc.func(name, 'int', parameters);
  /** Functions that not every libc has. */
  const optional = (name: string, ...parameters: string[]): Call | null => {
    try {
      return func(name, ...parameters);
    } catch {
      return null;
    }
  };
  const [pointer, bytes] = ['uintptr_t', 'void *'];
  return {
    spawn: func('posix_spawn', pointer, bytes, pointer, pointer, pointer, pointer),
    spawnFromPath: func('posix_spawnp', pointer, bytes, pointer, pointer, pointer, pointer),
    initActions: func('posix_spawn_file_actions_init', pointer),
    destroyActions: func('posix_spawn_file_actions_destroy', pointer),
    addDup: func('posix_spawn_file_actions_adddup2', pointer, 'int', 'int'),
    addClose: func('posix_spawn_file_actions_addclose', pointer, 'int'),
    addChdir: optional('posix_spawn_file_actions_addchdir_np', pointer, bytes),
    addCloseFrom: optional('posix_spawn_file_actions_addclosefrom_np', pointer, 'int'),
    initAttributes: func('posix_spawnattr_init', pointer),
    destroyAttributes: func('posix_spawnattr_destroy', pointer),
    setFlags: func('posix_spawnattr_setflags', pointer, 'int16_t'),
    setMask: func('posix_spawnattr_setsigmask', pointer, pointer),
    setDefault: func('posix_spawnattr_setsigdefault', pointer, pointer),
    emptySignals: func('sigemptyset', pointer),
    addSignal: func('sigaddset', pointer, 'int'),
  };
}
