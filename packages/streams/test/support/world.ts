import { TaskLoop } from '@tsyncio/futures-tasks';
import { recordExceptions } from '@tsyncio/test-support';
import { StreamReader, type StreamReaderOptions } from '@tsyncio/streams';

export { defaultBackend, eachBackend } from '@tsyncio/test-support/loops/backends';
export { drain, iterations, type World } from '@tsyncio/test-support/loops/world';

/** A test that runs as the main task of a loop without I/O. */
export function inTaskLoop(body: (loop: TaskLoop) => Promise<void>): () => Promise<void> {
  return async () => {
    const loop = new TaskLoop();
    const reports = recordExceptions(loop);
    try {
      await loop.runUntilComplete(() => body(loop));
    } finally {
      loop.close();
    }
    expect(reports).toEqual([]);
  };
}

export const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** A reader that holds `text`. */
export function readerWith(text: string, options: StreamReaderOptions = {}): StreamReader {
  const reader = new StreamReader(options);
  reader.feedData(bytes(text));
  return reader;
}

/** What a read gives, as text; or its error. */
export async function outcome(read: PromiseLike<Buffer>): Promise<string | Error> {
  try {
    return (await read).toString('latin1');
  } catch (error) {
    return error as Error;
  }
}

/** The error of what must fail. */
export async function rejection<E extends Error = Error>(operation: PromiseLike<unknown>): Promise<E> {
  try {
    await operation;
  } catch (error) {
    return error as E;
  }
  throw new Error('nothing was thrown');
}

/** A transport that only counts. */
export class CountingTransport {
  readonly calls: string[] = [];
  pauseReading(): void {
    this.calls.push('pause');
  }
  resumeReading(): void {
    this.calls.push('resume');
  }
}
