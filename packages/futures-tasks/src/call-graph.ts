import { getRunningLoop, hasBrand, repr, type EntryPoint } from '@tsyncio/core';
import { awaitersOf } from './awaited-by.js';
import type { Future } from './future.js';
import { currentTask } from './introspection.js';
import type { Task } from './task.js';

/** A future, where it stands, and who waits for it. asyncio: `FutureCallGraph`, since 3.14. */
export interface FutureCallGraph {
  readonly future: Future;
  /** Innermost frame first. Empty for a future that is no task. */
  readonly callStack: readonly string[];
  readonly awaitedBy: readonly FutureCallGraph[];
}

/** How to take a call graph. */
export interface CallGraphOptions {
  /** For the current task: leave out so many of the innermost frames, but one. Default 1, the frame of the call itself. */
  readonly depth?: number | undefined;
  /** Leave so many of the outermost frames of each stack; negative: of the innermost; 0: none. Default all. */
  readonly limit?: number | undefined;
}

/**
 * Who waits for whom, from a task or future up to those that nobody waits for. asyncio: `capture_call_graph`, since 3.14.
 *
 * JavaScript keeps no frames of suspended functions: a task that waits has one line, with the name of its coroutine; it also tells of a wait for a
 * promise which is not the loop's. Waits by done-callbacks are seen only if {@link futureAddToAwaitedBy} was told.
 *
 * @param future - Default the current task.
 * @returns Null without argument in a plain callback.
 * @throws RuntimeError without argument outside of a run. TypeError for what is no future.
 */
export function captureCallGraph(future?: Future | null, options: CallGraphOptions = {}): FutureCallGraph | null {
  return capture(future, options, captureCallGraph);
}

/** The graph of {@link captureCallGraph} as text; empty if there is none. asyncio: `format_call_graph`, since 3.14. */
export function formatCallGraph(future?: Future | null, options: CallGraphOptions = {}): string {
  return format(capture(future, options, formatCallGraph));
}

/**
 * Writes the graph of {@link captureCallGraph} as text. asyncio: `print_call_graph`, since 3.14.
 *
 * @param options - `file`: where to, default standard output.
 */
export function printCallGraph(
  future?: Future | null,
  options: CallGraphOptions & { readonly file?: { write(text: string): unknown } | undefined } = {},
): void {
  const text = format(capture(future, options, printCallGraph));
  (options.file ?? process.stdout).write(`${text}\n`);
}

function capture(
  future: Future | null | undefined,
  { depth = 1, limit }: CallGraphOptions,
  calledBy: EntryPoint,
): FutureCallGraph | null {
  const given = future ?? null;
  if (given !== null && !hasBrand(given, 'Future')) {
    throw new TypeError(`captureCallGraph: a future was expected, got ${repr(given)}`);
  }
  if (given === null) getRunningLoop();
  const current = currentTaskOrNull();
  const subject = given ?? current;
  if (subject === null) return null;
  const stackOfSubject = (): string[] => {
    if (subject === current) return ownStack(calledBy).slice(depth - 1);
    const frames = framesOf(subject);
    if (frames.length > 0 && subject.inForeignWait()) frames.unshift('a promise outside of the loop');
    return frames;
  };
  const stack = (one: Future): string[] => cut(one === subject ? stackOfSubject() : framesOf(one), limit);
  return graphOf(subject, stack, new Set());
}

function currentTaskOrNull(): Task | null {
  try {
    return currentTask();
  } catch {
    return null;
  }
}

/** @param above - Those whose graph it is part of: tasks may wait for each other in a circle. */
function graphOf(future: Future, stack: (future: Future) => string[], above: Set<Future>): FutureCallGraph {
  above.add(future);
  const awaitedBy = [...awaitersOf(future)].filter((one) => !above.has(one)).map((one) => graphOf(one, stack, above));
  above.delete(future);
  return { future, callStack: stack(future), awaitedBy };
}

function framesOf(future: Future): string[] {
  // A task of another implementation need not know.
  return (future as unknown as Partial<Task>).getStack?.() ?? [];
}

function ownStack(calledBy: EntryPoint): string[] {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, calledBy);
  const frames = (holder.stack ?? '').split('\n').map((line) => line.trim());
  const own = frames.filter((line) => line.startsWith('at ') && !line.includes('node:internal'));
  // The task's step began here: what follows is the loop.
  const step = own.findIndex((line) => line.includes('runInAsyncScope'));
  return step < 0 ? own : own.slice(0, step).filter((line) => !/^at (startThunk|resume) /.test(line));
}

function cut(frames: string[], limit: number | undefined): string[] {
  if (limit === undefined) return frames;
  if (limit === 0) return [];
  return limit > 0 ? frames.slice(-limit) : frames.slice(0, -limit);
}

function format(graph: FutureCallGraph | null): string {
  return graph === null ? '' : linesOf(graph).join('\n');
}

function linesOf({ future, callStack, awaitedBy }: FutureCallGraph): string[] {
  const name = (future as unknown as Partial<Task>).getName?.();
  const lines = [name === undefined ? `* ${future.constructor.name}()` : `* Task(name=${repr(name)})`];
  if (callStack.length > 0) lines.push('  + Call stack:', ...callStack.map((frame) => `  |   ${frame}`));
  if (awaitedBy.length > 0) {
    const indented = awaitedBy.flatMap(linesOf).map((line) => `     ${line}`);
    lines.push('  + Awaited by:', ...indented);
  }
  return lines;
}
