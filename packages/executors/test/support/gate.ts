import { quiet } from '@tsyncio/test-support';

/** Memory that a test and its workers share: the place where a worker says that it has begun, and where it waits to be let on. */
export class Gate {
  readonly shared = new Int32Array(new SharedArrayBuffer(8));

  /** Fulfilled when so many calls of {@link wait} have begun. */
  async begun(calls = 1): Promise<void> {
    while (Atomics.load(this.shared, 1) < calls) await quiet();
  }

  open(): void {
    Atomics.store(this.shared, 0, 1);
    Atomics.notify(this.shared, 0);
  }
}

/** Runs in a worker thread: blocks it until the gate is open. */
export const wait = <T>(shared: Int32Array, result: T): T => {
  Atomics.add(shared, 1, 1);
  Atomics.wait(shared, 0, 0);
  return result;
};
