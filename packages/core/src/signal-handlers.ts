import { NotImplementedError, RuntimeError } from './errors.js';
import type { Handle } from './handle.js';
import type { Host } from './host.js';
import { logger } from './logger.js';
import type { SignalName } from './signal-numbers.js';

/** What people end a program with. */
const ENDING: ReadonlySet<string> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGBREAK']);

/** What a loop has installed at its host, by signal, each with the function that takes it back. Knows no loop. Internal. */
export class SignalListeners {
  private readonly installed = new Map<number, () => void>();

  has(number: number): boolean {
    return this.installed.has(number);
  }

  /** @throws What the host throws. */
  install(host: Host, { name, number }: SignalName, listener: () => void): void {
    if (host.onSignal === undefined) throw new NotImplementedError('the host of this loop has no signals');
    this.installed.set(number, host.onSignal(name, listener));
  }

  takeBack(number: number): void {
    const takeBack = this.installed.get(number);
    if (takeBack === undefined) return;
    this.installed.delete(number);
    try {
      takeBack();
    } catch (error) {
      logger.info(`a signal listener could not be taken back: ${String(error)}`);
    }
  }

  takeBackAll(): void {
    for (const number of [...this.installed.keys()]) this.takeBack(number);
  }
}

/** What the handlers need of their loop. */
interface SignalLoop {
  isRunning(): boolean;
  /** Puts the handle on the ready queue, and wakes the loop. */
  deliver(handle: Handle): void;
}

interface Entry {
  readonly signal: SignalName;
  handle: Handle;
}

/**
 * The signal handlers of one loop.
 *
 * A loop that does not run keeps the first signal of a kind for its next run. With those that end programs it then steps aside until
 * that run begins: the next Ctrl-C does what it does without a handler. Otherwise a loop that was stopped and left unclosed would
 * swallow them for ever.
 *
 * The host holds a handler weakly, by way of this object: a forgotten loop can be collected, and {@link SignalListeners} is all that is
 * needed to clean up behind it.
 */
export class SignalHandlers {
  private readonly entries = new Map<number, Entry>();
  private readonly self = new WeakRef(this);

  constructor(
    private readonly loop: SignalLoop,
    private readonly host: Host,
    private readonly listeners: SignalListeners,
  ) {}

  /** @throws RuntimeError if the system refuses the signal, and other errors of the host as they are; then nothing is left behind. */
  add(signal: SignalName, handle: Handle): void {
    const { number } = signal;
    const known = this.entries.get(number);
    if (known !== undefined) known.handle = handle;
    else this.entries.set(number, { signal, handle });
    try {
      this.install(signal);
    } catch (error) {
      this.entries.delete(number);
      if ((error as { code?: unknown } | null)?.code !== 'EINVAL') throw error;
      throw new RuntimeError(`${signal.name} cannot be caught`, { cause: error });
    }
  }

  /** @returns Whether there was a handler. */
  remove(number: number): boolean {
    this.listeners.takeBack(number);
    return this.entries.delete(number);
  }

  /** Those that stepped aside come back. */
  runBegins(): void {
    for (const { signal } of this.entries.values()) this.install(signal);
  }

  clear(): void {
    this.entries.clear();
    this.listeners.takeBackAll();
  }

  private install(signal: SignalName): void {
    if (this.listeners.has(signal.number)) return;
    const { self } = this;
    this.listeners.install(this.host, signal, () => self.deref()?.arrived(signal));
  }

  private arrived({ name, number }: SignalName): void {
    const entry = this.entries.get(number);
    if (entry === undefined) return;
    this.loop.deliver(entry.handle);
    if (!this.loop.isRunning() && ENDING.has(name)) this.listeners.takeBack(number);
  }
}
