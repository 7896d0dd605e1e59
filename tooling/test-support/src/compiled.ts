import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import ts from 'typescript';

const root = path.resolve(__dirname, '../../..');
const cache = path.join(root, 'node_modules/.cache/tsyncio/compiled');

/** A folder in which programs can import packages of this repository, as ES modules and as CommonJS. */
export interface CompiledPackages {
  readonly folder: string;
  remove(): void;
}

/**
 * Compiles sources for programs that run outside of jest: child processes and worker threads. No build is needed, and each call has
 * a folder of its own. What has not changed is compiled once.
 *
 * @param names - Folders of `packages/`, with all that they import.
 */
export function compilePackages(...names: readonly string[]): CompiledPackages {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsyncio-test-'));
  for (const name of names) {
    cpSync(compiled(name), path.join(folder, 'node_modules/@tsyncio', name), { recursive: true });
    for (const dependency of foreignDependencies(name)) {
      const installed = path.join(root, 'packages', name, 'node_modules', dependency);
      const target = path.join(folder, 'node_modules', dependency);
      if (process.platform === 'win32') cpSync(installed, target, { recursive: true, dereference: true });
      else symlinkSync(installed, target);
    }
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** What it uses from elsewhere: koffi, the pool library. */
function foreignDependencies(name: string): string[] {
  const text = readFileSync(path.join(root, 'packages', name, 'package.json'), 'utf8');
  const { dependencies = {} } = JSON.parse(text) as { dependencies?: Record<string, string> };
  return Object.keys(dependencies).filter((dependency) => !dependency.startsWith('@tsyncio/'));
}

/** The folder with the compiled package. */
function compiled(name: string): string {
  const sources = readSources(name);
  const hash = createHash('sha256').update(ts.version).update(readFileSync(__filename));
  for (const [file, text] of sources) hash.update(`${file}\0${text}\0`);
  const target = path.join(cache, `${name}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(target)) return target;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(path.join(cache, 'work-'));
  compile(sources, path.join(work, 'esm'), ts.ModuleKind.ESNext, 'module');
  compile(sources, path.join(work, 'cjs'), ts.ModuleKind.CommonJS, 'commonjs');
  const exports: Record<string, object> = { '.': { import: './esm/index.js', require: './cjs/index.js' } };
  if (name === 'socket') exports['./native'] = { import: './esm/native/index.js', require: './cjs/native/index.js' };
  writeFileSync(path.join(work, 'package.json'), JSON.stringify({ name: `@tsyncio/${name}`, exports }));
  try {
    renameSync(work, target);
  } catch {
    rmSync(work, { recursive: true, force: true }); // another worker of jest was faster
  }
  return target;
}

function readSources(name: string): Map<string, string> {
  const folder = path.join(root, 'packages', name, 'src');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return new Map(files.sort().map((file) => [file, readFileSync(path.join(folder, file), 'utf8')]));
}

function compile(sources: ReadonlyMap<string, string>, target: string, module: ts.ModuleKind, type: string): void {
  mkdirSync(target, { recursive: true });
  writeFileSync(path.join(target, 'package.json'), JSON.stringify({ type }));
  for (const [file, text] of sources) {
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { module, target: ts.ScriptTarget.ES2022, esModuleInterop: true },
    });
    const output = path.join(target, file.replace(/\.ts$/, '.js'));
    mkdirSync(path.dirname(output), { recursive: true });
    writeFileSync(output, outputText);
  }
}
