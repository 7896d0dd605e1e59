// Which documented behaviours of asyncio have a passing test that names their ID in its title.
//   npm run coverage:ids              # runs all tests first
//   npm run coverage:ids -- --last    # reads the results of the last `npm test`
//   npm run coverage:ids -- --tests   # also lists the IDs of each test file
// behaviours/<file>.txt holds `ID priority` a line; behaviours/uncovered.json gives the reason why a row has no test (`ABC-*` for
// a whole group). A `seed` or `base` row with neither a test nor a reason is a failure, and so is a reason for a row that has a test.
// What passed under Wine counts as well (`npm run test:wine`, of each file its last run); a row that only tests of Windows name is excused where they
// were not run.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { idsOf, rangesOf } from './ids.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = path.join(here, '../..');
const cache = path.join(root, 'node_modules/.cache/tsyncio');
const results = path.join(cache, 'jest-test.json');
const titlesUnderWine = path.join(cache, 'wine-titles.json');
const options = new Set(process.argv.slice(2));

if (!options.has('--last')) {
  spawnSync(process.execPath, [path.join(root, 'tooling/run/run.mjs'), 'test'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
if (!existsSync(results)) throw new Error('there are no results of tests: run `npm test`');

const tests = JSON.parse(readFileSync(results, 'utf8')).testResults.flatMap((file) =>
  file.assertionResults.map((test) => ({
    file: path.relative(root, file.name),
    title: test.fullName,
    passed: test.status === 'passed',
  })),
);
const underWine = existsSync(titlesUnderWine) ? JSON.parse(readFileSync(titlesUnderWine, 'utf8')) : {};
for (const [file, titles] of Object.entries(underWine)) {
  if (existsSync(path.join(root, file))) tests.push(...titles.map((title) => ({ file, title, passed: true })));
}
const covered = new Map(); // ID -> files of its passing tests
const named = new Map(); // file -> IDs
for (const { file, title, passed } of tests) {
  for (const id of idsOf(title)) {
    if (passed) covered.set(id, (covered.get(id) ?? new Set()).add(file));
    named.set(file, (named.get(file) ?? new Set()).add(id));
  }
}

/** What tests of Windows name that did not run. */
const ofWindows = new Set();
for (const name of readdirSync(path.join(root, 'packages'), { recursive: true })) {
  if (!name.endsWith('.win32.test.ts') || name.includes('node_modules')) continue;
  const file = path.posix.join('packages', name.replaceAll(path.sep, '/'));
  if (underWine[file] !== undefined) continue;
  for (const id of idsOf(readFileSync(path.join(root, file), 'utf8'))) ofWindows.add(id);
}

const reasons = JSON.parse(readFileSync(path.join(here, 'behaviours/uncovered.json'), 'utf8'));
const reasonOf = (id) =>
  reasons[id] ??
  reasons[id.replace(/-\d+$/, '-*')] ??
  (ofWindows.has(id) ? 'its tests are of Windows, and did not run here (npm run test:wine)' : undefined);
const known = new Set();
let missing = 0;

for (const file of readdirSync(path.join(here, 'behaviours')).filter((name) => name.endsWith('.txt'))) {
  const rows = readFileSync(path.join(here, 'behaviours', file), 'utf8')
    .trim()
    .split('\n');
  const groups = new Map();
  const open = [];
  const excused = new Map();
  for (const row of rows) {
    const [id, priority] = row.split(' ');
    known.add(id);
    const group = id.replace(/-\d+$/, '');
    const counts = groups.get(group) ?? { covered: 0, all: 0 };
    groups.set(group, counts);
    counts.all += 1;
    const reason = reasonOf(id);
    if (covered.has(id)) counts.covered += 1;
    else if (reason !== undefined) excused.set(reason, [...(excused.get(reason) ?? []), id]);
    else open.push({ id, priority });
  }
  const total = [...groups.values()].reduce((sum, counts) => sum + counts.covered, 0);
  console.log(`${path.basename(file, '.txt')}: ${total} of ${rows.length} rows have a passing test`);
  for (const [group, counts] of groups) console.log(`  ${group.padEnd(14)} ${counts.covered} of ${counts.all}`);
  for (const [reason, ids] of excused) console.log(`  without a test, because ${reason}:\n    ${rangesOf(ids)}`);
  for (const priority of ['seed', 'base', 'high']) {
    const ids = open.filter((row) => row.priority === priority).map((row) => row.id);
    if (ids.length > 0) console.log(`  ${priority}, without a test and without a reason:\n    ${rangesOf(ids)}`);
    if (priority !== 'high') missing += ids.length;
  }
}

const outdated = Object.keys(reasons).filter((id) => covered.has(id));
if (outdated.length > 0) console.log(`  uncovered.json excuses rows that have a test: ${outdated.join(' ')}`);
missing += outdated.length;

const groupsKnown = new Set([...known].map((id) => id.replace(/-\d+$/, '')));
for (const [file, ids] of named) {
  const wrong = [...ids].filter((id) => groupsKnown.has(id.replace(/-\d+$/, '')) && !known.has(id));
  if (wrong.length > 0) console.log(`  ${file} names rows that do not exist: ${wrong.join(' ')}`);
  missing += wrong.length;
}
if (options.has('--tests')) {
  for (const [file, ids] of [...named].sort()) {
    console.log(`  ${file}: ${[...ids].filter((id) => known.has(id)).join(' ')}`);
  }
}
process.exitCode = missing === 0 ? 0 : 1;
