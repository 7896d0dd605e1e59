// Starts the command line (src/cli.ts): bundles it together with the sources of @tsyncio/*, so that no build is needed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

const here = fileURLToPath(new URL('.', import.meta.url));
const out = mkdtempSync(path.join(tmpdir(), 'tsyncio-oracle-'));
try {
  await build({
    entry: [path.join(here, 'src/cli.ts')],
    outDir: out,
    format: ['esm'],
    target: 'node20',
    config: false,
    silent: true,
    sourcemap: 'inline',
    noExternal: [/^@tsyncio\//],
    outExtension: () => ({ js: '.mjs' }),
    esbuildOptions(options) {
      options.conditions = ['@tsyncio/source'];
    },
  });
  const args = ['--enable-source-maps', path.join(out, 'cli.mjs'), ...process.argv.slice(2)];
  const { status } = spawnSync(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, ORACLE_FOLDER: here },
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
