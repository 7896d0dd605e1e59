import { setLogger, type Logger } from '@tsyncio/core';
import { holdings, leaksSince, type Holdings } from './leaks.js';
import { LogRecorder, type LogRecord } from './recorder.js';

/** What {@link leakAudit} gives to the tests of a file. */
export interface LeakAudit {
  /** What was logged since the last call. A test that expects records takes them; others fail it. */
  takeRecords(): LogRecord[];
}

/**
 * Checks after each test of the file that nothing is left: descriptors, timers and other resources that keep the process alive,
 * listeners on `process`, and errors or warnings on the logger, where failures go that no exception handler of the test took. (An
 * unhandled rejection fails a test by jest itself; the audit only waits until it has shown.)
 *
 * Call it at the top of a file or of a `describe`.
 *
 * @param options - `slowCallbacks`: records of debug mode about slow callbacks count. Otherwise they are overlooked, since a busy machine makes any
 *   callback slow.
 */
export function leakAudit({ slowCallbacks = false }: { readonly slowCallbacks?: boolean } = {}): LeakAudit {
  const recorder = new LogRecorder(slowCallbacks);
  let before: Holdings;
  let logger: Logger | null;

  beforeEach(() => {
    logger = setLogger(recorder);
    before = holdings();
  });

  afterEach(async () => {
    const leaks = await leaksSince(before);
    setLogger(logger);
    for (const { level, message, error } of recorder.take()) {
      if (level === 'error' || level === 'warning') leaks.push(`logged: ${message} ${describe(error)}`);
    }
    if (leaks.length > 0) throw new Error(`left over by the test:\n${leaks.join('\n')}`);
  });

  return { takeRecords: () => recorder.take() };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error ?? '');
}
