import type { ExceptionContext, Logger } from '@tsyncio/core';

/** What {@link recordExceptions} needs of a loop. */
interface Reporting {
  setExceptionHandler(handler: (loop: never, context: ExceptionContext) => void): void;
}

/** Sets an exception handler that only remembers. @returns What it was given, in order; it grows. */
export function recordExceptions(loop: Reporting): ExceptionContext[] {
  const contexts: ExceptionContext[] = [];
  loop.setExceptionHandler((_loop, context) => {
    contexts.push(context);
  });
  return contexts;
}

/** One record of the logger named `asyncio`. */
export interface LogRecord {
  readonly level: 'debug' | 'info' | 'warning' | 'error';
  readonly message: string;
  readonly error?: unknown;
}

/** What debug mode says of a callback that took long: on a busy machine, of any. */
const SLOW_CALLBACK = /^Executing [^]* took [\d.]+ seconds$/;

/** A logger that only remembers. */
export class LogRecorder implements Logger {
  private records: LogRecord[] = [];

  /** @param slowCallbacks - Whether to remember what is said of slow callbacks too. */
  constructor(private readonly slowCallbacks = false) {}

  /** What was logged since the last call; it counts as expected. */
  take(): LogRecord[] {
    const { records } = this;
    this.records = [];
    return records;
  }

  debug(message: string): void {
    this.records.push({ level: 'debug', message });
  }

  info(message: string): void {
    this.records.push({ level: 'info', message });
  }

  warning(message: string): void {
    if (!this.slowCallbacks && SLOW_CALLBACK.test(message)) return;
    this.records.push({ level: 'warning', message });
  }

  error(message: string, error?: unknown): void {
    this.records.push(error === undefined ? { level: 'error', message } : { level: 'error', message, error });
  }
}
