import type { ExceptionContext } from '@tsyncio/core';
import type { AnyScheduler } from './awaitable.js';

/** A failure that nobody has looked at. */
interface Failure {
  readonly loop: AnyScheduler;
  readonly context: ExceptionContext;
  timer: { cancel(): void } | null;
}

/** Failures by loop: reported when the loop closes, or when the thread ends, if not before. */
const failures = new WeakMap<AnyScheduler, Set<Failure>>();

const registry = new FinalizationRegistry<Failure>(report);

function report(failure: Failure): void {
  const open = failures.get(failure.loop);
  if (open?.delete(failure) !== true) return;
  failure.loop.callExceptionHandler(failure.context);
}

/**
 * `subject` failed: its error is reported through the exception handler when the subject is collected, when the loop closes or when
 * the thread ends, whichever is first, unless {@link forgetFailure} is called before. Exactly once.
 *
 * @param context - Must not refer to `subject`, or it would never be collected.
 */
export function watchFailure(subject: object, loop: AnyScheduler, context: ExceptionContext): void {
  const failure: Failure = { loop, context, timer: null };
  let open = failures.get(loop);
  if (open === undefined) failures.set(loop, (open = new Set()));
  open.add(failure);
  registry.register(subject, failure, subject);
  byToken.set(subject, failure);
}

const byToken = new WeakMap<object, Failure>();

/** The error of `subject` was looked at. */
export function forgetFailure(subject: object): void {
  const failure = byToken.get(subject);
  if (failure === undefined) return;
  byToken.delete(subject);
  registry.unregister(subject);
  failures.get(failure.loop)?.delete(failure);
}

/** Reports every failure of `loop` that nobody has looked at. */
export function reportFailures(loop: AnyScheduler): void {
  for (const failure of [...(failures.get(loop) ?? [])]) report(failure);
}
