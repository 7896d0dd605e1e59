// Loops in threads: calls from one thread into the loop of another.
import { Child } from '../children.mjs';
import { micros, rate } from '../suite-report.mjs';

export const title = 'Threads';

export const notes = `From one thread into the loop of another. A wake-up: the loop sleeps, watching a descriptor, and another thread calls it every two
milliseconds (\`connectLoop(port).call\`, \`call_soon_threadsafe\`; Node: a bare MessagePort to a thread that waits); the time is that from the call to
the callback. A burst: as many calls as the other thread can make. A coroutine run for another thread, one after the other
(\`connectLoop(port).run\`, \`run_coroutine_threadsafe\`; Node: a message and its answer).`;

const SECONDS = 1;
const p50 = { title: 'p50', show: micros };
const p99 = { title: 'p99', show: micros };
const calls = { title: 'calls/s', more: true, show: rate };

export function scenarios() {
  return [
    scenario('wake', 'a call wakes a sleeping loop', { p50, p99 }),
    scenario('burst', 'a burst of calls', { rate: calls }),
    scenario('run', 'a coroutine for another thread', { rate: calls, p50, p99 }),
  ];
}

function scenario(name, title, metrics) {
  return { name, title, metrics, measure: (peer, scale) => measured(peer, name, SECONDS * scale) };
}

async function measured(peer, name, seconds) {
  if (peer.backend === true) return null;
  const child = new Child([...peer.program('threads'), name, String(seconds)], peer.env);
  try {
    return await child.json(30 + seconds);
  } finally {
    await child.end();
  }
}
