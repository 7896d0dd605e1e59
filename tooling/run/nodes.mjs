// Runs all tests on other versions of Node, which come as packages of the registry:
//   npm run test:nodes                 # 22, 24 and 26
//   npm run test:nodes -- 20 24.1.0
// One line for each version; the whole output is kept beside the binary.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, closeSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const platform = process.platform === 'win32' ? 'win' : process.platform;
const packageName = `node-${platform}-${process.arch}`;
const versions = process.argv.length > 2 ? process.argv.slice(2) : ['22', '24', '26'];

for (const version of versions) {
  const folder = path.join(root, 'node_modules/.cache/tsyncio', `${packageName}-${version}`);
  const bin = path.join(folder, 'node_modules', packageName, 'bin');
  const binary = path.join(bin, platform === 'win' ? 'node.exe' : 'node');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(binary)) {
    const options = ['--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts', '--loglevel=error'];
    const r = spawnSync('npm', ['install', '--prefix', folder, ...options, `${packageName}@${version}`], {
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: process.platform === 'win32',
    });
    if (r.status !== 0 || !existsSync(binary)) {
      report(`Node ${version}: could not be fetched`);
      continue;
    }
  }
  const log = path.join(folder, 'test.log');
  const out = openSync(log, 'w');
  const began = process.hrtime.bigint();
  const r = spawnSync(binary, [path.join(root, 'tooling/run/run.mjs'), 'test'], {
    cwd: root,
    env: { ...process.env, PATH: bin + path.delimiter + process.env.PATH, TSYNCIO_NO_BOOTSTRAP: '1' },
    stdio: ['ignore', out, out],
  });
  closeSync(out);
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const exact = spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.trim();
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  const line = `Node ${exact}: ${lines.at(-1)} (${seconds.toFixed(1)} s)`;
  if (r.status === 0) console.log(line);
  else {
    console.log(lines.slice(-200, -1).join('\n'));
    report(`${line}; all of it: ${path.relative(root, log)}`);
  }
}

function report(line) {
  console.log(line);
  process.exitCode = 1;
}
