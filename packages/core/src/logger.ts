import { threadState } from './thread-state.js';

/** Receives what asyncio logs on the logger named `asyncio`. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warning(message: string): void;
  /** @param error - The error the record is about, if any: its type, text and stack belong to the record. */
  error(message: string, error?: unknown): void;
}

const consoleLogger: Logger = {
  debug: (message) => console.debug(message),
  info: (message) => console.info(message),
  warning: (message) => console.warn(message),
  error: (message, error) => (error === undefined ? console.error(message) : console.error(message, error)),
};

/** Logs through the logger of this thread; only the default exception handler and debug mode write. */
export const logger: Logger = {
  debug: (message) => (threadState.logger ?? consoleLogger).debug(message),
  info: (message) => (threadState.logger ?? consoleLogger).info(message),
  warning: (message) => (threadState.logger ?? consoleLogger).warning(message),
  error: (message, error) => (threadState.logger ?? consoleLogger).error(message, error),
};

/**
 * Sends all records of this thread to `target`; null puts the console back. Python: handlers of `logging.getLogger('asyncio')`.
 *
 * @returns What was in place before.
 */
export function setLogger(target: Logger | null): Logger | null {
  const before = threadState.logger;
  threadState.logger = target;
  return before;
}
