import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

import { compilePackages, type ChildResult, type CompiledPackages, leakAudit } from '@tsyncio/test-support';

leakAudit();
jest.setTimeout(60_000);

/** What Wine shows of the system below it. Windows has no way for a program to press Ctrl+C in another one. */
const PROCESSES = 'Z:/proc';
const underWine = existsSync(PROCESSES) ? test : test.skip;

let packages: CompiledPackages;
beforeAll(() => (packages = compilePackages('core', 'futures-tasks', 'socket', 'proactor-io', 'policy')));
afterAll(() => packages.remove());

let made = 0;

/** Presses Ctrl+C in the process whose command line holds `mark`. */
function interrupt(mark: string): void {
  for (const pid of readdirSync(PROCESSES).filter((name) => /^\d+$/.test(name))) {
    let line: string;
    try {
      line = readFileSync(`${PROCESSES}/${pid}/cmdline`, 'utf8');
    } catch {
      continue; // it has ended meanwhile
    }
    if (line.includes(mark)) spawnSync('start.exe', ['/unix', '/bin/sh', '-c', `kill -INT ${pid}`]);
  }
}

/** Runs a program on completion ports, which gets Ctrl+C each time that it prints a question mark. */
function interrupted(body: string): Promise<ChildResult> {
  const program = `
    import { isCancelled, KeyboardInterrupt } from '@tsyncio/core';
    import { sleep, TaskLoop } from '@tsyncio/futures-tasks';
    import { run } from '@tsyncio/policy';
    import { IocpProactor } from '@tsyncio/proactor-io';
    import { socketpair, sockRecv } from '@tsyncio/socket';
    const options = { loopFactory: () => new TaskLoop({ backend: new IocpProactor() }) };
    ${body}`;
  const mark = `interrupted-${process.pid}-${made++}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program, mark], {
    cwd: packages.folder,
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 25_000,
  });
  let stdout = '';
  let stderr = '';
  let sent = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const asked = stdout.split('?').length - 1; sent < asked; sent++) interrupt(mark);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve) => {
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}

underWine(
  'IOCP-22 Ctrl+C wakes a loop that waits for completions, and cancels its program, which cleans up',
  async () => {
    const child = await interrupted(`
    const began = performance.now();
    const [a, b] = socketpair(undefined, undefined, 0, { nonblocking: true });
    let loop;
    await run(async () => {
      try {
        setTimeout(() => console.log('?'), 50); // the thread waits by then
        await sockRecv(loop, a, 10);
      } finally {
        await sleep(0.01);
        console.log('cleaned');
      }
    }, { loopFactory: () => (loop = options.loopFactory()) }).catch((error) => {
      console.log(error instanceof KeyboardInterrupt, isCancelled(error.cause), process.listenerCount('SIGINT'));
    });
    a.close();
    b.close();`);
    expect(child).toMatchObject({ status: 0, stdout: '?\ncleaned\ntrue true 0\n', stderr: '' });
  },
);

underWine('IOCP-22 uncaught, the KeyboardInterrupt ends the process', async () => {
  const child = await interrupted(`await run(async () => { console.log('?'); await sleep(1000); }, options);`);
  expect(child).toMatchObject({ status: 1, stdout: '?\n' });
  expect(child.stderr).toContain('KeyboardInterrupt');
});

underWine('IOCP-22 a second Ctrl+C ends a program that will not be cancelled', async () => {
  const child = await interrupted(`
    await run(async () => {
      console.log('?');
      for (;;) {
        try { await sleep(1000); } catch (error) {
          if (process.listenerCount('SIGINT') === 0) throw error;
          console.log('no?');
        }
      }
    }, options).catch((error) => console.log(error.name));`);
  expect(child).toMatchObject({ status: 0, stdout: '?\nno?\nKeyboardInterrupt\n' });
});

underWine('IOCP-22 a loop of another thread leaves Ctrl+C to the main one', async () => {
  const child = await interrupted(`
    import { Worker } from 'node:worker_threads';
    const path = new URL('worker.mjs', 'file:///' + process.cwd().replaceAll('\\\\', '/') + '/').href;
    const inThread = "import { run } from '@tsyncio/policy'; import { sleep, TaskLoop } from '@tsyncio/futures-tasks';" +
      "import { IocpProactor } from '@tsyncio/proactor-io'; import { parentPort } from 'node:worker_threads';" +
      "await run(() => sleep(0.01), { loopFactory: () => new TaskLoop({ backend: new IocpProactor() }) });" +
      "parentPort.postMessage(process.listenerCount('SIGINT'));";
    const { writeFileSync, rmSync } = await import('node:fs');
    writeFileSync(new URL(path), inThread);
    const before = process.listenerCount('SIGINT');
    const worker = new Worker(new URL(path), { execArgv: [] });
    const inside = await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject));
    console.log(before, inside, process.listenerCount('SIGINT'));
    rmSync(new URL(path));
    await run(async () => { console.log('?'); await sleep(1000); }, options).catch((error) => console.log(error.name));`);
  expect(child).toMatchObject({ status: 0, stdout: '0 0 0\n?\nKeyboardInterrupt\n', stderr: '' });
});
