import { compilePackages, type CompiledPackages } from '@tsyncio/test-support';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** {@link compilePackages} with what `socket` has more than others: a second entry, and koffi. */
export function compileWithNative(...names: readonly string[]): CompiledPackages {
  const compiled = compilePackages('core', 'futures-tasks', 'socket', ...names);
  const modules = path.join(compiled.folder, 'node_modules');
  symlinkSync(path.resolve(__dirname, '../../../socket/node_modules/koffi'), path.join(modules, 'koffi'));
  const file = path.join(modules, '@tsyncio/socket/package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as { exports: object };
  const native = { import: './esm/native/index.js', require: './cjs/native/index.js' };
  writeFileSync(file, JSON.stringify({ ...manifest, exports: { '.': manifest.exports, './native': native } }));
  return compiled;
}
