import { compilePackages, runProgram, type ChildResult, type CompiledPackages } from '@tsyncio/test-support';

// They start processes and threads, on machines that may be busy.
jest.setTimeout(60_000);

let packages: CompiledPackages;
beforeAll(() => {
  packages = compilePackages('core');
});
afterAll(() => packages.remove());

const run = (body: string, nodeOptions: string[] = []): Promise<ChildResult> =>
  runProgram(`import { Scheduler } from '@tsyncio/core'; const loop = new Scheduler(); ${body}`, {
    cwd: packages.folder,
    nodeOptions,
  });

test('importing the package and making a loop hold nothing: the program ends', async () => {
  const child = await run(
    `loop.callSoon(() => console.log('never')); loop.callLater(0.01, () => console.log('never'));`,
  );
  expect(child).toMatchObject({ status: 0, stdout: '' });
});

test('a running loop keeps the program alive, though nothing is queued', async () => {
  const child = await run(`
    const port = loop.threadsafe; // a door holds nothing either
    setTimeout(() => { console.log('still here'); loop.stop(); }, 100).unref();
    await loop.runForever();
    console.log('stopped');
  `);
  expect(child).toMatchObject({ status: 0, stdout: 'still here\nstopped\n' });
});

test('a loop that has stopped, unclosed and with timers pending, lets the program end', async () => {
  const child = await run(`
    loop.callLater(3600, () => {});
    loop.callLater(0.01, () => loop.stop());
    await loop.runForever();
    console.log('stopped');
  `);
  expect(child).toMatchObject({ status: 0, stdout: 'stopped\n' });
});

test('a stopped loop uses no CPU, and neither does one that sleeps', async () => {
  const child = await run(`
    const used = (begin) => { const { user, system } = process.cpuUsage(begin); return (user + system) / 1000; };
    const idle = () => new Promise((resolve) => setTimeout(resolve, 300));
    loop.callLater(3600, () => {});
    loop.callSoon(() => loop.stop());
    loop.callSoon(() => loop.callSoon(() => {}));
    await loop.runForever();
    await idle(); // what starting up has left to do
    const stopped = process.cpuUsage();
    await idle();
    const whenStopped = used(stopped);
    const run = loop.runForever();
    const sleeping = process.cpuUsage();
    await idle();
    const whenSleeping = used(sleeping);
    loop.stop();
    await run;
    console.log(JSON.stringify({ whenStopped, whenSleeping }));
  `);
  const { whenStopped, whenSleeping } = JSON.parse(child.stdout) as Record<string, number>;
  // Milliseconds of 300: a loop that spins would need them all.
  expect(whenStopped).toBeLessThan(100);
  expect(whenSleeping).toBeLessThan(100);
});

test('KeyboardInterrupt that nobody catches ends the program as an uncaught error', async () => {
  const child = await run(`
    const { KeyboardInterrupt } = await import('@tsyncio/core');
    loop.callSoon(() => { throw new KeyboardInterrupt('enough'); });
    await loop.runForever();
  `);
  expect(child.status).toBe(1);
  expect(child.stderr).toContain('KeyboardInterrupt: enough');
});

test('LOOP-CLOSE-10 a forgotten loop warns as programs see it', async () => {
  const child = await runProgram(
    `import { Scheduler } from '@tsyncio/core';
     let seen = '';
     process.on('warning', (warning) => (seen = warning.name + ': ' + warning.message));
     (() => { new Scheduler(); })();
     for (let i = 0; i < 200 && seen === ''; i++) {
       gc();
       await new Promise((resolve) => setImmediate(resolve));
     }
     console.log(seen);`,
    { cwd: packages.folder, nodeOptions: ['--expose-gc'] },
  );
  expect(child.stdout).toBe('ResourceWarning: unclosed event loop <Scheduler>\n');
});

test('EXC-07 EXC-08 the default handler writes to standard error, with the stack', async () => {
  const child = await run(`
    loop.callSoon(function culprit() { throw new Error('mine'); });
    loop.callSoon(() => loop.stop());
    await loop.runForever();
    loop.close();
  `);
  expect(child).toMatchObject({ status: 0, stdout: '' });
  expect(child.stderr).toMatch(
    /^Exception in callback culprit\(\)\nhandle: <Handle culprit\(\)> Error: mine\n +at culprit/,
  );
});
