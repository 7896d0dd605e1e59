import { readFileSync, readdirSync } from 'node:fs';

/**
 * @typedef {object} Row - one line of surface.txt
 * @property {string} line - as it stands there
 * @property {string} asyncio - asyncio's name, or `-`
 * @property {string} here - how it is written here
 * @property {string[]} names - what the umbrella must export: `run`, `Server.close`
 * @property {string} part - the package that has it
 * @property {string[]} groups - of the rows of behaviours/ that tests prove
 * @property {boolean} pending - its package does not have it yet
 */

/** The sections of a list like surface.txt. */
export function readSurface(file = new URL('surface.txt', import.meta.url)) {
  const sections = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('## ')) {
      const [title, page] = line.slice(3).split(' | ');
      sections.push({ title, page, rows: [] });
    } else if (line !== '' && !line.startsWith('# ')) sections.at(-1).rows.push(readRow(line));
  }
  return sections;
}

/** @returns {Row} */
function readRow(line) {
  const [asyncio, second, part, groups, mark, ...rest] = line.split(' | ');
  if (groups === undefined || rest.length > 0 || (mark !== undefined && mark !== 'pending'))
    throw new Error(`surface.txt: not a row: ${line}`);
  const [here, named] = second.split(' names: ');
  const names = named?.split(', ') ?? [/^[\w.]+/.exec(here)[0].replace(/^loop\./, 'EventLoop.')];
  const ids = groups === '-' ? [] : groups.split(', ');
  return { line, asyncio, here, names, part, groups: ids, pending: mark === 'pending' };
}

/** How many documented behaviours of asyncio each group has: `FUT-CB` -> 9. */
export function readGroups() {
  const folder = new URL('../behaviours/', import.meta.url);
  const groups = new Map();
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    for (const line of readFileSync(new URL(file, folder), 'utf8').trim().split('\n')) {
      const group = line.replace(/-\d+ .*/, '');
      groups.set(group, (groups.get(group) ?? 0) + 1);
    }
  }
  return groups;
}
