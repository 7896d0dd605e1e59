import type { EventLoop, Future } from 'tsyncio';

const SIGNALS = ['SIGINT', 'SIGTERM'];

/** Done, with the name of the signal, when somebody asks the process to end: Ctrl+C or `kill`. A second time does not wait any more. */
export function interrupted(loop: EventLoop): Future<string> {
  const future = loop.createFuture<string>();
  const onSignal = (name: string): void => {
    for (const signal of SIGNALS) loop.removeSignalHandler(signal);
    if (!future.done()) future.setResult(name);
  };
  for (const name of SIGNALS) loop.addSignalHandler(name, onSignal, name);
  return future;
}
