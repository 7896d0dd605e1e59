/**
 * The language of the random programs. A program is plain JSON: the Python and the TypeScript interpreter run the same text.
 *
 * Names: `t3` is the slot of the latest task made from `coros[3]`, `f0` a future, `g2` a future made by `gather` or `shield`,
 * `o1` a task around a primitive operation, `h0` a handle. A slot that holds nothing yet makes its statement a no-op
 * ("unbound" in the trace), so that every subset of a program is a program; the shrinker relies on it.
 */

/** A CPython. */
export type PythonVersion = '3.8' | '3.13';

/**
 * Which CPython is asked: 3.13 where our semantics are its own (`waitFor`, semaphores), else 3.8. `either`: both are, and one of them
 * must be met; for conditions, where each has a flaw of its own.
 */
export type Oracle = PythonVersion | 'either';

/** A shared object that the program's tasks use. */
export type Shared =
  | { readonly name: string; readonly type: 'Lock' | 'Event' }
  | { readonly name: string; readonly type: 'Condition'; readonly lock: string | null }
  | { readonly name: string; readonly type: 'Semaphore' | 'BoundedSemaphore'; readonly value: number }
  | { readonly name: string; readonly type: 'Queue' | 'LifoQueue' | 'PriorityQueue'; readonly maxsize: number };

/** Something that can be awaited. */
export type Op =
  | { readonly o: 'sleep'; readonly delay: number; readonly value?: number }
  | { readonly o: 'yield' }
  | { readonly o: 'slot'; readonly slot: string }
  | { readonly o: 'self' }
  | { readonly o: 'coro'; readonly coro: number }
  | { readonly o: 'acquire' | 'eventwait' | 'get' | 'join' | 'condwait'; readonly obj: string }
  | { readonly o: 'put'; readonly obj: string; readonly value: number }
  | { readonly o: 'condwaitfor'; readonly obj: string; readonly name: string; readonly min: number }
  | { readonly o: 'gather'; readonly members: readonly Op[]; readonly ret: boolean }
  | { readonly o: 'shield'; readonly member: Op }
  | { readonly o: 'waitfor'; readonly member: Op; readonly timeout: number | null }
  | {
      readonly o: 'wait';
      readonly members: readonly Op[];
      readonly timeout: number | null;
      readonly mode: 'FIRST_COMPLETED' | 'FIRST_EXCEPTION' | 'ALL_COMPLETED';
    };

/** What an `except` clause catches: one class, every ordinary exception (no CancelledError), or everything. */
export type Caught = 'cancel' | 'user' | 'timeout' | 'ordinary' | 'all';

/** A statement without its number. */
export type Action =
  | { readonly k: 'log' | 'cancelself' | 'raisecancel' | 'whoami' | 'stop' }
  | { readonly k: 'spawn'; readonly slot: string; readonly coro: number }
  | { readonly k: 'spawnop'; readonly slot: string; readonly op: Op }
  | { readonly k: 'future'; readonly slot: string }
  | { readonly k: 'cancel' | 'peek' | 'result'; readonly slot: string }
  | { readonly k: 'set'; readonly slot: string; readonly value: number }
  | { readonly k: 'fail'; readonly slot: string; readonly code: number }
  | { readonly k: 'soon'; readonly cb: number; readonly handle: string }
  | { readonly k: 'later' | 'at'; readonly delay: number; readonly cb: number; readonly handle: string }
  | { readonly k: 'unhandle'; readonly handle: string }
  | { readonly k: 'done' | 'undone'; readonly slot: string; readonly cb: number }
  | {
      readonly k: 'release' | 'setevent' | 'clear' | 'notifyall' | 'getnow' | 'taskdone' | 'state';
      readonly obj: string;
    }
  | { readonly k: 'notify'; readonly obj: string; readonly n: number }
  | { readonly k: 'putnow'; readonly obj: string; readonly value: number }
  | { readonly k: 'inc'; readonly name: string }
  | { readonly k: 'varset'; readonly name: string; readonly value: number }
  | { readonly k: 'varget'; readonly name: string }
  | { readonly k: 'gatherfut'; readonly slot: string; readonly members: readonly Op[]; readonly ret: boolean }
  | { readonly k: 'shieldfut'; readonly slot: string; readonly member: Op }
  | { readonly k: 'raise'; readonly code: number }
  | { readonly k: 'return'; readonly value: number }
  | { readonly k: 'await'; readonly op: Op }
  | { readonly k: 'with'; readonly obj: string; readonly body: readonly Stmt[] }
  | {
      readonly k: 'try';
      readonly body: readonly Stmt[];
      readonly on: Caught | null;
      readonly handler: readonly Stmt[];
      /** After the handler: go on, raise the caught error again, or raise a new one. */
      readonly then: 'swallow' | 'reraise' | number;
      readonly fin: readonly Stmt[];
    }
  | { readonly k: 'repeat'; readonly n: number; readonly body: readonly Stmt[] }
  | { readonly k: 'if'; readonly name: string; readonly min: number; readonly body: readonly Stmt[] }
  | {
      readonly k: 'ascompleted';
      readonly members: readonly Op[];
      readonly timeout: number | null;
      readonly body: readonly Stmt[];
    };

/** A statement; `id` is unique in the program and names it in the trace. */
export type Stmt = Action & { readonly id: number };

/** A coroutine. Python knows one kind; here it is an async function or a generator. It calls, makes and awaits later ones only. */
export interface Coro {
  readonly kind: 'async' | 'gen';
  readonly body: readonly Stmt[];
}

/** A whole program: `coros[0]` is the main task. */
export interface Program {
  readonly seed: number;
  readonly profile: string;
  readonly oracle: Oracle;
  readonly shared: readonly Shared[];
  readonly coros: readonly Coro[];
  /** Bodies of plain callbacks: no awaits. */
  readonly callbacks: readonly (readonly Stmt[])[];
}

/** The trace of one run, a line for each observable event. */
export type Trace = readonly string[];
