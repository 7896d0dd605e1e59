import { Scheduler } from '@tsyncio/core';
import { compilePackages, leakAudit, runProgram, type CompiledPackages } from '@tsyncio/test-support';

// They start processes and threads, on machines that may be busy.
jest.setTimeout(60_000);

describe('fake timers of jest', () => {
  leakAudit();
  afterEach(() => {
    jest.useRealTimers();
  });

  test.each(['before', 'during'])('installed %s a run do not stop the loop, nor its clock', async (when) => {
    const loop = new Scheduler();
    if (when === 'before') jest.useFakeTimers();
    const seen: string[] = [];
    const before = loop.time();
    loop.callLater(0.005, async () => {
      seen.push('timer');
      await Promise.resolve();
      seen.push('step');
      loop.stop();
    });
    loop.callSoon(() => {
      if (when === 'during') jest.useFakeTimers();
    });
    await loop.runForever();
    expect(seen).toEqual(['timer', 'step']);
    expect(loop.time() - before).toBeGreaterThanOrEqual(0.005);
    loop.close();
  });
});

describe('fake timers that replace the functions of node:timers', () => {
  let packages: CompiledPackages;
  beforeAll(() => {
    packages = compilePackages('core');
  });
  afterAll(() => packages.remove());

  const body = `
    mock.timers.enable();
    for (const name of ['setTimeout', 'setImmediate', 'setInterval', 'clearTimeout']) {
      timers[name] = () => { throw new Error(name + ' is not the one of the beginning'); };
    }
    syncBuiltinESMExports();
    const loop = new Scheduler();
    loop.callLater(0.005, () => loop.stop());
    loop.runForever().then(() => { loop.close(); console.log('ended'); });
  `;

  test('do not stop a loop of the CommonJS build', async () => {
    const program = `
      const { Scheduler } = require('@tsyncio/core');
      const { mock } = require('node:test');
      const { syncBuiltinESMExports } = require('node:module');
      const timers = require('node:timers');
      ${body}`;
    const child = await runProgram(program, { cwd: packages.folder, type: 'commonjs' });
    expect(child).toMatchObject({ status: 0, stdout: 'ended\n' });
  });

  test('do not stop a loop of the ESM build', async () => {
    const program = `
      import { Scheduler } from '@tsyncio/core';
      import { mock } from 'node:test';
      import { syncBuiltinESMExports } from 'node:module';
      import timers from 'node:timers';
      ${body}`;
    const child = await runProgram(program, { cwd: packages.folder });
    expect(child).toMatchObject({ status: 0, stdout: 'ended\n' });
  });
});
