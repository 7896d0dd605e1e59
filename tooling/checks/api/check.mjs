// Whether the built umbrella has everything that surface.txt lists, and exports nothing that it does not list.
//   node tooling/checks/api/check.mjs            # needs a build
//   node tooling/checks/api/check.mjs --source   # without a build: the types of the sources alone
//   node tooling/checks/api/check.mjs --settle   # removes `pending` from what is there by now
//   node tooling/checks/api/check.mjs FILE       # another list
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { exportsOf } from './exports.mjs';
import { readGroups, readSurface } from './surface.mjs';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const settle = process.argv.includes('--settle');
const fromSource = process.argv.includes('--source');
const given = process.argv.slice(2).find((argument) => !argument.startsWith('-'));
const list = given === undefined ? new URL('surface.txt', import.meta.url) : pathToFileURL(given);
const sections = readSurface(list);
const rows = sections.flatMap((section) => section.rows);

/** Exported, but the counterpart of nothing in asyncio. */
const OURS = [
  /^(AF|SOCK|IPPROTO|SOL|SO|TCP|IPV6|SHUT|MSG|AI|NI|EAI|INADDR|SCM|IP|IPPORT|UDP|CMSG)_/, // constants of the socket module
  /^(SOMAXCONN|EVENT_READ|EVENT_WRITE|setLogger|setDescriptorDebug|explainBackend|probeIoUring)$/,
];

const declarations = (name) => path.join(root, 'packages', name, fromSource ? 'src/index.ts' : 'dist/index.d.ts');
const parts = [...new Set(rows.filter((row) => !row.pending).map((row) => row.part))];
const files = ['tsyncio', ...parts].map(declarations).filter((file) => existsSync(file));
const found = exportsOf([...new Set(files)]);
const umbrella = found.get(declarations('tsyncio'));
if (umbrella === undefined) throw new Error('there is no packages/tsyncio/dist: build the packages first');
const built = pathToFileURL(path.join(root, 'packages/tsyncio/dist/index.js')).href;
const values = fromSource
  ? new Set([...umbrella].filter(([, { value }]) => value).map(([name]) => name))
  : new Set(Object.keys(await import(built)));

const problems = [];
const present = [];
const listed = new Set();

for (const row of rows) {
  for (const name of row.names) listed.add(name.split('.')[0]);
  const missing = row.names.filter((name) => !isThere(name));
  if (row.pending && missing.length === 0) {
    present.push(row);
    if (!settle) problems.push(`${row.asyncio}: ${row.here} is there by now; check.mjs --settle removes its mark`);
  }
  if (row.pending) continue;
  for (const name of missing) problems.push(`${row.asyncio}: the umbrella has no ${name}`);
  const part = found.get(declarations(row.part));
  const absent = row.names.filter((name) => part === undefined || !hasPart(part, name));
  if (absent.length > 0) problems.push(`${row.asyncio}: @tsyncio/${row.part} has no ${absent.join(', ')}`);
}

const groups = readGroups();
for (const row of rows) {
  for (const group of row.groups) if (!groups.has(group)) problems.push(`${row.here}: there are no rows ${group}`);
}
for (const name of values) {
  if (!listed.has(name) && !OURS.some((pattern) => pattern.test(name)))
    problems.push(`${name} is exported by the umbrella, and surface.txt does not know it`);
}

if (settle) {
  const marked = new Set(present.map((row) => row.line));
  const lines = readFileSync(list, 'utf8').split('\n');
  const settled = lines.map((line) => (marked.has(line) ? line.replace(/ \| pending$/, '') : line));
  writeFileSync(list, settled.join('\n'));
  console.log(`${present.length} rows are there by now`);
}
for (const problem of problems) console.log(problem);
const pending = rows.filter((row) => row.pending).length - (settle ? present.length : 0);
console.log(`${rows.length} rows, ${pending} pending, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** In the declarations; as a value also in the module; a method of a class also in its prototype. */
function isThere(name) {
  const [first, member] = name.split('.');
  const declared = umbrella.get(first);
  if (declared === undefined || (declared.value && !values.has(first))) return false;
  return member === undefined || declared.members.has(member);
}

/** A method of the loop is a function of its package, or a method of one of its classes. */
function hasPart(part, name) {
  const [first, member] = name.split('.');
  if (first !== 'EventLoop') return part.has(first);
  return part.has(member) || [...part.values()].some(({ members }) => members.has(member));
}
