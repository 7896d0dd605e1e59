// The entry point of `npm start`, `npm test`, `npm run check` and `npm run docs`. It needs nothing but Node and npm: a fresh clone is set up on
// the way, and a second run finds everything in place.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const at = (...parts) => path.join(root, ...parts);
const cache = at('node_modules', '.cache', 'tsyncio');
const summaries = at('.turbo', 'runs');
const env = {
  ...process.env,
  PATH: at('node_modules', '.bin') + path.delimiter + process.env.PATH,
  TURBO_TELEMETRY_DISABLED: '1',
  TURBO_NO_UPDATE_NOTIFIER: '1',
  DO_NOT_TRACK: '1',
  NODE_VERSION_MAJOR: process.versions.node.split('.')[0], // turbo's hash does not hold the Node version
};

const options = { cwd: root, env, stdio: 'inherit', shell: process.platform === 'win32' };

/** Every task of turbo that `check` runs; the smoke test of the packed packages follows them. */
const checks = ['build', 'typecheck', 'lint', 'publint', 'attw'];
const rootChecks = ['//#lint:root', '//#format:check', '//#depcruise', '//#knip', '//#docs:site', '//#size'];

const args = process.argv.slice(3);
const commands = { start, test, check, docs, report };
const command = commands[process.argv[2] ?? ''];
if (command === undefined) {
  console.error(`usage: node tooling/run/run.mjs ${Object.keys(commands).join(' | ')}`);
  process.exitCode = 2;
} else {
  await command();
}

/** Builds the examples and what they use (JavaScript only), then runs the one that is named, or the tour, with the arguments given. */
async function start() {
  bootstrap();
  const named = /^[\w-]+$/.test(args[0] ?? '') && existsSync(at('examples', args[0], 'main.ts'));
  const tour = at('examples', 'dist', `${named ? args.shift() : 'tour'}.js`);
  if (!existsSync(tour)) console.log('Building the packages (the first time only) ...');
  const built = spawnSync('turbo', ['run', 'build:js', '--filter=examples...', '--output-logs=errors-only'], {
    ...options,
    stdio: 'pipe',
  });
  if (built.status !== 0) {
    process.stderr.write(`${built.stdout}${built.stderr}`);
    process.exit(1);
  }
  const child = spawn(process.execPath, [tour, ...args], {
    cwd: root,
    env,
    stdio: 'inherit',
  });
  // Ctrl+C reaches the tour by itself; we only outlive it, so that the terminal comes back after its last line.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
  child.on('close', (status) => (process.exitCode = status ?? 1));
}

/** One jest over all packages. */
function test() {
  bootstrap();
  finish('test', jest('test', ...args));
}

/** All that is not a unit test. Each check of each package counts as one, and so does each smoke test. */
function check() {
  bootstrap();
  const total = tasks(
    ...checks,
    ...rootChecks,
    '--continue',
    '--output-logs=errors-only',
    '--log-order=grouped',
    ...args,
  );
  add(total, jest('smoke', '--config', at('tooling', 'smoke', 'jest.config.mjs')));
  finish('check', total);
}

/** Makes the site of the documentation, into site/. */
function docs() {
  bootstrap();
  process.exitCode = run(process.execPath, at('tooling', 'docs', 'site.mjs'), ...args);
}

/** Runs tasks of turbo and counts them by the summary that turbo leaves. */
function tasks(...parameters) {
  rmSync(summaries, { recursive: true, force: true });
  const status = run('turbo', 'run', ...parameters, '--summarize');
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of existsSync(summaries) ? readdirSync(summaries) : []) {
    for (const { execution } of JSON.parse(readFileSync(path.join(summaries, file), 'utf8')).tasks) {
      if (execution?.exitCode === 0) counts.passed += 1;
      else if (execution !== undefined) counts.failed += 1;
    }
  }
  if (counts.failed === 0 && (status !== 0 || counts.passed === 0)) counts.failed = 1; // crashed, or ran nothing
  return counts;
}

/** The sum of the last `test`, the last `check` and the last `test:wine`, for CI. */
function report() {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const name of ['test', 'check', 'wine']) {
    const file = path.join(cache, `${name}.json`);
    add(total, existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { passed: 0, failed: 1, skipped: 0 });
  }
  print(total);
}

/** Installs the locked dependencies with the pinned pnpm unless that is already done for this platform and lockfile. */
function bootstrap() {
  if (env.TSYNCIO_NO_BOOTSTRAP) return;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`tsyncio needs Node 20.19 or later; this is ${process.version}`);
    process.exit(1);
  }
  const stamp = at('node_modules', '.installed');
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${process.versions.modules}`);
  for (const file of ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(readFileSync(at(file)));
  const want = hash.digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === want) return;
  const pnpm = JSON.parse(readFileSync(at('package.json'), 'utf8')).packageManager.split('+')[0];
  const status = run('npx', '--yes', '--prefer-offline', pnpm, 'install', '--frozen-lockfile', '--prefer-offline');
  if (status !== 0) process.exit(status);
  writeFileSync(stamp, want);
}

/** Runs jest and gives its true counts: a crash, or no test at all, is a failure. */
function jest(name, ...options) {
  const results = path.join(cache, `jest-${name}.json`);
  mkdirSync(cache, { recursive: true });
  rmSync(results, { force: true });
  const status = run('jest', '--json', `--outputFile=${results}`, ...options);
  const r = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : undefined;
  const passed = r?.numPassedTests ?? 0;
  const skipped = r ? r.numPendingTests + r.numTodoTests : 0;
  let failed = r ? r.numFailedTests + r.numRuntimeErrorTestSuites : 0;
  if (failed === 0 && (status !== 0 || passed === 0)) failed = 1;
  return { passed, failed, skipped };
}

function finish(name, counts) {
  mkdirSync(cache, { recursive: true });
  writeFileSync(path.join(cache, `${name}.json`), JSON.stringify(counts));
  print(counts);
}

function print({ passed, failed, skipped }) {
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed === 0 ? 0 : 1;
}

function add(total, counts) {
  for (const key of Object.keys(total)) total[key] += counts[key];
}

function run(file, ...parameters) {
  const r = spawnSync(file, parameters, options);
  if (r.error) console.error(r.error.message);
  return r.status ?? 1; // an end by a signal is a failure
}
