import type { ItemStore } from './item-store.js';

const SMALLEST = 16;

/** First in, first out, in a ring of a power of two that grows as needed and never moves items to take one out. */
export class Ring<T> implements ItemStore<T> {
  private slots = new Array<T | undefined>(SMALLEST);
  private head = 0;
  length = 0;

  push(item: T): void {
    if (this.length === this.slots.length) this.grow();
    this.slots[(this.head + this.length) & (this.slots.length - 1)] = item;
    this.length++;
  }

  take(): T {
    const { slots, head } = this;
    const item = slots[head];
    slots[head] = undefined;
    this.head = (head + 1) & (slots.length - 1);
    this.length--;
    return item as T;
  }

  *[Symbol.iterator](): Generator<T, void> {
    for (let i = 0; i < this.length; i++) yield this.slots[(this.head + i) & (this.slots.length - 1)] as T;
  }

  private grow(): void {
    const slots: (T | undefined)[] = [...this];
    this.head = 0;
    slots.length *= 2;
    this.slots = slots;
  }
}
