import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import ts from 'typescript';

const root = path.resolve(__dirname, '../../..');

/** A folder in which programs can import packages of this repository, as ES modules and as CommonJS. */
export interface CompiledPackages {
  readonly folder: string;
  remove(): void;
}

/**
 * Compiles sources for programs that run outside of jest: child processes and worker threads. No build is needed, and each call has
 * a folder of its own.
 *
 * @param names - Folders of `packages/`, with all that they import.
 */
export function compilePackages(...names: readonly string[]): CompiledPackages {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsyncio-test-'));
  for (const name of names) {
    const target = path.join(folder, 'node_modules/@tsyncio', name);
    compile(name, path.join(target, 'esm'), ts.ModuleKind.ESNext, 'module');
    compile(name, path.join(target, 'cjs'), ts.ModuleKind.CommonJS, 'commonjs');
    const exports = { import: './esm/index.js', require: './cjs/index.js' };
    writeFileSync(path.join(target, 'package.json'), JSON.stringify({ name: `@tsyncio/${name}`, exports }));
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function compile(name: string, target: string, module: ts.ModuleKind, type: string): void {
  const source = path.join(root, 'packages', name, 'src');
  mkdirSync(target, { recursive: true });
  writeFileSync(path.join(target, 'package.json'), JSON.stringify({ type }));
  for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const { outputText } = ts.transpileModule(readFileSync(path.join(source, file), 'utf8'), {
      compilerOptions: { module, target: ts.ScriptTarget.ES2022, esModuleInterop: true, verbatimModuleSyntax: false },
    });
    const output = path.join(target, file.replace(/\.ts$/, '.js'));
    mkdirSync(path.dirname(output), { recursive: true });
    writeFileSync(output, outputText);
  }
}
