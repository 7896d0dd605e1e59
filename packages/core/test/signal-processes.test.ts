import { spawn } from 'node:child_process';
import { compilePackages, runProgram, type ChildResult, type CompiledPackages } from '@tsyncio/test-support';

// They start processes and threads, on machines that may be busy.
jest.setTimeout(60_000);

let packages: CompiledPackages;
beforeAll(() => {
  packages = compilePackages('core');
});
afterAll(() => packages.remove());

const PROLOGUE = `
  import { Scheduler } from '@tsyncio/core';
  const loop = new Scheduler();
  const forLong = () => new Promise((resolve) => setTimeout(resolve, 30_000));
`;

/** Runs a program, which gets the next of the signals from outside each time that it prints a line with a question mark. */
function signalled(body: string, signals: readonly NodeJS.Signals[]): Promise<ChildResult> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', PROLOGUE + body], {
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
    for (const asked = stdout.split('?').length - 1; sent < asked; sent++) child.kill(signals[sent]);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve) => {
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}

test('SIG-01 SIG-02 signals of the system wake the loop at once', async () => {
  const child = await signalled(
    `const names = ['SIGUSR2', 'SIGHUP', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGWINCH', 'SIGCHLD', 'SIGALRM', 'SIGPIPE'];
     let count = 0;
     for (const name of names) {
       loop.addSignalHandler(name, (...args) => {
         console.log(...args, ++count === names.length ? '' : '?');
         if (count === names.length) loop.stop();
       }, name);
     }
     loop.callSoon(() => setImmediate(() => console.log('asleep?')));
     await loop.runForever();
     loop.close();`,
    ['SIGUSR2', 'SIGHUP', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGWINCH', 'SIGCHLD', 'SIGALRM', 'SIGPIPE'],
  );
  expect(child.stderr).toBe('');
  expect(child.stdout.replace(/[ ?]/g, '').trim().split('\n')).toEqual(
    'asleep SIGUSR2 SIGHUP SIGTERM SIGINT SIGQUIT SIGWINCH SIGCHLD SIGALRM SIGPIPE'.split(' '),
  );
  expect(child).toMatchObject({ status: 0, signal: null });
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const)(
  'SIG-09 SIGNAL-04 after the removal %s does what it does by default',
  async (name) => {
    const child = await signalled(
      `loop.addSignalHandler('${name}', () => { console.log('handled'); loop.stop(); });
       setImmediate(() => console.log('running?'));
       await loop.runForever();
       console.log(loop.removeSignalHandler('${name}'), process.listenerCount('${name}'), '?');
       await forLong();`,
      [name, name],
    );
    expect(child.stdout).toBe('running?\nhandled\ntrue 0 ?\n');
    expect(child.signal).toBe(name);
  },
);

test('LOOP-CLOSE-08 SIGNAL-10 after close the process dies of the signal again', async () => {
  const child = await signalled(
    `loop.addSignalHandler('SIGTERM', () => console.log('handled'));
     loop.addSignalHandler('SIGINT', () => console.log('handled'));
     loop.close();
     console.log(process.listenerCount('SIGTERM') + process.listenerCount('SIGINT'), '?');
     await forLong();`,
    ['SIGTERM'],
  );
  expect(child).toMatchObject({ stdout: '0 ?\n', signal: 'SIGTERM' });
});

test.each(['SIGPIPE', 'SIGXFSZ'] as const)(
  'SIG-09 %s, which Node ignores, is ignored again after the removal',
  async (name) => {
    const child = await signalled(
      `for (let i = 0; i < 3; i++) {
         loop.addSignalHandler('${name}', () => {});
         loop.removeSignalHandler('${name}');
       }
       setTimeout(() => console.log('alive', process.listenerCount('${name}')), 200);
       console.log('?');`,
      [name],
    );
    expect(child).toMatchObject({ stdout: '?\nalive 1\n', status: 0 });
  },
);

test('a loop that does not run holds nothing, and a second Ctrl-C ends the program', async () => {
  const ended = await signalled(`loop.addSignalHandler('SIGINT', () => {});`, []);
  expect(ended).toMatchObject({ status: 0, signal: null });
  const child = await signalled(
    `loop.addSignalHandler('SIGINT', () => console.log('never'));
     setInterval(() => {
       if (process.listenerCount('SIGINT') > 0) return;
       console.log('again?');
     }, 10);
     console.log('once?');
     await forLong();`,
    ['SIGINT', 'SIGINT'],
  );
  expect(child.stdout).toMatch(/^once\?\n(again\?\n)+$/);
  expect(child.signal).toBe('SIGINT');
});

test('listeners of process and of other loops for the same signal are called too', async () => {
  const child = await signalled(
    `const other = new Scheduler();
     process.on('SIGTERM', () => console.log('process'));
     for (const [name, one] of [['a', loop], ['b', other]]) one.addSignalHandler('SIGTERM', () => { console.log(name); one.stop(); });
     setImmediate(() => console.log('?'));
     await Promise.all([loop.runForever(), other.runForever()]);
     loop.close();
     other.close();
     console.log(process.listenerCount('SIGTERM'));
     process.exit();`,
    ['SIGTERM'],
  );
  expect(child.stdout).toBe('?\nprocess\na\nb\n1\n');
});

test('SIG-07 SIGNAL-08 in a worker adding is a RuntimeError, and nothing is left', async () => {
  const child = await runProgram(
    `import { Worker } from 'node:worker_threads';
     new Worker(\`
       import { Scheduler } from '@tsyncio/core';
       import { parentPort } from 'node:worker_threads';
       const loop = new Scheduler();
       let name = 'none';
       try { loop.addSignalHandler('SIGTERM', () => {}); } catch (error) { name = error.name; }
       const removed = loop.removeSignalHandler('SIGTERM');
       loop.onInterrupt(() => {})();
       loop.close();
       parentPort.postMessage([name, removed, process.listenerCount('SIGTERM')]);
     \`, { eval: true }).on('message', (message) => console.log(JSON.stringify(message)));`,
    { cwd: packages.folder },
  );
  expect(child).toMatchObject({ status: 0, stdout: '["RuntimeError",false,0]\n' });
});

test('onInterrupt stands back for every other listener, whenever it came, and for once', async () => {
  const child = await signalled(
    `process.once('SIGINT', () => console.log('once?'));
     const takeBack = loop.onInterrupt(() => {
       console.log('unhandled?');
       if (process.listenerCount('SIGINT') > 1) return;
       process.on('SIGINT', () => { takeBack(); process.removeAllListeners('SIGINT'); console.log('later?'); });
     });
     console.log('?');
     await forLong();`,
    ['SIGINT', 'SIGINT', 'SIGINT', 'SIGINT'],
  );
  expect(child.stdout).toBe('?\nonce?\nunhandled?\nlater?\n');
  expect(child.signal).toBe('SIGINT');
});
