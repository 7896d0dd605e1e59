// What Node itself has to offer for the scenarios. Some of it does less: the table says what is compared.
import { AsyncLocalStorage } from 'node:async_hooks';
import { clearImmediate } from 'node:timers';
import { setImmediate as immediate } from 'node:timers/promises';
import { main, now, randoms } from './measure.mjs';

const user = new AsyncLocalStorage();
const nothing = () => {};

/** Seconds until `work` calls its argument. */
const until = (work) =>
  new Promise((resolve) => {
    const began = now();
    work(() => resolve(now() - began));
  });

async function seconds(work) {
  const began = now();
  await work();
  return now() - began;
}

const programs = {
  'callsoon-burst': [
    200_000,
    (n) =>
      user.run({}, () =>
        until((done) => {
          for (let i = 0; i < n; i++) setImmediate(nothing);
          setImmediate(done);
        }),
      ),
  ],
  'callsoon-chain': [
    200_000,
    (n) =>
      until((done) => {
        let left = n;
        const next = () => {
          if (--left > 0) setImmediate(next);
          else done();
        };
        setImmediate(next);
      }),
  ],
  'handle-cancel': [
    200_000,
    (n) =>
      until((done) => {
        for (let i = 0; i < n; i++) clearImmediate(setImmediate(nothing));
        setImmediate(done);
      }),
  ],
  timers: [
    100_000,
    (n) =>
      until((done) => {
        const handles = [];
        for (let i = 0; i < n; i++) handles.push(setTimeout(nothing, (i % 100) * 0.1));
        for (let i = 0; i < n; i++) if (i % 10 !== 0) clearTimeout(handles[i]);
        setTimeout(done, 10);
      }),
  ],
  'spawn-async': [
    50_000,
    (n) =>
      until((done) => {
        const body = async () => {};
        for (let i = 0; i < n; i++) setImmediate(body);
        setImmediate(done);
      }),
  ],
  'switch-async': [
    50_000,
    (n) =>
      seconds(() => {
        const body = async () => {
          for (let i = 0; i < n / 10; i++) await immediate();
        };
        return Promise.all(Array.from({ length: 10 }, body));
      }),
  ],
  'wakeup-async': [
    200_000,
    (n) =>
      seconds(async () => {
        const deferred = () => {
          let resolve;
          const promise = new Promise((r) => (resolve = r));
          return { promise, resolve };
        };
        const cells = [deferred(), deferred()];
        const body = async (me) => {
          for (let i = 0; i < n / 2; i++) {
            await cells[me].promise;
            cells[me] = deferred();
            cells[1 - me].resolve();
          }
        };
        const both = [body(0), body(1)];
        cells[0].resolve();
        await Promise.all(both);
      }),
  ],
  'gather-async': [
    10_000,
    (n) =>
      seconds(() => {
        const all = [];
        for (let i = 0; i < n; i++) all.push((async () => i)());
        return Promise.all(all);
      }),
  ],
  'queue-async': [
    200_000,
    (n) =>
      seconds(async () => {
        const items = [];
        const put = async (item) => {
          items.push(item);
        };
        const get = async () => items.shift();
        for (let i = 0; i < n; i++) {
          await put(i);
          await get();
        }
      }),
  ],
};

/** Node keeps one list for each delay in milliseconds, so random delays within 1000 s are 1,000,000 lists at most. */
async function pendingTimers(size) {
  const random = randoms();
  const delay = () => 1_000_000 + Math.floor(1_000_000 * random());
  const all = [];
  for (let i = 0; i < size; i++) all.push(setTimeout(nothing, delay()));
  const n = 10_000;
  const each = (work) => {
    const began = now();
    for (let i = 0; i < n; i++) work(i);
    return (now() - began) / n;
  };
  const handles = new Array(n);
  const result = {};
  const best = (column, took) => (result[column] = Math.min(result[column] ?? Infinity, took));
  for (let round = 0; round < 5; round++) {
    best(
      'later',
      each((i) => (handles[i] = setTimeout(nothing, delay()))),
    );
    best(
      'cancel',
      each((i) => clearTimeout(handles[i])),
    );
  }
  for (const timer of all) clearTimeout(timer);
  return result;
}

if (process.argv[2] === 'pending-timers') console.log(JSON.stringify(await pendingTimers(Number(process.argv[3]))));
else await main(programs);
