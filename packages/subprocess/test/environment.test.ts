/**
 * Where `process.env` is this process' environment itself, which the test runner's is not: in programs of their own.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { compilePackages, type CompiledPackages, leakAudit } from '@tsyncio/test-support';

import { childAudit } from './support/processes.js';

leakAudit();
childAudit();

const prelude = `
  import { TaskLoop } from '@tsyncio/futures-tasks';
  import { SelectorIo } from '@tsyncio/selector-io';
  import { subprocessExec } from '@tsyncio/subprocess';
  const loop = new TaskLoop({ backend: new SelectorIo() });
  const output = async (program, args = [], options = {}) => {
    const ended = loop.createFuture();
    let text = '';
    await subprocessExec(loop, () => ({
      pipeDataReceived(fd, data) { text += data.toString('latin1'); },
      connectionLost() { ended.setResult(); },
    }), program, args, { stdin: null, stderr: null, ...options });
    await ended;
    return text;
  };
  const told = async (program, options) => {
    try { return await output(program, [], options); } catch (error) { return error.code + ' ' + error.path; }
  };
`;

let packages: CompiledPackages;
let folder: string;
beforeAll(() => {
  packages = compilePackages(
    'core',
    'futures-tasks',
    'socket',
    'selector-io',
    'transports-protocols',
    'subprocess',
    'streams',
    'server',
  );
  folder = mkdtempSync(join(tmpdir(), 'tsyncio-path-'));
  const tool = (place: string, name: string, content: string, mode: number): void => {
    mkdirSync(join(folder, place), { recursive: true });
    writeFileSync(join(folder, place, name), content);
    chmodSync(join(folder, place, name), mode);
  };
  tool('denied', 'tool', '', 0o644);
  tool('unknown', 'tool', 'no format that a system runs', 0o755);
  tool('good', 'tool', '#!/bin/sh\necho good', 0o755);
});
afterAll(() => {
  packages.remove();
  rmSync(folder, { recursive: true });
});

/** Writes a program that runs `body` in a loop. @returns its file. */
function program(name: string, body: string): string {
  const file = join(packages.folder, name);
  writeFileSync(file, `${prelude} await loop.runUntilComplete(async () => { ${body} }); loop.close();`);
  return file;
}

/** What a program prints, as lines. It is started with a variable that is not UTF-8. */
function linesOf(body: string): string[] {
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', 'RAW=$(printf "a\\377b") exec "$@"', 'sh', process.execPath, program('program.mjs', body)],
    { cwd: packages.folder, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' }, timeout: 20_000 },
  );
  expect(stderr).toBe('');
  return stdout.trim().split('\n');
}

test('SUBPROC-21 the environment of the process: its bytes as they are, and what it is at this moment', () => {
  const lines = linesOf(`
    const show = async (...args) => console.log(JSON.stringify((await output('printenv', args)).trim()));
    await show('RAW');
    process.env.LATER = 'one';
    await show('LATER');
    for (let i = 0; i < 100; i++) process.env['MORE_' + i] = 'x'.repeat(i); // moves what libc has
    process.env.LATER = 'two';
    await show('LATER', 'MORE_3');
    delete process.env.LATER;
    await show('LATER');
    console.log(Object.keys(process.env).filter((name) => name.startsWith('TSYNCIO_PROBE')).length);
  `);
  expect(lines).toEqual(['"a\xffb"', '"one"', '"two\\nxxx"', '""', '0']);
});

test('SUBPROC-21 a process.env that the program has replaced is what the child gets', () => {
  const lines = linesOf(`
    await output('true'); // with the one that is there
    const real = process.env;
    const proxy = new Proxy(real, { get: (target, name) => (name === 'RAW' ? 'by proxy' : target[name]) });
    for (const env of [{ PATH: real.PATH, RAW: 'this' }, Object.freeze({ PATH: real.PATH, RAW: 'that' }), proxy]) {
      process.env = env;
      const names = (await output('env')).split('\\n').length;
      console.log((await output('printenv', ['RAW'])).trim(), names < 4, 'TSYNCIO_PROBE' in env);
    }
    process.env = real;
    console.log((await output('printenv', ['RAW'])).includes('\\xff'));
  `);
  expect(lines).toEqual(['this true false', 'that true false', 'by proxy false false', 'true']);
});

test('SUBPROC-21 a worker thread has its own, or shares that of the process', () => {
  program('worker.mjs', `process.env.WORKERS = 'own'; console.log((await output('printenv', ['WORKERS'])).trim());`);
  const lines = linesOf(`
    const { SHARE_ENV, Worker } = await import('node:worker_threads');
    for (const env of [undefined, SHARE_ENV]) {
      const worker = new Worker(new URL('worker.mjs', import.meta.url), { env });
      const ended = loop.createFuture();
      worker.once('exit', () => loop.callSoonThreadsafe(() => ended.setResult()));
      await ended;
      console.log(JSON.stringify((await output('printenv', ['WORKERS'])).trim()));
    }
  `);
  expect(lines.sort()).toEqual(['""', '"own"', 'own', 'own']);
});

test('SUBPROC-22 a bare name on the PATH of the process', () => {
  const lines = linesOf(`
    const path = process.env.PATH;
    const on = async (...folders) => {
      process.env.PATH = folders.map((each) => each.startsWith('/') || each === '' ? each : ${JSON.stringify(folder)} + '/' + each).join(':');
      console.log((await told('tool')).trim());
    };
    await on('good');
    await on('/nonexistent', 'denied', 'unknown', 'good');
    await on('denied', '/nonexistent');
    await on('unknown', 'denied');
    await on('/nonexistent');
    await on(path, '');
    process.chdir(${JSON.stringify(folder)} + '/good');
    await on(path, '');
    process.env.PATH = 'good';
    console.log((await told('tool', { cwd: ${JSON.stringify(folder)} })).trim());
    delete process.env.PATH;
    console.log(JSON.stringify(await told('true')), await told('tool'));
  `);
  expect(lines).toEqual([
    'good',
    'good',
    'EACCES tool',
    'ENOEXEC tool',
    'ENOENT tool',
    'ENOENT tool',
    'good',
    'good',
    '"" ENOENT tool',
  ]);
});
