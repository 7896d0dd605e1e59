// Writes the table of docs/asyncio-to-tsyncio.md from surface.txt.
//   node tooling/checks/api/table.mjs           # writes
//   node tooling/checks/api/table.mjs --check   # fails if the page is not as it would be written
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import * as prettier from 'prettier';
import { readGroups, readSurface } from './surface.mjs';

const page = fileURLToPath(new URL('../../../docs/asyncio-to-tsyncio.md', import.meta.url));
const BEGIN = '<!-- begin of the table: written by tooling/checks/api/table.mjs from surface.txt -->';
const END = '<!-- end of the table -->';

const groups = readGroups();
const code = (text) => (text === '-' ? '' : /^[a-z ]+$/.test(text) ? text : `\`${text}\``);
const tests = (row) => row.groups.map((group) => `${group} (${groups.get(group) ?? '?'})`).join(', ');

/** A method of the loop has its paragraph in event-loop.md; the rest is described by the package that has it. */
function link(row) {
  const method = /^EventLoop\.(\w+)/.exec(row.names[0])?.[1];
  if (method !== undefined) return `[${method}](event-loop.md#${method.toLowerCase()})`;
  return `[README](../packages/${row.part}/README.md)`;
}

function table({ title, page: asyncioPage, rows }) {
  const head = `### ${title}\n\nasyncio: [${asyncioPage}](https://docs.python.org/3/library/${asyncioPage})\n`;
  const lines = rows.map((row) => {
    const here = row.pending ? `_not yet:_ ${code(row.here)}` : code(row.here);
    return `| ${code(row.asyncio)} | ${here} | ${row.part} | ${row.pending ? '' : link(row)} | ${tests(row)} |`;
  });
  return [
    head,
    '| asyncio | tsyncio | package | more | behaviours |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

const text = readFileSync(page, 'utf8');
const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
if (begin < 0 || end < begin) throw new Error(`docs/asyncio-to-tsyncio.md needs the lines\n${BEGIN}\n${END}`);
const tables = readSurface().map(table).join('\n\n');
const whole = `${text.slice(0, begin)}${BEGIN}\n\n${tables}\n\n${text.slice(end)}`;
const options = await prettier.resolveConfig(page);
const wanted = await prettier.format(whole, { ...options, parser: 'markdown' });
if (!process.argv.includes('--check')) writeFileSync(page, wanted);
else if (wanted !== text) {
  console.error('docs/asyncio-to-tsyncio.md is not as surface.txt says: node tooling/checks/api/table.mjs');
  process.exitCode = 1;
}
