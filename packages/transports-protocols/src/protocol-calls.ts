import { Handle, isExitError, isStep, logger, type IoBackend, type Job } from '@tsyncio/core';
import type { Future, TaskLoop } from '@tsyncio/futures-tasks';

import type { BaseProtocolCallbacks } from './protocol.js';
import type { BaseTransport } from './transport.js';

/** The callbacks of any protocol, whatever its kind of transport. */
export type AnyProtocol = BaseProtocolCallbacks<never>;

type Callbacks = Partial<Record<string, (...args: readonly unknown[]) => unknown>>;

/** Whatever calls the callbacks of a protocol: a transport, or its part that does. */
export interface ProtocolCaller {
  readonly loop: TaskLoop<IoBackend>;
  /** Deals with what a callback threw, or with what the promise of an async one was rejected with. */
  protocolFailed(error: unknown, callback: string, protocol: AnyProtocol): void;
}

/**
 * Calls a callback of a protocol, if it has that one. What it throws goes to `protocolFailed`.
 *
 * @returns of an async callback its step, which a callback of a channel hands on, so that nothing else comes before it is over.
 */
export function callProtocol<P extends AnyProtocol>(
  caller: ProtocolCaller,
  protocol: P,
  callback: keyof P & string,
  ...args: readonly unknown[]
): Promise<unknown> | undefined {
  try {
    const result = (protocol as unknown as Callbacks)[callback]?.(...args);
    return isStep(result) ? adoptStep(caller, result, callback, protocol) : undefined;
  } catch (error) {
    caller.protocolFailed(error, callback, protocol);
    return undefined;
  }
}

/** A callback was an async function: its step belongs to the callback, its failure counts as a thrown error. @returns as {@link callProtocol}. */
export function adoptStep(
  caller: ProtocolCaller,
  step: Promise<unknown>,
  callback: string,
  protocol: AnyProtocol,
): Promise<unknown> {
  const { loop } = caller;
  loop.beginStep();
  return step.then(undefined, (error: unknown) => {
    if (isExitError(error)) loop.abortRun(error);
    else caller.protocolFailed(error, callback, protocol);
  });
}

/** Queues `connectionMade`, then the start of reading, then that whoever made the transport goes on. */
export function enqueueBeginning(
  loop: TaskLoop<IoBackend>,
  protocol: AnyProtocol,
  transport: BaseTransport,
  reader: Startable,
  waiter: Future<void> | null,
): void {
  const connectionMade = protocol.connectionMade?.bind(protocol) as ((transport: BaseTransport) => unknown) | undefined;
  if (connectionMade !== undefined) loop.enqueue(new Handle(connectionMade, [transport], loop));
  loop.enqueue(new Beginning(reader, waiter));
}

interface Startable {
  startReading(): void;
}

/** Behind `connectionMade` in the queue. */
class Beginning implements Job {
  constructor(
    private readonly reader: Startable,
    private readonly waiter: Future<void> | null,
  ) {}

  run(): void {
    this.reader.startReading();
    const { waiter } = this;
    if (waiter !== null && !waiter.done()) waiter.setResult(undefined);
  }
}

/** From so many writes to a lost connection on, each one is warned about. */
const WRITES_TO_WARN = 5;

/** A write to a connection that is lost. @returns how many there were then. */
export function countLostWrite(before: number, warning: string): number {
  if (before >= WRITES_TO_WARN) logger.warning(warning);
  return before + 1;
}
