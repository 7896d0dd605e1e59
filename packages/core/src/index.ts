/**
 * Scheduling without I/O: callbacks, timers, contexts, errors, the running loop and the ports that the packages above implement.
 *
 * @packageDocumentation
 */
export { taskOfContext, AsyncStore } from './async-store.js';
export { brand, hasBrand } from './brand.js';
export { checkPort } from './check-port.js';
export { nodeClock, type Clock } from './clock.js';
export { Context, ContextVar, Token, copyContext } from './context.js';
export {
  CancelledError,
  InvalidStateError,
  KeyboardInterrupt,
  NotImplementedError,
  RuntimeError,
  SendfileNotAvailableError,
  TimeoutError,
  ValueError,
  isCancelled,
  isExitError,
} from './errors.js';
export type { ExceptionContext } from './exception-context.js';
export { ConcurrentFuture, type Executor, type ShutdownOptions } from './executor.js';
export { Handle, repeatingHandle, TimerHandle, type HandleOwner } from './handle.js';
export type { Host } from './host.js';
export { NoIo, type IoBackend, type ReadyJob, type ReadySink } from './io-backend.js';
export { logger, setLogger, type Logger } from './logger.js';
export { debugFromEnvironment, NodeHost } from './node-host.js';
export {
  BrokenPipeError,
  ConnectionAbortedError,
  ConnectionError,
  ConnectionRefusedError,
  ConnectionResetError,
  FileNotFoundError,
  GaiError,
  OSError,
  PermissionError,
  ProcessLookupError,
  isOSError,
  osError,
  type OSErrorFields,
} from './os-error.js';
export { currentPolicy, getEventLoop, replacePolicy, setDefaultPolicyFactory, type LoopPolicy } from './policy-slot.js';
export type { Job } from './ready-queue.js';
export { decodeError, encodeError, type EncodedError } from './remote-error.js';
export { describeCallback, repr, WRAPPED, type Wrapped } from './repr.js';
export { getRunningLoop, getRunningLoopOrNull, loopOfContext, setRunningLoop, type AnyLoop } from './running-loop.js';
export { Scheduler, type ExceptionHandler, type SchedulerOptions } from './scheduler.js';
export { captureSource, formatSource, sourcePlace, type EntryPoint } from './source-trace.js';
export { isStep } from './step.js';
export { LoopConnection, connectLoop, type RunResult } from './loop-connection.js';
export { LoopThreadsafe } from './threadsafe.js';
export type { ThreadsafeCallbacks } from './threadsafe-messages.js';
export { threadState, type ThreadState } from './thread-state.js';
