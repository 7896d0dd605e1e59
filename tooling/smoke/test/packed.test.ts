import { readdirSync } from 'node:fs';
import path from 'node:path';
import { App, names, resolutions } from './support/app.js';

// What users get: all packages, installed by npm into an empty folder without the network, and used from there as an ES module, as
// CommonJS and from strict TypeScript.

jest.setTimeout(120_000);

let app: App;

beforeAll(() => {
  app = new App();
  app.install(...names);
});

afterAll(() => app.remove());

it('packs manifests without workspace versions or the source condition', () => {
  for (const name of names) {
    const { dependencies = {}, exports } = app.manifest(name);
    expect(Object.values(dependencies).filter((version) => version.startsWith('workspace:'))).toEqual([]);
    expect(JSON.stringify(exports)).not.toContain('@tsyncio/source');
  }
});

it('packs only what users need', () => {
  for (const name of names) {
    const files = readdirSync(path.join(app.folder, 'node_modules', name)).filter((file) => file !== 'node_modules');
    for (const file of files) expect(['dist', 'package.json', 'LICENSE', 'README.md', 'CHANGELOG.md']).toContain(file);
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'dist']));
  }
});

it.each(names)('%s has the same names as an ES module and as CommonJS', (name) => {
  const esm = app.node('names.mjs', `import * as x from '${name}';\nconsole.log(Object.keys(x).sort().join());\n`);
  const cjs = app.node('names.cjs', `console.log(Object.keys(require('${name}')).sort().join());\n`);
  expect(esm).not.toBe('');
  expect(cjs).toBe(esm);
});

// Bundlers rename a class that mentions itself; its name is seen in reprs and reports. DefaultSelector is another class's second name.
it.each(names)('%s has its classes under their own names', (name) => {
  const program = `
    for (const [name, value] of Object.entries(require('${name}'))) {
      const isClass = typeof value === 'function' && String(value).startsWith('class');
      if (isClass && value.name !== name && name !== 'DefaultSelector') console.log(name, 'is called', value.name);
    }`;
  expect(app.node('classes.cjs', program)).toBe('');
});

it('loads every package into one program in both forms at once', () => {
  const imports = names.map((name, i) => `import * as m${i} from '${name}';`).join('\n');
  const requires = names
    .map((name, i) => `if (require('${name}') === m${i}) throw new Error('${name} has one form only');`)
    .join('\n');
  const source = `import { createRequire } from 'node:module';\n${imports}\nconst require = createRequire(import.meta.url);\n${requires}\n`;
  app.node('both.mjs', source);
});

it('shares the running loop between both forms', () => {
  const source = `
    import { createRequire } from 'node:module';
    import { TaskLoop } from '@tsyncio/futures-tasks';
    import { getRunningLoop } from '@tsyncio/core';
    const other = createRequire(import.meta.url)('@tsyncio/core');
    const otherTasks = createRequire(import.meta.url)('@tsyncio/futures-tasks');
    const loop = new TaskLoop();
    await loop.runUntilComplete(async () => {
      await otherTasks.sleep(0.001);
      console.log(getRunningLoop() === loop, other.getRunningLoop() === loop, otherTasks.currentTask() !== null);
    });
    loop.close();
  `;
  expect(app.node('shared.mjs', source)).toBe('true true true');
});

describe.each(resolutions)('strict TypeScript, moduleResolution %s, %s', (resolution, file) => {
  it('accepts every package, declarations included', () => {
    const imports = names.map((name, i) => `import * as m${i} from '${name}';\nexport const n${i}: object = m${i};\n`);
    app.tsc([app.write(file, imports.join(''))], resolution);
  });
});
