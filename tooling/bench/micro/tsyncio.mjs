// The scenarios on tsyncio, as its packages ship (dist).
import { AsyncLocalStorage } from 'node:async_hooks';
import { Scheduler } from '@tsyncio/core';
import * as tasks from '@tsyncio/futures-tasks';
import { main, now, randoms } from './measure.mjs';

const { TaskLoop, gather, sleep } = tasks;
const user = new AsyncLocalStorage();
const nothing = () => {};

/** Seconds that `body(loop)` measures inside a loop. */
async function inLoop(body) {
  const loop = new TaskLoop();
  try {
    return await loop.runUntilComplete(() => body(loop));
  } finally {
    loop.close();
  }
}

/** Seconds until the scheduler stops: `start(loop)` queues the first callback. */
async function scheduled(start) {
  const loop = new Scheduler();
  const began = now();
  start(loop);
  await loop.runForever();
  const took = now() - began;
  loop.close();
  return took;
}

/** As most code does it: the callbacks are queued by one that runs in the loop. */
const burst = (n) => user.run({}, () => scheduled((loop) => loop.callSoon(queueMany, n, loop)));

function queueMany(n, loop) {
  let ran = 0;
  const count = () => {
    ran++;
  };
  for (let i = 0; i < n; i++) loop.callSoon(count);
  loop.callSoon(() => {
    if (ran !== n) throw new Error('lost callbacks');
    loop.stop();
  });
}

/** From a task, whose callbacks do not belong to it. */
const burstInTask = (n) =>
  user.run({}, () =>
    inLoop(async (loop) => {
      const done = loop.createFuture();
      const began = now();
      for (let i = 0; i < n; i++) loop.callSoon(nothing);
      loop.callSoon(() => done.setResult());
      await done;
      return now() - began;
    }),
  );

const chain = (n) =>
  scheduled((loop) => {
    let left = n;
    const next = () => {
      if (--left > 0) loop.callSoon(next);
      else loop.stop();
    };
    loop.callSoon(next);
  });

const cancel = (n) =>
  scheduled((loop) => {
    for (let i = 0; i < n; i++) loop.callSoon(nothing).cancel();
    loop.callSoon(() => loop.stop());
  });

/** The delays are shorter than the work, so that there is no waiting in it. */
const timers = (n) =>
  scheduled((loop) => {
    const handles = [];
    for (let i = 0; i < n; i++) handles.push(loop.callLater((i % 100) * 1e-4, nothing));
    for (let i = 0; i < n; i++) if (i % 10 !== 0) handles[i].cancel();
    loop.callLater(0.01, () => loop.stop());
  });

async function spawn(n, loop, body) {
  const began = now();
  let last;
  for (let i = 0; i < n; i++) last = loop.createTask(body());
  await last;
  return now() - began;
}

/** Seconds until ten tasks that loop `n / 10` times each are done. */
async function ten(n, loop, body) {
  const began = now();
  const all = [];
  for (let i = 0; i < 10; i++) all.push(loop.createTask(body(n / 10)));
  for (const task of all) await task;
  return now() - began;
}

/** Two tasks; each waits for a future of its own and completes the other's. */
async function pingPong(n, loop, body) {
  const began = now();
  const futures = [loop.createFuture(), loop.createFuture()];
  const first = loop.createTask(body(futures, 0, n / 2));
  const second = loop.createTask(body(futures, 1, n / 2));
  await sleep(0);
  futures[0].setResult();
  await first;
  await second;
  return now() - began;
}

const oneStep = function* () {};

const queueOf = (maxsize) => {
  if (tasks.Queue === undefined) return null;
  return new tasks.Queue(maxsize);
};

