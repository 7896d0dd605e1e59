// Runs commands, several at a time, and tells how they get on. A file has one a line, `name: command`.
//
//   npm start -- jobs --file jobs.txt --workers 4 --timeout 60
import { readFileSync } from 'node:fs';
import { gather, getRunningLoop, isCancelled, run } from 'tsyncio';
import { interrupted } from '../support/interrupted.js';
import { options } from '../support/options.js';
import { JobRunner, readJobs } from './job-runner.js';

const { file, workers, timeout } = options({ file: 'jobs.txt', workers: '4', timeout: '60' });
const jobs = readJobs(readFileSync(file, 'utf8'));

await run(async () => {
  const runner = new JobRunner(jobs.length, Number(workers), Number(timeout));
  const all = gather(...jobs.map((job) => () => runner.run(job)));
  // Ctrl+C: the commands are ended, and waited for.
  interrupted(getRunningLoop()).addDoneCallback(() => all.cancel());
  try {
    const failed = (await all).filter((outcome) => outcome !== 'done').length;
    console.log(`${jobs.length - failed} done, ${failed} failed`);
    process.exitCode = failed === 0 ? 0 : 1;
  } catch (error) {
    if (!isCancelled(error)) throw error;
    console.log('interrupted');
    process.exitCode = 130;
  }
});
