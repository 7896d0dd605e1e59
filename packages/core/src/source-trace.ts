/** A function or class of the library through which the user came. */
export type EntryPoint = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown);

/** asyncio remembers at most ten frames. */
const MAX_FRAMES = 10;

/**
 * The stack of the caller, innermost frame first, for "created at" in debug mode.
 *
 * @param below - The library's function through which the user came: it and what it called are left out.
 */
export function captureSource(below: EntryPoint): readonly string[] {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = MAX_FRAMES;
  Error.captureStackTrace(holder, below);
  Error.stackTraceLimit = limit;
  return (holder.stack ?? '')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().replace(/^at /, ''));
}

/** `file:line` of the innermost frame, or an empty text. */
export function sourcePlace(source: readonly string[]): string {
  const match = /\(?([^()]+?):(\d+):\d+\)?$/.exec(source[0] ?? '');
  return match === null ? '' : `${match[1]!}:${match[2]!}`;
}

/** Renders a source stack under `heading`, outermost frame first, as asyncio logs it. */
export function formatSource(heading: string, source: readonly string[]): string {
  return [heading, ...[...source].reverse().map((frame) => `  at ${frame}`)].join('\n');
}
