import { setImmediate as turnOfNode } from 'node:timers/promises';

import type { TaskLoop } from '@tsyncio/futures-tasks';
import { addReader, addWriter, removeReader, removeWriter, type SelectorIo } from '@tsyncio/selector-io';
import { type Socket, socketpair } from '@tsyncio/socket';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';

import { eachSelector } from '@tsyncio/test-support/loops/selectors';

leakAudit();

const WATCHED = 8;
const ROUNDS = 300;
const SEEDS = [1, 2, 3];

/** Numbers that look random and are the same in each run. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % below;
  };
}

/** A pair of sockets, one of them watched from time to time, and whatever keeps a closed predecessor alive. */
class Wire {
  private readonly ends = socketpair(undefined, undefined, undefined, { nonblocking: true });
  received = 0;
  reading = false;

  constructor(
    private readonly loop: TaskLoop<SelectorIo>,
    private readonly remains: Socket[] = [],
  ) {}

  get near(): Socket {
    return this.ends[0];
  }

  send(): void {
    this.ends[1].send(Buffer.from('some bytes'));
  }

  read(): void {
    this.reading = true;
    addReader(this.loop, this.near, () => {
      try {
        this.received += this.near.recv(1000).length;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      }
    });
  }

  stop(): void {
    this.reading = false;
    removeReader(this.loop, this.near);
  }

  waitForRoom(): void {
    addWriter(this.loop, this.near, () => removeWriter(this.loop, this.near));
  }

  /** Closes all, in the right order. */
  close(): void {
    this.stop();
    removeWriter(this.loop, this.near);
    for (const socket of [...this.ends, ...this.remains]) socket.close();
  }

  /** Closes the watched end and only then takes its callbacks back, as one should not. A duplicate may live on, with data. */
  closeFirst(duplicate: boolean, data: boolean): Wire {
    const number = this.near.fileno();
    const remains = [this.ends[1], ...this.remains];
    if (duplicate) remains.push(this.near.dup());
    this.near.close();
    removeReader(this.loop, number);
    removeWriter(this.loop, number);
    if (duplicate && data) this.send();
    return new Wire(this.loop, remains);
  }

  /** Closes the watched end, and never takes its reader back: the next one has the same number, and takes it over. */
  takeOver(duplicate: boolean): Wire {
    if (!this.reading) return this;
    const number = this.near.fileno();
    const remains = [this.ends[1], ...this.remains];
    if (duplicate) remains.push(this.near.dup());
    this.near.close();
    removeWriter(this.loop, number);
    const next = new Wire(this.loop, remains);
    if (next.near.fileno() !== number) removeReader(this.loop, number);
    next.read();
    return next;
  }
}

eachSelector((makeLoop, name) => {
  // epoll watches open files, not numbers: it loses what is closed first (README, limits). On Windows `select` fails then.
  const steps = name === 'EpollSelector' || process.platform === 'win32' ? 6 : 8;

  test.each(SEEDS)(
    'whatever is done to the others, what is readable is read, and an idle loop rests (seed %i)',
    async (seed) => {
      const random = randomFrom(seed);
      const loop = makeLoop();
      const reports = recordExceptions(loop);
      // Of this loop alone: Node's own turns count what other test files have left in the process, too.
      let polls = 0;
      const { backend } = loop;
      const poll = backend.poll.bind(backend);
      backend.poll = (timeout) => {
        polls++;
        poll(timeout);
      };
      const wires = Array.from({ length: WATCHED }, () => new Wire(loop));
      const run = loop.runForever();

      const step = async (): Promise<void> => {
        const index = random(WATCHED);
        const wire = wires[index]!;
        switch (random(steps)) {
          case 0:
            return wire.read();
          case 1:
            return wire.stop();
          case 2:
            return wire.send();
          case 3:
            return wire.waitForRoom();
          case 4:
            wire.close();
            wires[index] = new Wire(loop);
            return;
          case 5:
            await turnOfNode();
            return;
          case 6:
            wires[index] = wire.closeFirst(random(2) === 0, random(2) === 0);
            return;
          default:
            wires[index] = wire.takeOver(random(2) === 0);
        }
      };

      for (let round = 0; round < ROUNDS; round++) {
        for (let n = random(6); n >= 0; n--) await step();
        const wire = wires[random(WATCHED)]!;
        if (!wire.reading) wire.read();
        for (let n = random(3); n > 0; n--) await turnOfNode();
        const before = wire.received;
        wire.send();
        for (let turns = 0; wire.received === before; turns++) {
          if (turns > 10_000) throw new Error(`round ${round}: never read`);
          await turnOfNode();
        }
        if (round % 25 === 0) {
          const before = polls;
          await new Promise((resolve) => setTimeout(resolve, 10));
          expect(polls - before).toBeLessThan(150);
        }
      }
      loop.stop();
      await run;
      expect(reports).toEqual([]);
      for (const wire of wires) wire.close();
      loop.close();
    },
  );
});
