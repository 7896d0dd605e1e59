import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

jest.setTimeout(60_000);
const root = path.resolve(__dirname, '../../..');
const trees: string[] = [];

afterAll(() => {
  for (const tree of trees) rmSync(tree, { recursive: true, force: true });
});

/** Runs the rules over a tree; the keys are files, `packages/<name>/src/...`. */
function cruise(tree: string) {
  const program = path.join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const config = path.join(root, 'tooling/checks/depcruise.config.mjs');
  const r = spawnSync(process.execPath, [program, '--config', config, '--output-type', 'err-long', 'packages'], {
    cwd: tree,
    encoding: 'utf8',
  });
  // The reporter breaks its lines at 80 characters.
  return { status: r.status, output: `${r.stdout}${r.stderr}`.replace(/\s+/g, ' ') };
}

function plant(files: Record<string, string>): string {
  const tree = mkdtempSync(path.join(tmpdir(), 'tsyncio-layers-'));
  trees.push(tree);
  const names = new Set(Object.keys(files).map((file) => file.split('/')[1] ?? ''));
  writeFileSync(path.join(tree, 'package.json'), '{ "name": "tree", "private": true, "type": "module" }');
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
    writeFileSync(path.join(tree, file), text);
  }
  for (const name of names) {
    const folder = path.join(tree, 'packages', name);
    const siblings = path.join(folder, 'node_modules/@tsyncio');
    mkdirSync(siblings, { recursive: true });
    for (const other of names) symlinkSync(path.join(tree, 'packages', other), path.join(siblings, other), 'junction');
    const dependencies = Object.fromEntries([...names].map((other) => [`@tsyncio/${other}`, 'workspace:^']));
    const exports = { '.': { '@tsyncio/source': './src/index.ts', import: './dist/index.js' } };
    const manifest = { name: `@tsyncio/${name}`, type: 'module', exports, dependencies };
    writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
  }
  return tree;
}

const good = {
  'packages/core/src/index.ts': "export { a } from './a.js';\n",
  'packages/core/src/a.ts': "import { type B } from './b.js';\nexport const a = (b: B): number => b.value;\n",
  'packages/core/src/b.ts':
    "import { a } from './a.js';\nexport interface B { value: number }\nexport const b = a({ value: 1 });\n",
  'packages/futures-tasks/src/index.ts': "import { a } from '@tsyncio/core';\nexport const f = a({ value: 2 });\n",
  'packages/socket/src/index.ts':
    "import { f } from '@tsyncio/futures-tasks';\nimport { a } from '@tsyncio/core';\nexport const s = [f, a];\n",
};

const sins = {
  'packages/futures-tasks/src/up.ts': "import { s } from '@tsyncio/socket';\nexport const up = s;\n",
  'packages/core/src/up.ts': "import type { f } from '@tsyncio/futures-tasks';\nexport type Up = typeof f;\n",
  'packages/policy/src/index.ts': "import { e } from '@tsyncio/executors';\nexport const p = e;\n",
  'packages/executors/src/index.ts': 'export const e = 1;\n',
  'packages/core/src/c.ts': "import { d } from './d.js';\nexport const c = (): number => d();\n",
  'packages/core/src/d.ts': "import { c } from './c.js';\nexport const d = (): number => c();\n",
  'packages/socket/src/reach.ts': "import { a } from '../../core/src/a.js';\nexport const r = a;\n",
  'packages/attic/src/index.ts': 'export const x = 1;\n',
  'packages/socket/src/attic.ts': "import { x } from '@tsyncio/attic';\nexport const z = x;\n",
  'packages/socket/src/undeclared.ts': "import y from 'no-such-package';\nexport const u = y;\n",
};

it('the rules accept imports of lower layers, and circles of types alone', () => {
  expect(cruise(plant(good))).toMatchObject({
    status: 0,
    output: expect.stringContaining('no dependency violations found'),
  });
});

describe('the rules refuse', () => {
  let found: ReturnType<typeof cruise>;
  beforeAll(() => {
    found = cruise(plant({ ...good, ...sins }));
  });

  it('with an exit code', () => expect(found.status).not.toBe(0));

  it('an upward import, and say what the package may import', () => {
    expect(found.output).toContain(
      'layer-of-futures-tasks: packages/futures-tasks/src/up.ts → packages/socket/src/index.ts',
    );
    expect(found.output).toContain('futures-tasks may import core;');
  });

  it('an upward import of types as well', () => {
    expect(found.output).toContain('layer-of-core: packages/core/src/up.ts → packages/futures-tasks/src/index.ts');
    expect(found.output).toContain('core may import no package of this repository;');
  });

  it('an import between two packages of one row', () => {
    expect(found.output).toContain('layer-of-policy: packages/policy/src/index.ts → packages/executors/src/index.ts');
    expect(found.output).toContain('policy may import core, futures-tasks;');
  });

  it('modules that import each other, but not circles of types', () => {
    expect(found.output).toContain('no-circle: packages/core/src/c.ts');
    expect(found.output).not.toContain('no-circle: packages/core/src/a.ts');
    expect(found.output).not.toContain('no-circle: packages/core/src/b.ts');
  });

  it('reaching into a sibling by path', () => {
    expect(found.output).toContain('no-reaching-into-a-sibling: packages/socket/src/reach.ts');
  });

  it('a package without a row', () => {
    expect(found.output).toContain('layer-unknown: packages/socket/src/attic.ts');
  });

  it('an import of what is not declared', () => {
    expect(found.output).toContain('no-undeclared-import: packages/socket/src/undeclared.ts');
  });
});

it('this repository keeps its layers', () => {
  expect(cruise(root)).toMatchObject({ status: 0, output: expect.stringContaining('no dependency violations found') });
});
