import type { EventLoop, Future } from 'tsyncio';

/** Done, with the name of the signal, when somebody asks the process to end: Ctrl+C or `kill`. */
export function interrupted(loop: EventLoop): Future<string> {
  const future = loop.createFuture<string>();
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      if (!future.done()) future.setResult(signal);
    });
  }
  return future;
}
