import { MessageChannel, type Transferable } from 'node:worker_threads';
import type workerpool from 'workerpool';
import { BrokenExecutor } from './broken-executor.js';
import { loadWorkerpool } from './load-workerpool.js';
import { RUN, RUNTIME, RUNTIME_VARIABLE, type Call, type Reply } from './worker-runtime.js';

/** How to make the workers. Internal. */
export interface WorkerPoolOptions {
  readonly kind: 'thread' | 'process';
  readonly maxWorkers: number;
  /** Gives each worker thread its name. */
  readonly nextName?: (() => string) | undefined;
  readonly execArgv?: readonly string[] | undefined;
}

/** A `Worker` or a `ChildProcess`. */
interface LibraryWorker {
  unref(): void;
  prependListener(event: 'exit' | 'error', listener: () => void): void;
  readonly channel?: { unref(): void } | null;
  killed?: boolean;
}

/** The library's record of a worker. */
interface WorkerRecord {
  readonly worker: LibraryWorker | null;
}

/** Milliseconds that an idle worker gets to end by itself when the pool ends, before it is killed. */
const END_TIMEOUT_MS = 500;

/**
 * The pool library, behind what the executors need of it. This is the only file that knows it, also its private list of workers: it has
 * no call for letting idle workers go (so that they do not keep the process alive), and does not notice that an idle one has died.
 * Internal.
 */
export class WorkerPool {
  private readonly pool: ReturnType<typeof workerpool.pool>;
  private readonly run: string;
  private readonly adopted = new WeakSet<WorkerRecord>();
  /** Keeps the process alive in place of the workers, of which there may be many. */
  private readonly keeper = new MessageChannel().port1;

  constructor({ kind, maxWorkers, nextName, execArgv }: WorkerPoolOptions) {
    this.run = RUN[kind];
    const execution = execArgv === undefined ? {} : { execArgv: [...execArgv] };
    this.pool = loadWorkerpool().pool({
      workerType: kind,
      maxWorkers,
      workerTerminateTimeout: END_TIMEOUT_MS,
      onCreateWorker: () => ({
        workerThreadOpts: {
          workerData: { [RUNTIME_VARIABLE]: RUNTIME },
          ...(nextName === undefined ? {} : { name: nextName() }),
        },
        // Structured clone, as threads do, in place of JSON.
        forkOpts: { serialization: 'advanced', env: { ...process.env, [RUNTIME_VARIABLE]: RUNTIME }, ...execution },
      }),
    });
  }

  /**
   * Has a worker do it: a new one if none is idle. No more than `maxWorkers` calls at a time, so that the library has nothing to queue.
   *
   * @param done - Called when it is done: with null and the reply, or with a BrokenExecutor if the worker has ended, or with what the
   *   channel said if the result could not be cloned. Must not throw.
   */
  call(call: Call, transferList: readonly Transferable[], done: (failure: Error | null, reply?: Reply) => void): void {
    const options = transferList.length === 0 ? undefined : { transfer: [...transferList] };
    const outcome = this.pool.exec('run', [this.run, [call]], options);
    this.adoptNew();
    outcome.then(
      (reply: Reply) => done(null, reply),
      (error: Error) => done(error instanceof loadWorkerpool().TerminateError ? broken(error) : channelError(error)),
    );
  }

  /** Whether the process is kept alive. */
  hold(held: boolean): void {
    if (held) this.keeper.ref();
    else this.keeper.unref();
  }

  /** Ends the idle workers, which must be all of them. */
  async end(): Promise<void> {
    this.hold(true);
    await this.pool.terminate();
    this.keeper.close();
  }

  private workers(): WorkerRecord[] {
    return (this.pool as unknown as { workers: WorkerRecord[] }).workers;
  }

  private adoptNew(): void {
    for (const record of this.workers()) {
      const { worker } = record;
      if (worker === null || this.adopted.has(record)) continue;
      this.adopted.add(record);
      worker.unref();
      worker.channel?.unref();
      const drop = (): void => {
        const index = this.workers().indexOf(record);
        if (index >= 0) this.workers().splice(index, 1);
      };
      // Before the library's own listeners: it would give a dead worker the next call, and wait for the end of one that has ended.
      worker.prependListener('error', drop);
      worker.prependListener('exit', () => {
        worker.killed = true;
        drop();
      });
    }
  }
}

/** The library tells how it ended in the text of its error only. */
function broken(error: Error & { cause?: unknown }): BrokenExecutor {
  const { message, cause } = error;
  const [, thrown] = /^Workerpool Worker error: ([^]*)/.exec(message) ?? [];
  const [, code] = /exitCode: `(\d+)`/.exec(message) ?? [];
  const [, signal] = /signalCode: `(SIG\w+)`/.exec(message) ?? [];
  const how =
    thrown !== undefined
      ? `: ${thrown}`
      : signal !== undefined
        ? ` by ${signal}`
        : code !== undefined
          ? ` with exit code ${code}`
          : '';
  const what = thrown?.startsWith('spawn ') === true ? 'could not be started' : 'ended while it worked';
  return new BrokenExecutor(`a worker of the executor ${what}${how}`, cause);
}

/** The library sends no name, and of a DOMException no message. */
function channelError(error: unknown): Error {
  const first = String((error as Error).stack).split('\n')[0]!;
  const text = first.replace(/^\w*Error(?: \[\w+\])?: /, '');
  return new DOMException(`the result cannot come back: ${text}`, 'DataCloneError');
}