const programs = {
  'callsoon-burst': [200_000, burst],
  'callsoon-task': [200_000, burstInTask],
  'callsoon-chain': [400_000, chain],
  'handle-cancel': [200_000, cancel],
  timers: [100_000, timers],
  'spawn-async': [50_000, (n) => inLoop((loop) => spawn(n, loop, () => async () => {}))],
  'spawn-generator': [50_000, (n) => inLoop((loop) => spawn(n, loop, oneStep))],
  'switch-async': [
    100_000,
    (n) =>
      inLoop((loop) =>
        ten(n, loop, (times) => async () => {
          for (let i = 0; i < times; i++) await sleep(0);
        }),
      ),
  ],
  'switch-generator': [
    300_000,
    (n) =>
      inLoop((loop) =>
        ten(n, loop, function* (times) {
          for (let i = 0; i < times; i++) yield* sleep(0);
        }),
      ),
  ],
  'switch-yield': [
    1_000_000,
    (n) =>
      inLoop((loop) =>
        ten(n, loop, function* (times) {
          for (let i = 0; i < times; i++) yield;
        }),
      ),
  ],
  'wakeup-async': [
    100_000,
    (n) =>
      inLoop((loop) =>
        pingPong(n, loop, (futures, me, times) => async () => {
          for (let i = 0; i < times; i++) {
            await futures[me];
            futures[me] = loop.createFuture();
            const other = futures[1 - me];
            if (!other.done()) other.setResult();
          }
        }),
      ),
  ],
  'wakeup-generator': [
    300_000,
    (n) =>
      inLoop((loop) =>
        pingPong(n, loop, function* (futures, me, times) {
          for (let i = 0; i < times; i++) {
            yield* futures[me];
            futures[me] = loop.createFuture();
            const other = futures[1 - me];
            if (!other.done()) other.setResult();
          }
        }),
      ),
  ],
  'gather-async': [
    10_000,
    (n) =>
      inLoop(async () => {
        const began = now();
        const all = [];
        for (let i = 0; i < n; i++) all.push(async () => i);
        await gather(...all);
        return now() - began;
      }),
  ],
  'gather-generator': [
    10_000,
    (n) =>
      inLoop(async () => {
        // eslint-disable-next-line require-yield
        const one = function* (i) {
          return i;
        };
        const began = now();
        const all = [];
        for (let i = 0; i < n; i++) all.push(one(i));
        await gather(...all);
        return now() - began;
      }),
  ],
  'queue-async': [
    100_000,
    (n) =>
      inLoop(async () => {
        const queue = queueOf(0);
        const began = now();
        for (let i = 0; i < n; i++) {
          await queue.put(i);
          await queue.get();
        }
        return now() - began;
      }),
  ],
  'queue-generator': [
    300_000,
    (n) =>
      inLoop(async (loop) => {
        const queue = queueOf(0);
        const began = now();
        await loop.createTask(
          (function* () {
            for (let i = 0; i < n; i++) {
              yield* queue.put(i);
              yield* queue.get();
            }
          })(),
        );
        return now() - began;
      }),
  ],
  'queue-handover': [
    100_000,
    (n) =>
      inLoop(async (loop) => {
        const queue = queueOf(100);
        const began = now();
        const producer = loop.createTask(async () => {
          for (let i = 0; i < n; i++) await queue.put(i);
        });
        for (let i = 0; i < n; i++) await queue.get();
        await producer;
        return now() - began;
      }),
  ],
};
if (tasks.Queue === undefined) {
  for (const name of Object.keys(programs)) if (name.startsWith('queue-')) delete programs[name];
}

/** Seconds each for what can be done to a timer while `size` others are pending. */
async function pendingTimers(size) {
  // As for the other programs, the compiler must know the code before.
  if (size > 0) await pendingTimers(0);
  const loop = new Scheduler();
  const random = randoms();
  const n = 10_000;
  const fill = (count) => {
    for (let i = 0; i < count; i++) loop.callLater(1000 + 1000 * random(), nothing);
  };
  fill(size);
  const each = (work) => {
    const began = now();
    for (let i = 0; i < n; i++) work(i);
    return (now() - began) / n;
  };
  const handles = new Array(n);
  const result = {};
  const best = (column, seconds) => (result[column] = Math.min(result[column] ?? Infinity, seconds));
  for (let round = 0; round < 5; round++) {
    best(
      'later',
      each((i) => (handles[i] = loop.callLater(1000 + 1000 * random(), nothing))),
    );
    best(
      'cancel',
      each((i) => handles[i].cancel()),
    );
    // Each of these is due at once, and earlier than all that are there.
    let when = loop.time();
    best(
      'first',
      each(() => loop.callAt((when -= 1e-6), nothing)),
    );
    loop.callSoon(() => loop.stop());
    const began = now();
    await loop.runForever();
    best('due', (now() - began) / n);
  }
  loop.close();
  return result;
}

if (process.argv[2] === 'pending-timers') console.log(JSON.stringify(await pendingTimers(Number(process.argv[3]))));
else await main(programs);
