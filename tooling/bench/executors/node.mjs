// The bare pool library: found where the executors have it.
import { createRequire } from 'node:module';
import { main } from './measure.mjs';

const require = createRequire(new URL('../../../packages/executors/package.json', import.meta.url));
const workerpool = require('workerpool');
const echo = (value) => value;

await main(async (kind, memory) => {
  const pool = workerpool.pool({ workerType: kind, maxWorkers: 2, forkOpts: { serialization: 'advanced' } });
  // It moves arguments, and results only from a worker with a file of its own.
  return memory === 2 ? null : (value) => pool.exec(echo, [value]);
});
process.exit();
