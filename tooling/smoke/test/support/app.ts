import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const root = path.resolve(__dirname, '../../../..');

export interface Manifest {
  name: string;
  version: string;
  type?: string;
  engines?: Record<string, string>;
  files?: string[];
  sideEffects?: boolean | string[];
  repository?: { url: string; directory?: string };
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  scripts?: Record<string, string>;
  exports: Record<string, unknown>;
  publishConfig?: Record<string, unknown>;
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** What pack.mjs has left. */
const { packages, borrowed } = JSON.parse(
  readFileSync(path.join(process.env['TSYNCIO_PACKED']!, 'packed.json'), 'utf8'),
) as { packages: { name: string; source: string; tarball: string }[]; borrowed: Record<string, string[]> };

/** Of every package, sorted. */
export const names = packages.map(({ name }) => name);

export function packed(name: string): { name: string; source: string; tarball: string } {
  const found = packages.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no package ${name}`);
  return found;
}

/** The package and all that it depends on, as npm would install them. */
function closure(name: string, into = new Set<string>()): Set<string> {
  if (into.has(name)) return into;
  into.add(name);
  if (names.includes(name))
    for (const other of Object.keys(readManifest(packed(name).source).dependencies ?? {})) closure(other, into);
  return into;
}

/** A program's folder, empty at first: what a user has. */
export class App {
  readonly folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'tsyncio-app-')));

  constructor() {
    this.write('package.json', '{ "name": "app", "version": "1.0.0", "private": true }');
  }

  /** Installs packages with npm, from the tarballs and without the network. */
  install(...wanted: string[]): void {
    const all = new Set(wanted.flatMap((name) => [...closure(name)]));
    const sources = [...all].flatMap((name) => borrowed[name] ?? [packed(name).tarball]);
    this.npmInstall(...sources);
  }

  npmInstall(...sources: string[]): void {
    const quiet = ['--offline', '--install-links', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
    this.run('npm', ['install', ...quiet, ...sources]);
  }

  has(name: string): boolean {
    return existsSync(path.join(this.folder, 'node_modules', name));
  }

  manifest(name: string): Manifest {
    return readManifest(path.join(this.folder, 'node_modules', name));
  }

  write(file: string, text: string): string {
    mkdirSync(path.dirname(path.join(this.folder, file)), { recursive: true });
    writeFileSync(path.join(this.folder, file), text);
    return file;
  }

  run(program: string, args: string[], cwd = this.folder): string {
    const r = spawnSync(program, args, { cwd, encoding: 'utf8', shell: process.platform === 'win32' });
    if (r.status !== 0)
      throw new Error(`${program} ${args.join(' ')} ended with ${r.status ?? r.signal}:\n${r.stdout}${r.stderr}`);
    return r.stdout;
  }

  /** Runs a program of the app from another folder: what a package loads, it must find from its own place. */
  node(file: string, text: string): string {
    this.write(file, text);
    return this.run(process.execPath, [path.join(this.folder, file)], tmpdir()).trim();
  }

  /** Compiles files under `strict`, declarations of the packages included. */
  tsc(files: string[], resolution: 'node16' | 'bundler', more: Record<string, unknown> = {}): void {
    const types = path.join(this.folder, 'node_modules/@types');
    if (!existsSync(path.join(types, 'node'))) {
      mkdirSync(types, { recursive: true });
      symlinkSync(realpathSync(path.join(root, 'node_modules/@types/node')), path.join(types, 'node'), 'junction');
    }
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
      target: 'ES2022',
      lib: ['ES2022', 'ESNext.Disposable'],
      module: resolution === 'bundler' ? 'ESNext' : resolution,
      moduleResolution: resolution,
      types: ['node'],
      skipLibCheck: false,
      ...more,
    };
    this.write('tsconfig.json', JSON.stringify({ compilerOptions, files }));
    this.run(path.join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.json']);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const resolutions = [
  ['node16', 'consumer.mts'],
  ['node16', 'consumer.cts'],
  ['bundler', 'consumer.ts'],
] as const;
