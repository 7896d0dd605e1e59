import { ProcessPoolExecutor, runInExecutor, ThreadPoolExecutor, transfer } from '@tsyncio/executors';
import { TaskLoop } from '@tsyncio/futures-tasks';
import { main } from './measure.mjs';

const loop = new TaskLoop();
const echo = (value) => value;
const move = (value) => transfer(value, [value.buffer]);

await loop.runUntilComplete(() =>
  main(async (kind, memory) => {
    const pool = kind === 'thread' ? new ThreadPoolExecutor(2) : new ProcessPoolExecutor(2);
    return memory === 2
      ? (value) => runInExecutor(loop, pool, move, transfer(value, [value.buffer]))
      : (value) => runInExecutor(loop, pool, echo, value);
  }),
);
process.exit();
