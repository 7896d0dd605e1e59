import { AsyncStore, currentVariables } from './async-store.js';
import { brand, hasBrand } from './brand.js';
import { RuntimeError, ValueError } from './errors.js';
import { threadState } from './thread-state.js';

/** An immutable set of values; a change makes a new one. */
export type Variables = ReadonlyMap<ContextVar<unknown>, unknown>;

/** Identity of the context of code outside any loop, for tokens. */
const OUTSIDE = {};

function withValue(variables: Variables, key: ContextVar<unknown>, value: unknown): Variables {
  return new Map(variables).set(key, value);
}

function withoutValue(variables: Variables, key: ContextVar<unknown>): Variables {
  const copy = new Map(variables);
  copy.delete(key);
  return copy;
}

/** What a token must find again when it is used: the context, or the running handle, or the continuation of one. */
function identityOf(store: AsyncStore | undefined): object {
  if (store === undefined) return OUTSIDE;
  return store.context ?? threadState.handle ?? store.origin ?? store;
}

function replaceVariables(store: AsyncStore | undefined, change: (variables: Variables) => Variables): void {
  if (store === undefined) threadState.variables = change(threadState.variables);
  else if (store.context !== null) store.context.variables = change(store.context.variables);
  else {
    // Left behind when the handle returns: runInAsyncScope restores what was there before.
    const { loop, task, variables, scope } = store;
    const next = new AsyncStore(loop, task, null, change(variables!), identityOf(store), scope);
    threadState.storage.enterWith(next);
  }
}

/** Remembers what a {@link ContextVar} held before a `set`. Python: `contextvars.Token`. */
export class Token<T> {
  /** Stands in {@link oldValue} for "there was no value". */
  static readonly MISSING: unique symbol = Symbol('Token.MISSING');
  /** True once the token has served a `reset`. Internal. */
  used = false;

  /** @param identity - The context of the `set`. Internal. */
  constructor(
    /** The variable that was set. */
    readonly variable: ContextVar<T>,
    /** Its value before, or {@link Token.MISSING}. */
    readonly oldValue: T | typeof Token.MISSING,
    readonly identity: object,
  ) {}

  static {
    brand(this.prototype, 'Token');
  }
}

/**
 * A variable with a value for each {@link Context}: each task, and each callback, has its own view. Python: `contextvars.ContextVar`.
 *
 * @example
 * const user = new ContextVar<string>('user', { default: 'nobody' });
 * user.set('ada');
 */
export class ContextVar<T> {
  static {
    brand(this.prototype, 'ContextVar');
  }
  /** The name given at construction; only for people. */
  readonly name: string;
  private readonly fallback: { readonly value: T } | null;

  /**
   * @param name - A text, shown in messages.
   * @param options - `default`: what `get` gives where nothing was set.
   * @throws TypeError if `name` is not a string.
   */
  constructor(name: string, options: { readonly default?: T | undefined } = {}) {
    if (typeof name !== 'string') throw new TypeError('ContextVar: name must be a string');
    this.name = name;
    this.fallback = 'default' in options ? { value: options.default as T } : null;
    Object.defineProperty(this, 'name', { writable: false });
  }

  /**
   * The value in the current context, else `fallback`, else the variable's default.
   *
   * @throws ValueError if there is none of the three (Python: `LookupError`).
   */
  get(): T;
  get<D>(fallback: D): T | D;
  get<D>(...fallback: [D?]): T | D | undefined {
    const variables = currentVariables(threadState.storage.getStore());
    const value = variables.get(this);
    if (value !== undefined || variables.has(this)) return value as T;
    if (fallback.length > 0) return fallback[0];
    if (this.fallback !== null) return this.fallback.value;
    throw new ValueError(`ContextVar '${this.name}' has no value in this context`);
  }

  /**
   * Sets the value in the current context: that of the running task or callback.
   *
   * @returns A token for {@link reset}.
   */
  set(value: T): Token<T> {
    const store = threadState.storage.getStore();
    const key = this as ContextVar<unknown>;
    const variables = currentVariables(store);
    const token = new Token<T>(this, variables.has(key) ? (variables.get(key) as T) : Token.MISSING, identityOf(store));
    replaceVariables(store, (current) => withValue(current, key, value));
    return token;
  }

