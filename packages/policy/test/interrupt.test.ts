import { spawn } from 'node:child_process';
import { compilePackages, type ChildResult, type CompiledPackages } from '@tsyncio/test-support';

// They start processes, on machines that may be busy.
jest.setTimeout(60_000);

let packages: CompiledPackages;
beforeAll(() => {
  packages = compilePackages('core', 'futures-tasks', 'policy');
});
afterAll(() => packages.remove());

/** Runs a program, which gets a SIGINT from outside each time that it prints a line with a question mark. */
function interrupted(body: string): Promise<ChildResult> {
  const program = `
    import { isCancelled, KeyboardInterrupt } from '@tsyncio/core';
    import { sleep, TaskLoop } from '@tsyncio/futures-tasks';
    import { run } from '@tsyncio/policy';
    const options = { loopFactory: () => new TaskLoop() };
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: packages.folder,
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 25_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  let sent = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const asked = stdout.split('?').length - 1; sent < asked; sent++) child.kill('SIGINT');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve) => {
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}

test('Ctrl-C cancels a program, which cleans up; uncaught, the KeyboardInterrupt ends it', async () => {
  const child = await interrupted(`
    await run(async () => {
      try {
        console.log('running?');
        await sleep(1000);
      } finally {
        await sleep(0.01);
        console.log('cleaned');
      }
    }, options);`);
  expect(child).toMatchObject({ stdout: 'running?\ncleaned\n', status: 1 });
  expect(child.stderr).toContain('KeyboardInterrupt');
});

test('caught, the program goes on, and the next Ctrl-C ends it as Node does', async () => {
  const child = await interrupted(`
    try {
      await run(async () => { console.log('running?'); await sleep(1000); }, options);
    } catch (error) {
      console.log(error instanceof KeyboardInterrupt, isCancelled(error.cause), process.listenerCount('SIGINT'));
    }
    console.log('?');
    await new Promise((resolve) => setTimeout(resolve, 30_000));`);
  expect(child).toMatchObject({ stdout: 'running?\ntrue true 0\n?\n', signal: 'SIGINT' });
});

test('a second Ctrl-C ends a program that will not be cancelled', async () => {
  const child = await interrupted(`
    await run(async () => {
      console.log('running?');
      for (;;) {
        try { await sleep(1000); } catch (error) {
          if (process.listenerCount('SIGINT') === 0) throw error;
          console.log('no?');
        }
      }
    }, options).catch((error) => console.log(error.name));`);
  expect(child).toMatchObject({ stdout: 'running?\nno?\nKeyboardInterrupt\n', status: 0 });
});

test('two programs side by side are both cancelled', async () => {
  const child = await interrupted(`
    const one = (name) => run(async () => {
      if (name === 'b') console.log('running?');
      await sleep(1000);
    }, options).catch((error) => console.log(name, error.name));
    await Promise.all([one('a'), one('b')]);`);
  expect(child.stdout.split('\n').sort()).toEqual(['', 'a KeyboardInterrupt', 'b KeyboardInterrupt', 'running?']);
  expect(child).toMatchObject({ status: 0 });
});

test('a program with a listener of its own for SIGINT is not cancelled', async () => {
  const child = await interrupted(`
    const stopped = await run(async () => {
      let stop;
      const stopping = new Promise((resolve) => (stop = resolve));
      process.once('SIGINT', () => stop('own way'));
      console.log('running?');
      return await stopping;
    }, options);
    console.log(stopped);`);
  expect(child).toMatchObject({ stdout: 'running?\nown way\n', status: 0 });
});

test('in a worker it is left to the main thread', async () => {
  const child = await interrupted(`
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker(\`
      import { sleep, TaskLoop } from '@tsyncio/futures-tasks';
      import { run } from '@tsyncio/policy';
      import { parentPort } from 'node:worker_threads';
      await run(async () => { parentPort.postMessage(process.listenerCount('SIGINT')); await sleep(0.3); }, { loopFactory: () => new TaskLoop() });
    \`, { eval: true });
    worker.on('message', (count) => console.log(count, '?'));
    process.on('SIGINT', () => console.log('main'));
    worker.on('exit', (code) => { console.log('worker', code); process.exit(); });`);
  expect(child).toMatchObject({ stdout: '0 ?\nmain\nworker 0\n', status: 0 });
});
