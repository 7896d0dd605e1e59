import type { Future, TaskLoop } from '@tsyncio/futures-tasks';
import type { SelectorIo } from '@tsyncio/selector-io';
import {
  type ChildTransport,
  type PathLike,
  subprocessExec,
  type SubprocessOptions,
  type SubprocessProtocolCallbacks,
  subprocessShell,
  type SubprocessTransport,
} from '@tsyncio/subprocess';

import { inLoop, selectors as allSelectors, type World } from '@tsyncio/test-support/loops/world';

export { failure } from '@tsyncio/test-support/loops/failure';
export { inLoop, iterations, type World } from '@tsyncio/test-support/loops/world';

/** The backends of this machine that can wait for processes. */
export const selectors = allSelectors.filter(([, make]) => {
  using loop = make();
  return typeof (loop.backend as { watchExit?: unknown }).watchExit === 'function';
});

/** The tests that `body` declares, on every selector. */
export function eachSelector(
  body: (inside: (run: (world: World) => Promise<void>) => () => Promise<void>) => void,
): void {
  for (const [name, make] of selectors) describe(name, () => body((run) => inLoop(run, make)));
}

/** Options that have Node's spawner used: our own user id changes nothing else. */
export const BY_NODE: SubprocessOptions = { uid: process.getuid?.() };

/** The tests that `body` declares, with each way to start a program. */
export function eachSpawner(body: (spawner: SubprocessOptions) => void): void {
  describe('posix_spawn', () => body({}));
  describe('child_process', () => body(BY_NODE));
}

export type Event =
  'made' | 'exited' | 'pause' | 'resume' | `data ${number}` | `pipe ${number} ${string}` | `lost ${string}`;

/** Writes down what happens to a child. Waiting for `ended` is the test's. */
export class Recorder implements SubprocessProtocolCallbacks {
  readonly events: Event[] = [];
  readonly output: [Buffer[], Buffer[], Buffer[]] = [[], [], []];
  readonly made: Future<void>;
  readonly exited: Future<void>;
  readonly ended: Future<void>;
  transport!: SubprocessTransport;
  private readonly changes = new Set<() => void>();

  constructor(private readonly loop: TaskLoop<SelectorIo>) {
    this.made = loop.createFuture();
    this.exited = loop.createFuture();
    this.ended = loop.createFuture();
  }

  get stdout(): string {
    return Buffer.concat(this.output[1]).toString('latin1');
  }
  get stderr(): string {
    return Buffer.concat(this.output[2]).toString('latin1');
  }
  get returncode(): number | null {
    return this.transport.getReturncode();
  }

  connectionMade(transport: SubprocessTransport): void {
    this.transport = transport;
    this.made.setResult();
    this.note('made');
  }
  pipeDataReceived(fd: number, data: Buffer): void {
    this.output[fd as 1 | 2].push(data);
    this.note(`data ${fd}`);
  }
  pipeConnectionLost(fd: number, error: Error | null): void {
    this.note(`pipe ${fd} ${error === null ? 'null' : error.name}`);
  }
  processExited(): void {
    this.exited.setResult();
    this.note('exited');
  }
  connectionLost(error: Error | null): void {
    this.note(`lost ${String(error)}`);
    this.ended.setResult();
  }
  pauseWriting(): void {
    this.note('pause');
  }
  resumeWriting(): void {
    this.note('resume');
  }

  /** Waits until something has happened. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      const changed = this.loop.createFuture<void>();
      const change = (): void => {
        if (!changed.done()) changed.setResult();
      };
      this.changes.add(change);
      await changed;
      this.changes.delete(change);
    }
  }

  count(event: Event): number {
    return this.events.filter((each) => each === event).length;
  }

  private note(event: Event): void {
    this.events.push(event);
    for (const change of this.changes) change();
  }
}

/** Starts a program with a recorder. */
export async function start(
  loop: TaskLoop<SelectorIo>,
  program: PathLike,
  args: readonly PathLike[] = [],
  options: SubprocessOptions = {},
): Promise<Recorder> {
  const [, recorder] = await subprocessExec(loop, () => new Recorder(loop), program, args, options);
  return recorder;
}

/** The same with a shell. */
export async function shell(
  loop: TaskLoop<SelectorIo>,
  command: string | Uint8Array,
  options: SubprocessOptions = {},
): Promise<Recorder> {
  const [, recorder] = await subprocessShell(loop, () => new Recorder(loop), command, options);
  return recorder;
}

/** Runs a program to its end, without input. */
export async function run(
  loop: TaskLoop<SelectorIo>,
  program: PathLike,
  args: readonly PathLike[] = [],
  options: SubprocessOptions = {},
): Promise<Recorder> {
  const recorder = await start(loop, program, args, options);
  recorder.transport.getPipeTransport(0)?.close();
  await recorder.ended;
  return recorder;
}

/** The same with a shell. */
export async function runShell(
  loop: TaskLoop<SelectorIo>,
  command: string | Uint8Array,
  options: SubprocessOptions = {},
): Promise<Recorder> {
  const recorder = await shell(loop, command, options);
  recorder.transport.getPipeTransport(0)?.close();
  await recorder.ended;
  return recorder;
}

/** The ordinary transport, with its internal parts. */
export function innerOf(recorder: Recorder): ChildTransport {
  return recorder.transport as ChildTransport;
}
