/** Where a queue keeps its items, and in which order it gives them back. Iterates over them for the queue's text. */
export interface ItemStore<T> extends Iterable<T> {
  /** How many there are. */
  readonly length: number;
  /** Stores one; if this throws, it must not have been stored. */
  push(item: T): void;
  /** Takes the next one out; never called on an empty store. */
  take(): T;
}
