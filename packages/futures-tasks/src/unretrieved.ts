import { getRunningLoopOrNull, NodeHost, type ExceptionContext } from '@tsyncio/core';
import type { AnyScheduler } from './awaitable.js';

/** Debug mode does not wait for the collector. */
const DEBUG_PATIENCE_S = 1;

/** A failure that nobody has looked at. */
interface Failure {
  readonly loop: AnyScheduler;
  readonly context: ExceptionContext;
  timer: { cancel(): void } | null;
}

/** Failures by loop: reported when the loop closes, or when the thread ends, if not before. */
const failures = new Map<AnyScheduler, Set<Failure>>();
const byToken = new WeakMap<object, Failure>();
const registry = new FinalizationRegistry<Failure>(report);
const host = new NodeHost();
let forgetExit: (() => void) | null = null;

/** @returns False if it was closed before. */
function close(failure: Failure): boolean {
  const open = failures.get(failure.loop);
  if (open?.delete(failure) !== true) return false;
  failure.timer?.cancel();
  if (open.size === 0) failures.delete(failure.loop);
  if (failures.size === 0) {
    forgetExit?.();
    forgetExit = null;
  }
  return true;
}

function report(failure: Failure): void {
  if (close(failure)) failure.loop.callExceptionHandler(failure.context);
}

function reportAll(): void {
  for (const loop of [...failures.keys()]) reportFailures(loop);
}

/**
 * `subject` failed: its error is reported through the exception handler when the subject is collected, when the loop closes or when
 * the thread ends, whichever is first, unless {@link forgetFailure} is called before; in debug mode also after a second. Exactly once.
 *
 * @param context - Must not refer to `subject`, or it would never be collected.
 */
export function watchFailure(subject: object, loop: AnyScheduler, context: ExceptionContext): void {
  const failure: Failure = { loop, context, timer: null };
  const open = failures.get(loop);
  if (open === undefined) failures.set(loop, new Set([failure]));
  else open.add(failure);
  forgetExit ??= host.onExit(reportAll);
  registry.register(subject, failure, subject);
  byToken.set(subject, failure);
  // Only in the loop's own run: from elsewhere debug mode refuses timers.
  if (loop.getDebug() && loop.isRunning() && (getRunningLoopOrNull() as object | null) === loop) {
    failure.timer = loop.callLater(DEBUG_PATIENCE_S, () => report(failure));
  }
}

/**
 * Until its stack is read for the first time, an error holds the objects in whose methods it arose: the very task that failed, which
 * would never be collected. Reading it costs as much as making the error: only where nobody is waiting to look at it.
 */
export function releaseStack(error: unknown): void {
  try {
    void (error as { stack?: unknown } | null | undefined)?.stack;
  } catch {
    // A getter of the user's.
  }
}

/** The error of `subject` was looked at. */
export function forgetFailure(subject: object): void {
  const failure = byToken.get(subject);
  if (failure === undefined) return;
  byToken.delete(subject);
  registry.unregister(subject);
  close(failure);
}

/** Reports every failure of `loop` that nobody has looked at. */
export function reportFailures(loop: AnyScheduler): void {
  for (const failure of [...(failures.get(loop) ?? [])]) report(failure);
}