  /**
   * Puts back what the variable held before the `set` that gave `token`.
   *
   * @throws RuntimeError if the token was used before.
   * @throws ValueError if it belongs to another variable or was made in another context.
   */
  reset(token: Token<T>): void {
    if (!hasBrand(token, 'Token')) throw new TypeError('ContextVar.reset: token must be a Token');
    if (token.used) throw new RuntimeError(`this Token of ContextVar '${this.name}' has already been used once`);
    if (token.variable !== this) {
      throw new ValueError(`this Token was made by ContextVar '${token.variable.name}', not by '${this.name}'`);
    }
    const store = threadState.storage.getStore();
    if (token.identity !== identityOf(store)) {
      throw new ValueError(`this Token of ContextVar '${this.name}' was made in a different Context`);
    }
    const key = this as ContextVar<unknown>;
    const old = token.oldValue;
    token.used = true;
    replaceVariables(store, (current) =>
      old === Token.MISSING ? withoutValue(current, key) : withValue(current, key, old),
    );
  }

  toString(): string {
    return `<ContextVar name='${this.name}'>`;
  }
}

function checkKey(key: unknown): ContextVar<unknown> {
  if (!hasBrand(key, 'ContextVar')) throw new TypeError('Context: a ContextVar key was expected');
  return key as ContextVar<unknown>;
}

/** A read-only mapping of variables to values, in which code can be run. Python: `contextvars.Context`. */
export class Context {
  static {
    brand(this.prototype, 'Context');
  }
  /** The values now. Internal: replaced as a whole by `ContextVar.set`. */
  variables: Variables;
  private entered = false;

  /** An empty context. `variables` is internal; use {@link copyContext} for a copy of the current one. */
  constructor(variables: Variables = new Map<ContextVar<unknown>, unknown>()) {
    this.variables = variables;
  }

  /**
   * Calls `fn(...args)` with this context as the current one. What `fn` sets stays in this context; code that an async `fn` goes on
   * with later stays in it too.
   *
   * @throws RuntimeError if the context is already entered. TypeError if `fn` is no function.
   */
  run<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): R {
    if (typeof fn !== 'function') throw new TypeError('Context.run: fn must be a function');
    const store = threadState.storage.getStore();
    if (this.entered || store?.context === this) {
      throw new RuntimeError('cannot enter context: it is already entered');
    }
    this.entered = true;
    try {
      const { loop = null, task = null, scope = null } = store ?? {};
      const entered = new AsyncStore(loop, task, this, null, null, scope);
      return threadState.storage.run(entered, fn, ...args);
    } finally {
      this.entered = false;
    }
  }

  /**
   * A function that calls `fn` in this context: the counterpart of asyncio's keyword `context=`.
   *
   * @example loop.callSoon(context.bind(callback), 1, 2);
   * @throws TypeError if `fn` is no function.
   */
  bind<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
    if (typeof fn !== 'function') throw new TypeError('Context.bind: fn must be a function');
    const bound = (...args: A): R => this.run(fn, ...args);
    Object.defineProperty(bound, 'name', { value: fn.name });
    return bound;
  }

  /** The value of `variable` in this context, else `fallback`. */
  get<T>(variable: ContextVar<T>): T | undefined;
  get<T, D>(variable: ContextVar<T>, fallback: D): T | D;
  get<T, D>(variable: ContextVar<T>, fallback?: D): T | D | undefined {
    const key = checkKey(variable);
    return this.variables.has(key) ? (this.variables.get(key) as T) : fallback;
  }

  /** Tells whether `variable` has a value in this context. */
  has(variable: ContextVar<never> | ContextVar<unknown>): boolean {
    return this.variables.has(checkKey(variable));
  }

  /** Number of variables with a value. */
  get size(): number {
    return this.variables.size;
  }

  keys(): IterableIterator<ContextVar<unknown>> {
    return this.variables.keys();
  }

  values(): IterableIterator<unknown> {
    return this.variables.values();
  }

  entries(): IterableIterator<[ContextVar<unknown>, unknown]> {
    return this.variables.entries();
  }

  [Symbol.iterator](): IterableIterator<ContextVar<unknown>> {
    return this.variables.keys();
  }

  /** A copy: later changes on either side are not seen by the other. */
  copy(): Context {
    return new Context(this.variables);
  }

  /** Tells whether `other` has the same variables with the same values. */
  equals(other: Context): boolean {
    if (this.variables.size !== other.variables.size) return false;
    for (const [key, value] of this.variables) {
      if (!other.variables.has(key) || !Object.is(other.variables.get(key), value)) return false;
    }
    return true;
  }
}

/** A copy of the current context. Python: `contextvars.copy_context`. */
export function copyContext(): Context {
  return new Context(currentVariables(threadState.storage.getStore()));
}
