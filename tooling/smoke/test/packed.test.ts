import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

// What users get: every package is packed, installed by npm into an empty folder without the network, and used from there as an
// ES module, as CommonJS and from strict TypeScript. Needs a build.

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  scripts?: Record<string, string>;
  exports: Record<string, unknown>;
}

jest.setTimeout(180_000); // the packing of all packages is one hook

const root = path.resolve(__dirname, '../../..');
const app = mkdtempSync(path.join(tmpdir(), 'tsyncio-smoke-'));
const readManifest = (folder: string) =>
  JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;

const packages = readdirSync(path.join(root, 'packages'))
  .map((name) => path.join(root, 'packages', name))
  .filter((folder) => existsSync(path.join(folder, 'src/index.ts')))
  .map((folder) => ({ folder, manifest: readManifest(folder) }));
const names = packages.map(({ manifest }) => manifest.name);

function run(program: string, args: string[], cwd = app): string {
  const r = spawnSync(program, args, { cwd, encoding: 'utf8', shell: process.platform === 'win32' });
  if (r.status !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${r.status ?? r.signal}:\n${r.stdout}${r.stderr}`);
  return r.stdout;
}

function write(file: string, text: string): string {
  writeFileSync(path.join(app, file), text);
  return file;
}

/** Copies a dependency out of the workspace's own store, so that npm need not ask the network for it. */
function borrow(folder: string, into: string): string {
  cpSync(folder, into, {
    recursive: true,
    dereference: true,
    filter: (file) => !file.slice(folder.length).includes('node_modules'),
  });
  const manifest = readManifest(into);
  delete manifest.scripts;
  for (const name of Object.keys(manifest.optionalDependencies ?? {})) {
    if (!existsSync(path.join(folder, '..', name))) delete manifest.optionalDependencies?.[name];
  }
  writeFileSync(path.join(into, 'package.json'), JSON.stringify(manifest));
  return into;
}

beforeAll(() => {
  const tarballs = packages.map(({ folder, manifest }) => {
    const before = new Set(readdirSync(app));
    run(path.join(root, 'node_modules/.bin/pnpm'), ['pack', '--pack-destination', app], folder);
    const tarball = readdirSync(app).find((file) => !before.has(file));
    if (tarball === undefined) throw new Error(`${manifest.name} was not packed`);
    return `./${tarball}`;
  });

  const borrowed: string[] = [];
  const koffi = path.join(root, 'packages/socket/node_modules/koffi');
  if (names.includes('@tsyncio/socket')) {
    const real = realpathSync(koffi);
    borrowed.push(borrow(real, path.join(app, 'borrowed/koffi')));
    const scope = path.join(real, '..', '@koromix');
    for (const name of readdirSync(scope))
      borrowed.push(borrow(realpathSync(path.join(scope, name)), path.join(app, 'borrowed', name)));
  }

  write('package.json', '{ "name": "app", "private": true }');
  run('npm', [
    'install',
    '--offline',
    '--install-links',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    ...tarballs,
    ...borrowed,
  ]);
  mkdirSync(path.join(app, 'node_modules/@types'), { recursive: true });
  symlinkSync(
    realpathSync(path.join(root, 'node_modules/@types/node')),
    path.join(app, 'node_modules/@types/node'),
    'junction',
  );
});

afterAll(() => rmSync(app, { recursive: true, force: true }));

it('packs manifests without workspace versions or the source condition', () => {
  for (const name of names) {
    const { dependencies = {}, exports } = readManifest(path.join(app, 'node_modules', name));
    expect(Object.values(dependencies).filter((version) => version.startsWith('workspace:'))).toEqual([]);
    expect(JSON.stringify(exports)).not.toContain('@tsyncio/source');
  }
});

it('packs only what users need', () => {
  for (const name of names) {
    const files = readdirSync(path.join(app, 'node_modules', name)).filter((file) => file !== 'node_modules');
    for (const file of files) expect(['dist', 'package.json', 'LICENSE', 'README.md', 'CHANGELOG.md']).toContain(file);
    expect(files).toContain('LICENSE');
  }
});

/** Runs a program of the app from another folder: what a package loads, it must find from its own place. */
function node(file: string, text: string): string {
  write(file, text);
  return run(process.execPath, [path.join(app, file)], tmpdir()).trim();
}

it.each(names)('%s has the same names as an ES module and as CommonJS', (name) => {
  const esm = node('names.mjs', `import * as x from '${name}';\nconsole.log(Object.keys(x).sort().join());\n`);
  const cjs = node('names.cjs', `console.log(Object.keys(require('${name}')).sort().join());\n`);
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
  expect(node('classes.cjs', program)).toBe('');
});

it('loads every package into one program in both forms at once', () => {
  const imports = names.map((name, i) => `import * as m${i} from '${name}';`).join('\n');
  const requires = names
    .map((name, i) => `if (require('${name}') === m${i}) throw new Error('${name} has one form only');`)
    .join('\n');
  const source = `import { createRequire } from 'node:module';\n${imports}\nconst require = createRequire(import.meta.url);\n${requires}\n`;
  node('both.mjs', source);
});

(names.includes('@tsyncio/socket') && process.platform === 'linux' ? it : it.skip)(
  'reaches system calls in both forms',
  () => {
    const use = `
    const [a, b] = socketpair();
    a.send(Buffer.from('over the wire'));
    console.log(String(b.recv(100)));
    a.close();
    b.close();
  `;
    expect(node('native.mjs', `import { socketpair } from '@tsyncio/socket';${use}`)).toBe('over the wire');
    expect(node('native.cjs', `const { socketpair } = require('@tsyncio/socket');${use}`)).toBe('over the wire');
  },
);

(names.includes('@tsyncio/futures-tasks') ? it : it.skip)('shares the running loop between both forms', () => {
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
  expect(node('shared.mjs', source)).toBe('true true true');
});

(names.includes('tsyncio') && process.platform === 'linux' ? describe : describe.skip)('the umbrella', () => {
  const echo = `
    async function main() {
      const loop = getRunningLoop();
      const server = await loop.createServer(
        () => {
          let transport;
          return { connectionMade: (t) => void (transport = t), dataReceived: (data) => transport.write(data) };
        },
        '127.0.0.1',
        0,
      );
      const answer = loop.createFuture();
      const [, port] = server.sockets[0].getsockname();
      const [transport] = await loop.createConnection(() => ({ dataReceived: (data) => answer.setResult(String(data)) }), '127.0.0.1', port);
      transport.write(Buffer.from('hello'));
      console.log(await answer);
      transport.close();
      server.close();
      await server.waitClosed();
    }
    run(main);
  `;

  it('echoes over TCP as an ES module', () => {
    expect(node('echo.mjs', `import { getRunningLoop, run } from 'tsyncio';${echo}`)).toBe('hello');
  });

  it('echoes over TCP as CommonJS', () => {
    expect(node('echo.cjs', `const { getRunningLoop, run } = require('tsyncio');${echo}`)).toBe('hello');
  });
});

describe.each([
  ['node16', 'consumer.mts'],
  ['node16', 'consumer.cts'],
  ['bundler', 'consumer.ts'],
])('strict TypeScript, moduleResolution %s, %s', (resolution, file) => {
  it('accepts every package, declarations included', () => {
    const imports = names
      .map((name, i) => `import * as m${i} from '${name}';\nexport const n${i}: object = m${i};\n`)
      .join('');
    write(file, imports);
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      target: 'ES2022',
      lib: ['ES2022', 'ESNext.Disposable'],
      module: resolution === 'bundler' ? 'ESNext' : resolution,
      moduleResolution: resolution,
      types: ['node'],
      skipLibCheck: false,
    };
    write('tsconfig.json', JSON.stringify({ compilerOptions, files: [file] }));
    run(path.join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.json']);
  });
});
