import type { ChildStatus } from '@tsyncio/socket';

/** A child process, however it was started. Nobody but its transport has it. */
export interface Child {
  readonly pid: number;
  /**
   * Tells once, from the loop's ready queue, how the child ended.
   *
   * @throws OSError if the child cannot be watched.
   */
  watch(onExit: (status: ChildStatus) => unknown): void;
  /** Nobody is told by {@link watch} any more. When the child ends, `onEnd` is called by Node's loop, which it does not keep alive. */
  abandon(onEnd: () => void): void;
  /** Whether it has ended, told or not. */
  hasEnded(): boolean;
  /** @throws OSError: `EINVAL`, `EPERM`, `ESRCH`. */
  sendSignal(signal: number): void;
  /** Kills it, and leaves no zombie: for a child whose transport has failed. */
  discard(): void;
}
