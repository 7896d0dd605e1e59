import type { ExceptionContext } from './exception-context.js';
import { logger } from './logger.js';
import { repr } from './repr.js';
import { formatSource } from './source-trace.js';

const SOURCE_HEADINGS: Readonly<Record<string, string>> = {
  source_traceback: 'Object created at (most recent call last):',
  handle_traceback: 'Handle created at (most recent call last):',
};

/**
 * Logs one error record: the message, then a line `key: value` for each further key in order, then the error.
 *
 * @param context - What went wrong.
 */
export function logExceptionContext(context: ExceptionContext): void {
  const message =
    typeof context.message === 'string' && context.message !== ''
      ? context.message
      : 'Unhandled exception in event loop';
  const lines = [message];
  for (const key of Object.keys(context).sort()) {
    if (key === 'message' || key === 'exception') continue;
    const value = context[key];
    const heading = SOURCE_HEADINGS[key];
    lines.push(
      heading !== undefined && Array.isArray(value)
        ? `${key}: ${formatSource(heading, value as string[])}`
        : `${key}: ${repr(value)}`,
    );
  }
  logger.error(lines.join('\n'), context.exception);
}
