import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { App, names, packed, root } from './support/app.js';
import { complete, pages, snippetsOf } from './support/snippets.js';

// Every block of TypeScript in the documentation compiles against the packed packages, under strict; those that end by themselves run.

jest.setTimeout(120_000);

const snippets = pages.flatMap(snippetsOf).filter(({ skip }) => !skip);
const fileOf = (index: number): string => `snippets/s${index}.mts`;
const errors = new Map<number, string[]>();
let app: App;

beforeAll(() => {
  app = new App();
  app.install(...names);
  const declarations = path.join(packed('tsyncio').source, 'dist/index.d.ts');
  const list = app.run(process.execPath, [path.join(root, 'tooling/checks/api/exports.mjs'), declarations]);
  const exported = new Set(list.trim().split('\n'));
  const files = snippets.map((snippet, index) => app.write(fileOf(index), complete(snippet, exported)));
  try {
    app.tsc(files, 'node16', {
      noEmit: false,
      noEmitOnError: false,
      rootDir: '.',
      outDir: 'out',
      noUncheckedIndexedAccess: false,
    });
  } catch (error) {
    for (const [, index, line, message] of String(error).matchAll(/s(\d+)\.mts\((\d+),\d+\): error (.*)/g)) {
      const at = Number(index);
      errors.set(at, [...(errors.get(at) ?? []), `line ${Number(line) - 1} of the block: ${message}`]);
    }
    if (errors.size === 0) throw error;
  }
});

afterAll(() => app.remove());

test.each(snippets.map(({ place }, index) => [place, index] as const))('%s compiles', (_, index) => {
  expect(errors.get(index) ?? []).toEqual([]);
});

const running = snippets.map((snippet, index) => ({ ...snippet, index })).filter(({ run }) => run);

test.each(running)('$place runs and ends', ({ index, output }) => {
  const script = path.join(app.folder, 'out', fileOf(index).replace('.mts', '.mjs'));
  const r = spawnSync(process.execPath, [script], { encoding: 'utf8', timeout: 20_000 });
  expect(r.stderr).toBe('');
  expect(r.status).toBe(0);
  if (output !== null) expect(r.stdout).toBe(output);
});
