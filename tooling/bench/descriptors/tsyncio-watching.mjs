// What watching descriptors costs on tsyncio: one process, one loop.
import { TaskLoop } from '@tsyncio/futures-tasks';
import * as selectors from '@tsyncio/selector-io';
import { AF_UNIX, SOCK_STREAM, addReader, socketpair } from '@tsyncio/socket';

const BYTE = Buffer.from('x');
const WARM_UP_S = 0.3;

/** Runs `body(loop)` and tells what it resolves to; nothing is closed, the process ends. */
async function tell(selector, body) {
  const loop = new TaskLoop({ backend: new selectors.SelectorIo(selector) });
  const result = await loop.runUntilComplete(() => body(loop));
  console.log(JSON.stringify(result));
  process.exit();
}

/** How often `count()` goes up in a second, and the microseconds of processor time for each: of all threads. */
async function rateOf(loop, seconds, count) {
  await pause(loop, WARM_UP_S);
  const began = loop.time();
  const used = process.cpuUsage();
  const before = count();
  await pause(loop, seconds);
  const ran = count() - before;
  const { user, system } = process.cpuUsage(used);
  return { rate: ran / (loop.time() - began), cpu: (user + system) / ran };
}

function pause(loop, seconds) {
  const over = loop.createFuture();
  loop.callLater(seconds, () => over.setResult());
  return over;
}

function pair() {
  const both = socketpair(AF_UNIX, SOCK_STREAM);
  for (const socket of both) socket.setblocking(false);
  return both;
}

/** Callbacks a second while all of so many descriptors are always ready. */
export function measureReady(descriptors, seconds) {
  return tell(undefined, async (loop) => {
    let ran = 0;
    const count = () => {
      ran++;
    };
    for (let i = 0; i < descriptors; i++) {
      const [near, far] = pair();
      far.send(BYTE);
      addReader(loop, near, count);
    }
    return rateOf(loop, seconds, () => ran);
  });
}

/** A byte goes to and fro in so many pairs: receptions a second, and microseconds from a send to the callback. */
export function measurePingPong(pairs, seconds) {
  return tell(undefined, async (loop) => {
    let ran = 0;
    const latencies = new Float64Array(1 << 20);
    const watch = (socket, state) => {
      const received = () => {
        latencies[ran++ & (latencies.length - 1)] = performance.now() - state.sentAt;
        socket.recv(1);
        state.sentAt = performance.now();
        socket.send(BYTE);
      };
      addReader(loop, socket, received);
    };
    for (let i = 0; i < pairs; i++) {
      const [near, far] = pair();
      const state = { sentAt: performance.now() };
      watch(near, state);
      watch(far, state);
      near.send(BYTE);
    }
    const rates = await rateOf(loop, seconds, () => ran);
    const sorted = latencies.subarray(0, Math.min(ran, latencies.length)).sort();
    const percentile = (part) => sorted[Math.floor(part * sorted.length)] * 1000;
    return { ...rates, p50: percentile(0.5), p99: percentile(0.99) };
  });
}

/** Microseconds for one iteration with one descriptor that is ready, while others are watched that never are. */
export function measureScaling(name, descriptors, seconds) {
  const Selector = selectors[`${name[0].toUpperCase()}${name.slice(1)}Selector`];
  return tell(new Selector(), async (loop) => {
    let ran = 0;
    const [near, far] = pair();
    far.send(BYTE);
    addReader(loop, near, () => {
      ran++;
    });
    const [idle] = pair();
    // Descriptors of one socket: to a selector they are as good as any.
    for (let i = 1; i < descriptors; i++) addReader(loop, idle.dup(), () => {});
    const { rate, cpu } = await rateOf(loop, seconds, () => ran);
    return { cost: 1e6 / rate, cpu };
  });
}
