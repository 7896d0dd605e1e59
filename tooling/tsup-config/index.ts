import { defineConfig } from 'tsup';

/** How every package is built: ESM and CommonJS with declarations for both. `tsup --no-dts` leaves the declarations out. */
export function library(entry: Record<string, string> = { index: 'src/index.ts' }) {
  return defineConfig((options) => ({
    entry,
    format: ['esm', 'cjs'],
    target: 'node20', // lowers `using`
    splitting: true, // two entries of a package share their state
    sourcemap: true,
    clean: options.clean !== false,
    // tsup 8 sets baseUrl, which TypeScript 6 reports as deprecated
    dts: options.dts === false ? false : { compilerOptions: { ignoreDeprecations: '6.0' } },
  }));
}
