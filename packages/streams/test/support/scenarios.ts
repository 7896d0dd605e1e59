import { ConnectionResetError, type Handle, isCancelled, type IoBackend } from '@tsyncio/core';
import { sleep, type Task, type TaskLoop } from '@tsyncio/futures-tasks';
import { StreamReader, StreamReaderProtocol, StreamWriter } from '@tsyncio/streams';
import { WriteTransport } from '@tsyncio/transports-protocols';

import { bytes } from './world.js';

type Loop = TaskLoop<IoBackend>;

/** Writes down what happens, and in which iteration. */
class World {
  readonly trace: string[] = [];
  private iteration = 0;
  private ticking!: Handle;

  constructor(readonly loop: Loop) {
    this.tick();
  }

  private tick(): void {
    this.iteration++;
    this.ticking = this.loop.callSoon(() => this.tick());
  }

  stop(): void {
    this.ticking.cancel();
  }

  log(what: string): void {
    this.trace.push(`${this.iteration} ${what}`);
  }

  task(name: string, work: () => PromiseLike<Buffer | void>): Task {
    return this.loop.createTask(async () => {
      try {
        const got = await work();
        this.log(`${name} = ${got?.toString() ?? 'done'}`);
      } catch (error) {
        this.log(isCancelled(error) ? `${name} cancelled` : `${name} ! ${(error as Error).name}`);
      }
    });
  }

  async turns(n: number): Promise<void> {
    for (let i = 0; i < n; i++) await sleep(0);
  }
}

class LoggingTransport extends WriteTransport {
  closing = false;
  constructor(private readonly world: World) {
    super();
  }
  pauseReading(): void {
    this.world.log('pause');
  }
  resumeReading(): void {
    this.world.log('resume');
  }
  override isClosing(): boolean {
    return this.closing;
  }
}

function readerOf(world: World, limit?: number): StreamReader {
  const reader = new StreamReader({ limit });
  reader.setTransport(new LoggingTransport(world));
  return reader;
}

/** The same as in fixtures/order.py, name by name. */
const programs: Record<string, (world: World) => Promise<void>> = {
  async reads(world) {
    const reader = new StreamReader();
    void world.task('read', () => reader.read(10));
    await world.turns(2);
    world.log('feed');
    reader.feedData(bytes('abc'));
    void world.task('other', () => sleep(0));
    await world.turns(4);
    void world.task('now', () => reader.read(0));
    await world.turns(4);
  },

  async lines(world) {
    const reader = readerOf(world, 8);
    void world.task('line', () => reader.readline());
    await world.turns(2);
    for (const piece of ['on', 'e\ntw', 'o']) {
      world.log('feed');
      reader.feedData(bytes(piece));
      await world.turns(3);
    }
    void world.task('second', () => reader.readline());
    await world.turns(2);
    reader.feedEof();
    await world.turns(3);
  },

  async exactly(world) {
    const reader = readerOf(world, 2);
    void world.task('exactly', () => reader.readexactly(12));
    await world.turns(2);
    for (let i = 0; i < 3; i++) {
      world.log('feed');
      reader.feedData(bytes('12345'));
      await world.turns(3);
    }
    void world.task('rest', () => reader.read(3));
    await world.turns(3);
  },

  async to_end(world) {
    const reader = readerOf(world, 2);
    void world.task('all', () => reader.read());
    await world.turns(2);
    for (let i = 0; i < 2; i++) {
      world.log('feed');
      reader.feedData(bytes('12345'));
      await world.turns(3);
    }
    reader.feedData(bytes('6'));
    reader.feedEof();
    await world.turns(4);
  },

  async cancelled(world) {
    const reader = new StreamReader();
    const task = world.task('read', () => reader.readline());
    await world.turns(2);
    world.log('cancel');
    task.cancel();
    await world.turns(3);
    const woken = world.task('woken', () => reader.readline());
    await world.turns(2);
    world.log('feed and cancel');
    reader.feedData(bytes('line\n'));
    woken.cancel();
    await world.turns(3);
    void world.task('after', () => reader.readline());
    await world.turns(3);
  },

  async broken(world) {
    const reader = new StreamReader();
    void world.task('read', () => reader.read(1));
    await world.turns(2);
    world.log('break');
    reader.setException(new ConnectionResetError('broken'));
    await world.turns(3);
    void world.task('later', () => reader.read(0));
    await world.turns(3);
  },

  async drains(world) {
    const protocol = new StreamReaderProtocol(new StreamReader(), null, world.loop);
    const transport = new LoggingTransport(world);
    const writer = new StreamWriter(transport, protocol, null, world.loop);
    void world.task('free', () => writer.drain());
    await world.turns(2);
    protocol.pauseWriting();
    void world.task('paused', () => writer.drain());
    await world.turns(3);
    world.log('resume writing');
    protocol.resumeWriting();
    await world.turns(3);
    transport.closing = true;
    void world.task('closing', () => writer.drain());
    void world.task('waiting', () => writer.waitClosed());
    await world.turns(3);
    protocol.connectionLost(null);
    void world.task('lost', () => writer.drain());
    void world.task('closed', () => writer.waitClosed());
    await world.turns(4);
  },
};

/** Runs a scenario in a task of its own, as CPython does. @returns Its trace. */
export async function runScenario(name: string, loop: Loop): Promise<readonly string[]> {
  const world = new World(loop);
  await loop.runUntilComplete(() => programs[name]!(world));
  world.stop();
  return world.trace;
}

/** What CPython 3.8.18 does. */
export const scenarios: readonly { readonly name: string; readonly trace: readonly string[] }[] = [
  { name: 'reads', trace: ['4 feed', '5 read = abc', '6 other = done', '9 now = '] },
  { name: 'lines', trace: ['4 feed', '7 feed', '8 line = one\n', '10 feed', '16 second = two'] },
  {
    name: 'exactly',
    trace: [
      '4 feed',
      '4 pause',
      '5 resume',
      '7 feed',
      '7 pause',
      '8 resume',
      '10 feed',
      '10 pause',
      '11 exactly = 123451234512',
      '14 resume',
      '14 rest = 345',
    ],
  },
  { name: 'to_end', trace: ['4 feed', '4 pause', '5 resume', '7 feed', '7 pause', '8 resume', '11 all = 12345123456'] },
  {
    name: 'cancelled',
    trace: ['4 cancel', '5 read cancelled', '9 feed and cancel', '10 woken cancelled', '13 after = line\n'],
  },
  { name: 'broken', trace: ['4 break', '5 read ! ConnectionResetError', '8 later ! ConnectionResetError'] },
  {
    name: 'drains',
    trace: [
      '3 free = done',
      '7 resume writing',
      '8 paused = done',
      '12 closing = done',
      '14 waiting = done',
      '14 closed = done',
      '15 lost ! ConnectionResetError',
    ],
  },
];
