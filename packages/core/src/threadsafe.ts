import { MessageChannel, MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { RuntimeError, ValueError } from './errors.js';
import type { AnyLoop } from './running-loop.js';

/** What the loop's side needs of the loop. */
interface ThreadsafeLoop extends AnyLoop {
  callSoonThreadsafe(callback: (...args: never[]) => unknown, ...args: unknown[]): unknown;
}

/** First message on a port: read synchronously by {@link connectLoop}, so that calls can be refused at once. */
interface Greeting {
  readonly tsyncio: 1;
  readonly names: readonly string[];
  /** One Int32: 1 once the loop is closed. Shared, so that the other thread sees it without a message. */
  readonly closed: SharedArrayBuffer;
}

/** A call from another thread. */
type CallMessage = readonly [name: string, args: readonly unknown[]];

/** Functions that other threads may call, by name. */
export type ThreadsafeCallbacks = Readonly<Record<string, (...args: never[]) => unknown>>;

/** The door of a loop for other JavaScript threads: `loop.threadsafe`. asyncio: `call_soon_threadsafe` from another thread. */
export class LoopThreadsafe {
  private readonly closed = new SharedArrayBuffer(4);
  private readonly ports = new Set<MessagePort>();

  /** Made by the loop. */
  constructor(private readonly loop: ThreadsafeLoop) {}

  /**
   * Opens a door for one other thread. Its calls become callbacks of the loop, in the order of the calls.
   *
   * @param callbacks - What may be called, by name; arguments arrive as structured clones.
   * @returns A port to hand over in a `transferList`; the other thread gives it to {@link connectLoop}.
   *
   * @example
   * const port = loop.threadsafe.open({ onJob: (x: number) => results.push(x) });
   * new Worker(file, { workerData: port, transferList: [port] });
   */
  open(callbacks: ThreadsafeCallbacks): MessagePort {
    if (typeof callbacks !== 'object' || callbacks === null) {
      throw new TypeError('threadsafe.open: callbacks must be an object of functions');
    }
    for (const [name, callback] of Object.entries(callbacks)) {
      if (typeof callback !== 'function') throw new TypeError(`threadsafe.open: ${name} must be a function`);
    }
    if (this.loop.isClosed()) throw new RuntimeError('Event loop is closed');
    const { port1, port2 } = new MessageChannel();
    const table = new Map(Object.entries(callbacks));
    port1.on('message', ([name, args]: CallMessage) => {
      const callback = table.get(name);
      if (callback !== undefined && !this.loop.isClosed()) this.loop.callSoonThreadsafe(callback, ...args);
    });
    port1.on('close', () => this.ports.delete(port1));
    // A door alone does not keep the process alive: a running loop does.
    port1.unref();
    this.ports.add(port1);
    const greeting: Greeting = { tsyncio: 1, names: [...table.keys()], closed: this.closed };
    port1.postMessage(greeting);
    return port2;
  }

  /** Called by the loop's `close`: further calls from other threads fail. */
  close(): void {
    Atomics.store(new Int32Array(this.closed), 0, 1);
    for (const port of this.ports) port.close();
    this.ports.clear();
  }
}

/** The other thread's side of a door: see {@link connectLoop}. */
export class LoopConnection {
  private readonly state: Int32Array;

  /** Made by {@link connectLoop}. */
  constructor(
    private readonly port: MessagePort,
    private readonly names: ReadonlySet<string>,
    closed: SharedArrayBuffer,
  ) {
    this.state = new Int32Array(closed);
  }

  /**
   * Calls a function of the loop's thread as `callSoonThreadsafe` does: it runs in the loop's next iteration.
   *
   * @param name - A name that the door was opened with.
   * @param args - Cloned for the other thread.
   * @throws RuntimeError if the loop is closed. ValueError for an unknown name. DataCloneError for what cannot be cloned.
   */
  call(name: string, ...args: unknown[]): void {
    if (Atomics.load(this.state, 0) === 1) throw new RuntimeError('Event loop is closed');
    if (!this.names.has(name)) throw new ValueError(`call: the loop has no callback named '${name}'`);
    const message: CallMessage = [name, args];
    this.port.postMessage(message);
  }

  /** Lets go of the loop. The port ends by itself with the thread. */
  close(): void {
    this.port.close();
  }
}

/**
 * Takes up a door that another thread opened with `loop.threadsafe.open`.
 *
 * @param port - The transferred port.
 * @throws TypeError if `port` was not made by `threadsafe.open`, or was taken up before.
 */
export function connectLoop(port: MessagePort): LoopConnection {
  if (!(port instanceof MessagePort)) {
    throw new TypeError('connectLoop: port must be a MessagePort made by loop.threadsafe.open()');
  }
  const greeting = (receiveMessageOnPort(port) as { message: Greeting } | undefined)?.message;
  if (greeting?.tsyncio !== 1) throw new TypeError('connectLoop: port was not made by loop.threadsafe.open()');
  port.unref();
  return new LoopConnection(port, new Set(greeting.names), greeting.closed);
}
