import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { App, names } from './support/app.js';

// What it costs to have each package and to import it. Machines differ, so the bounds are generous; the figures are printed.

jest.setTimeout(120_000);

/**
 * Milliseconds of processor time to import, in a fresh process, the best of some rounds: three times what a quiet machine takes. The umbrella's own goal
 * is 60 of time.
 */
const LIMIT = { tsyncio: 240, other: 120 };
const ROUNDS = 5;

let app: App;

beforeAll(() => {
  app = new App();
  app.install(...names);
});

afterAll(() => app.remove());

const probe = `
import { readdirSync, readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
// The module loader may still be closing the files that it has read.
const isFile = (fd) => { try { return readlinkSync('/proc/self/fd/' + fd).startsWith('/'); } catch { return true; } };
const descriptors = () => process.platform === 'linux' ? readdirSync('/proc/self/fd').filter((fd) => !isFile(fd)).length : 0;
const handles = () => process.getActiveResourcesInfo().filter((name) => name !== 'TTYWrap' && name !== 'PipeWrap').length;
const [name, form] = process.argv.slice(2);
const before = [descriptors(), handles()];
const begun = process.cpuUsage();
if (form === 'esm') await import(name);
else createRequire(import.meta.url)(name);
const { user, system } = process.cpuUsage(begun);
const milliseconds = (user + system) / 1000;
const after = [descriptors(), handles()];
const native = form === 'cjs' && Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes('koffi'));
console.log(JSON.stringify({ milliseconds, descriptors: after[0] - before[0], handles: after[1] - before[1], native }));
`;

interface Cost {
  milliseconds: number;
  descriptors: number;
  handles: number;
  native: boolean;
}

function cost(name: string, form: string): Cost {
  app.write('probe.mjs', probe);
  const once = () => JSON.parse(app.run(process.execPath, [path.join(app.folder, 'probe.mjs'), name, form])) as Cost;
  const rounds = Array.from({ length: ROUNDS }, once);
  return { ...rounds[0]!, milliseconds: Math.min(...rounds.map(({ milliseconds }) => milliseconds)) };
}

function bytes(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const file = path.join(folder, entry.name);
    return sum + (entry.isDirectory() ? bytes(file) : statSync(file).size);
  }, 0);
}

const report: string[] = [];

it.each(names)('%s is imported quickly, opens no descriptor, keeps no handle and loads no native code', (name) => {
  const esm = cost(name, 'esm');
  const cjs = cost(name, 'cjs');
  const size = Math.round(bytes(path.join(app.folder, 'node_modules', name)) / 1000);
  report.push(
    `${name.padEnd(32)} ${esm.milliseconds.toFixed(1).padStart(6)} ms import ${cjs.milliseconds.toFixed(1).padStart(6)} ms require ${String(size).padStart(6)} kB installed`,
  );
  for (const { milliseconds, ...rest } of [esm, cjs]) {
    expect(rest).toEqual({ descriptors: 0, handles: 0, native: false });
    expect(milliseconds).toBeLessThan(name === 'tsyncio' ? LIMIT.tsyncio : LIMIT.other);
  }
});

afterAll(() => process.stdout.write(`\n${report.join('\n')}\n\n`));
