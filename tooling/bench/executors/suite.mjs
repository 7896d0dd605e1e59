// Functions in worker threads and processes.
import { fileURLToPath } from 'node:url';
import { Child } from '../children.mjs';
import { micros, rate } from '../suite-report.mjs';

export const title = 'Executors';

export const notes = `A function that gives its argument back, run by \`runInExecutor\` in a pool of two workers: one call after the other, and with 64 in
flight. Node's line is the bare pool library, workerpool, with the same function; the line below it worker_threads and child_process
alone, without a pool, with a worker that knows what to do. Memory: a megabyte given to a thread and back, copied, and moved with
\`transfer\` (CPython's threads share it). The CPU is that of the whole process, with its threads and without its children: with more threads at
work than cores it tells more than the rate.`;

const SECONDS = 2;
const calls = { title: 'calls/s', more: true, show: rate };
const cpu = { title: 'CPU each', show: micros };
const p50 = { title: 'p50', show: micros };
const p99 = { title: 'p99', show: micros };

const kinds = { thread: 'threads', process: 'processes' };
const variants = [{ key: 'node', title: 'Node, no pool', bare: true }];

export function scenarios() {
  return [
    ...Object.entries(kinds).flatMap(([kind, title]) => [
      scenario(`executor-${kind}`, `one call at a time, ${title}`, [kind, 1, 0], { rate: calls, cpu, p50, p99 }),
      scenario(`executor-${kind}-64`, `64 calls in flight, ${title}`, [kind, 64, 0], { rate: calls, cpu }),
    ]),
    scenario('executor-copy', '1 MiB to a thread and back', ['thread', 1, 1], { rate: calls, cpu }),
    scenario('executor-transfer', '1 MiB moved to a thread and back', ['thread', 1, 2], { rate: calls, cpu }),
  ];
}

function scenario(name, title, args, metrics) {
  return { name, title, metrics, variants, measure: (peer, scale) => measured(peer, args, SECONDS * scale) };
}

async function measured(peer, args, seconds) {
  if (peer.backend === true) return null;
  const program = peer.bare
    ? [peer.program('executors')[0], fileURLToPath(new URL('bare.mjs', import.meta.url))]
    : peer.program('executors');
  const child = new Child([...program, ...args.map(String), String(seconds)], peer.env);
  try {
    return await child.json(30 + seconds);
  } finally {
    await child.end();
  }
}
