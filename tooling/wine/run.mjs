// Tests of Windows under Wine:
//   node tooling/wine/run.mjs [jest arguments]     # the quick ones (see windows.config.mjs)
//   node tooling/wine/run.mjs --all [arguments]    # all of them
// What it needs it installs (see setup.mjs). Where that is impossible it says so and counts one skipped test. The last line counts.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { environment, home, node, root, setUp, shutDown, windows } from './setup.mjs';

/** Seconds that all tests may take together. */
const LIMIT = 900;

const parameters = process.argv.slice(2);
const all = parameters.includes('--all');
const impossible = setUp();
if (impossible !== null) console.log(`skipped: no tests of Windows here: ${impossible}`);
const { titles, ...counts } =
  impossible === null ? runJest(parameters.filter((each) => each !== '--all')) : { passed: 0, failed: 0, skipped: 1 };
if (impossible === null && parameters.every((each) => each === '--all')) counts.skipped += leftOut();
const results = path.join(root, 'node_modules', '.cache', 'tsyncio');
mkdirSync(results, { recursive: true });
if (titles !== undefined) remember(titles);
writeFileSync(path.join(results, 'wine.json'), JSON.stringify(counts)); // for the total of CI
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed === 0 ? 0 : 1;

function runJest(options) {
  const log = path.join(home, `jest-${process.pid}.log`);
  const counts = path.join(home, `jest-${process.pid}.json`);
  // Node under Wine cannot open a pipe of Unix as its output: it writes to a file.
  const output = openSync(log, 'w');
  const jest = path.join('node_modules', 'jest', 'bin', 'jest.js');
  const run = spawnSync('wine', [node, jest, '--ci', '--config', 'tooling/wine/windows.config.mjs', ...options], {
    cwd: root,
    env: { ...environment, TSYNCIO_WINE_COUNTS: windows(counts), ...(all ? { TSYNCIO_WINE_ALL: '1' } : {}) },
    stdio: ['ignore', output, output],
    timeout: LIMIT * 1000,
  });
  closeSync(output);
  shutDown();
  process.stdout.write(readFileSync(log));
  if (run.error !== undefined) console.error(run.error.message);
  const counted = existsSync(counts) ? JSON.parse(readFileSync(counts, 'utf8')) : { passed: 0, failed: 0, skipped: 0 };
  rmSync(log);
  rmSync(counts, { force: true });
  // A crash, or no test at all, is a failure.
  if (counted.failed === 0 && (run.status !== 0 || counted.passed === 0)) counted.failed = 1;
  return counted;
}

/** Keeps the titles of what passed, of each file those of its last run, for `npm run coverage:ids`. */
function remember(titles) {
  const file = path.join(results, 'wine-titles.json');
  const known = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  writeFileSync(file, JSON.stringify({ ...known, ...titles }));
}

/** Says which files of tests are left out, each one a skipped test. */
function leftOut() {
  const rules = createRequire(import.meta.url)('./left-out.cjs').filter((rule) => rule.titles === undefined);
  let count = 0;
  for (const name of readdirSync(path.join(root, 'packages'), { recursive: true })) {
    const rule =
      /[/\\]test[/\\].*\.test\.ts$/.test(name) &&
      !name.includes('node_modules') &&
      rules.find(({ files }) => files.test(name));
    if (!rule) continue;
    console.log(`left out on Windows: ${name}: ${rule.reason}`);
    count++;
  }
  return count;
}
