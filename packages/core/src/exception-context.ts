/** What an exception handler is told. asyncio: the `context` of `call_exception_handler`; further keys are allowed. */
export interface ExceptionContext {
  /** What went wrong, in a sentence. */
  message?: string;
  /** The error that was thrown. */
  exception?: unknown;
  future?: unknown;
  task?: unknown;
  handle?: unknown;
  protocol?: unknown;
  transport?: unknown;
  socket?: unknown;
  asyncgen?: unknown;
  [key: string]: unknown;
}
