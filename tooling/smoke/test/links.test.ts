import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { readManifest, root } from './support/app.js';

// Every link from one page of the repository to another leads somewhere.

const folders = ['.', 'docs', 'examples', 'packages', 'tooling'];
const pages = folders
  .flatMap((folder) =>
    readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      if (entry.isDirectory()) return folder === '.' ? [] : [path.join(folder, entry.name, 'README.md')];
      return entry.name.endsWith('.md') ? [path.join(folder, entry.name)] : [];
    }),
  )
  .filter((page) => existsSync(path.join(root, page)));

/** As GitHub makes them of headings. */
function anchors(text: string): Set<string> {
  const seen = new Set<string>();
  for (const [, heading] of text.replaceAll(/^```[^]*?^```/gm, '').matchAll(/^#+ (.*)$/gm)) {
    const slug = heading!
      .toLowerCase()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-');
    let name = slug;
    for (let n = 1; seen.has(name); n++) name = `${slug}-${n}`;
    seen.add(name);
  }
  return seen;
}

test.each(pages)('%s', (page) => {
  const text = readFileSync(path.join(root, page), 'utf8');
  const broken: string[] = [];
  for (const [, target] of text.replaceAll(/^```[^]*?^```/gm, '').matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^(https?|mailto):/.test(target!)) continue;
    const [file = '', anchor] = target!.split('#');
    const at = file === '' ? path.join(root, page) : path.join(root, path.dirname(page), file);
    if (!existsSync(at)) broken.push(target!);
    else if (anchor !== undefined && !anchors(readFileSync(at, 'utf8')).has(anchor)) broken.push(target!);
  }
  expect(broken).toEqual([]);
});

test('every command of package.json is in CONTRIBUTING.md or is a step of one', () => {
  const steps = ['build', 'typecheck', 'lint', 'lint:root', 'format:check', 'depcruise', 'knip', 'docs:site', 'size'];
  const text = readFileSync(path.join(root, 'CONTRIBUTING.md'), 'utf8');
  const missing = Object.keys(readManifest(root).scripts ?? {}).filter(
    (name) => !steps.includes(name) && !new RegExp(`npm (run )?${name}\\b`).test(text),
  );
  expect(missing).toEqual([]);
});
