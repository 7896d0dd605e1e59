import type { FileDescriptorLike } from '@tsyncio/socket';

/** Interest in reading, or ready for it: data, end of stream, an error, a waiting connection. Python: `selectors.EVENT_READ`. */
export const EVENT_READ = 1;
/** Interest in writing, or ready for it: room, or broken. Python: `selectors.EVENT_WRITE`. */
export const EVENT_WRITE = 2;

/**
 * What a selector knows of a registered descriptor. Immutable: `modify` makes a new one. Python: `selectors.SelectorKey`.
 */
export class SelectorKey<D = unknown> {
  /**
   * @param fileobj - The descriptor or object as it was registered.
   * @param fd - Its number.
   * @param events - `EVENT_READ`, `EVENT_WRITE` or both.
   * @param data - Whatever was given to `register`; null by default.
   */
  constructor(
    readonly fileobj: FileDescriptorLike,
    readonly fd: number,
    readonly events: number,
    readonly data: D,
  ) {
    Object.freeze(this);
  }
}

/** The registered descriptors, live and read-only, by descriptor or object. Python: the mapping that `get_map()` returns. */
export interface SelectorMap extends Iterable<number> {
  readonly size: number;
  has(file: FileDescriptorLike): boolean;
  /** @throws ValueError if `file` is not registered or no descriptor. */
  get(file: FileDescriptorLike): SelectorKey;
  /** Descriptors in the order of registration. */
  keys(): IterableIterator<number>;
  values(): IterableIterator<SelectorKey>;
  entries(): IterableIterator<[number, SelectorKey]>;
}

/** One result of `select`: a key and the events that are both ready and asked for. */
export type SelectorEvent = readonly [key: SelectorKey, events: number];

/**
 * Waits for descriptors to become ready. Python: `selectors.BaseSelector`.
 *
 * Usable without a loop: `select` blocks the thread. Any implementation drives a loop: `new SelectorIo(selector)`.
 * A selector with a kernel object of its own gives its descriptor by `fileno`, which must be pollable: the loop sleeps on it. The loop
 * of another one sleeps on a private epoll set with the same interest. `selectorContract` of the repository's contract tests says what
 * a loop relies on; `BaseSelector` has most of it.
 */
export interface Selector {
  /**
   * @param file - A descriptor, or anything with `fileno()` or `fd`.
   * @param events - `EVENT_READ`, `EVENT_WRITE` or both.
   * @throws ValueError if `file` is no descriptor or is registered, if `events` is 0 or has other bits, or after `close`.
   * @throws OSError if the kernel refuses; nothing is registered then.
   */
  register(file: FileDescriptorLike, events: number, data?: unknown): SelectorKey;
  /**
   * Also works after the descriptor was closed, given its number or the very same object.
   *
   * @returns the key that is gone.
   * @throws ValueError if `file` is not registered or no descriptor.
   */
  unregister(file: FileDescriptorLike): SelectorKey;
  /**
   * Replaces events and data; data left out becomes null.
   *
   * @throws ValueError as `register` and `unregister`; OSError if the kernel refuses, and the descriptor is unregistered then.
   */
  modify(file: FileDescriptorLike, events: number, data?: unknown): SelectorKey;
  /**
   * @param timeout - Seconds. Left out or null: waits until something is ready. 0 or less: does not wait.
   */
  select(timeout?: number | null): readonly SelectorEvent[];
  /** @throws RuntimeError after `close`; ValueError if `file` is not registered or no descriptor. */
  getKey(file: FileDescriptorLike): SelectorKey;
  /** Null after `close`. */
  getMap(): SelectorMap | null;
  /** Releases everything; idempotent. The registered descriptors stay open. */
  close(): void;
  /** The kernel object's own descriptor, where there is one. */
  fileno?(): number;
}
