import { defineConfig } from 'tsup';

/**
 * esbuild turns a class that mentions itself into `var Future = class _Future`, and every repr and message would say `_Future`. Inside its
 * body the class may have its own name as well.
 */
const classNames = {
  name: 'class-names',
  renderChunk(code: string) {
    return {
      code: code.replaceAll(/^var (\w+) = class _\1 [^]*?^};$/gm, (text, name: string) =>
        text.replaceAll(new RegExp(`\\b_${name}\\b`, 'g'), name),
      ),
    };
  },
};

/** How every package is built: ESM and CommonJS with declarations for both. `tsup --no-dts` leaves the declarations out. */
export function library(entry: Record<string, string> = { index: 'src/index.ts' }) {
  const several = Object.keys(entry).length > 1;
  return defineConfig((options) => ({
    entry,
    format: ['esm', 'cjs'],
    target: 'node20', // lowers `using`
    // Several entries share their modules, and with them their state. tsup's own way to split CommonJS rewrites class fields
    // wrongly; with `treeshake` rollup does it, and leaves them alone.
    splitting: several,
    treeshake: several,
    plugins: [classNames],
    shims: true, // gives ES modules a `__filename`, where they ask for it
    sourcemap: true,
    clean: options.clean !== false,
    // tsup 8 sets baseUrl, which TypeScript 6 reports as deprecated
    dts: options.dts === false ? false : { compilerOptions: { ignoreDeprecations: '6.0' } },
  }));
}
