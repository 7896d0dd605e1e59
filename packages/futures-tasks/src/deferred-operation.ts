import type { AnyScheduler, Outcome } from './awaitable.js';
import { Operation } from './operation.js';
import type { CoroutineGenerator } from './stepper.js';

/** An operation that begins when somebody first waits for it, as a coroutine object in Python. Internal. */
export class DeferredOperation<T> extends Operation<T> {
  constructor(
    loop: AnyScheduler,
    private body: (() => CoroutineGenerator<T>) | null,
  ) {
    super(loop);
  }

  /** Internal: asked first by everybody who is about to wait. */
  override outcome(): Outcome {
    const { body } = this;
    if (body !== null) {
      this.body = null;
      void this.begin(body(), {});
    }
    return super.outcome();
  }
}
