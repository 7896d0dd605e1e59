import type * as core from '@tsyncio/core';
import { compilePackages, leakAudit, runProgram } from '@tsyncio/test-support';

// They start processes and threads, on machines that may be busy.
jest.setTimeout(60_000);

type Core = typeof core;

describe('two copies in one program', () => {
  leakAudit();

  const load = (): Core => {
    let copy!: Core;
    jest.isolateModules(() => {
      copy = jest.requireActual<Core>('@tsyncio/core');
    });
    return copy;
  };

  test('share the running loop, the policy slot, the logger and the context', async () => {
    const [a, b] = [load(), load()];
    expect(a.Scheduler).not.toBe(b.Scheduler);
    const loop = new a.Scheduler();
    const variable = new a.ContextVar('v', { default: 'default' });
    const seen: unknown[] = [];
    loop.callSoon(() => {
      variable.set('set');
      seen.push(b.getRunningLoop() === loop, b.copyContext().get(variable));
      b.logger.info('through the other');
    });
    loop.stop();
    await loop.runForever();
    expect(seen).toEqual([true, 'set']);
    const policy = { getEventLoop: () => loop, setEventLoop: () => undefined, newEventLoop: () => loop };
    a.replacePolicy(policy);
    expect(b.getEventLoop()).toBe(loop);
    b.replacePolicy(null);
    expect(a.currentPolicy()).toBeNull();
    loop.close();
  });

  test('know each other’s errors, contexts and handles by their brands', async () => {
    const [a, b] = [load(), load()];
    expect(b.isCancelled(new a.CancelledError())).toBe(true);
    expect(b.isExitError(new a.KeyboardInterrupt())).toBe(true);
    expect(b.isOSError(a.osError({ code: 'EPIPE' }))).toBe(true);
    const loop = new a.Scheduler();
    loop.callSoon(() => {
      throw new b.KeyboardInterrupt('of the other copy');
    });
    await expect(loop.runForever()).rejects.toThrow('of the other copy');
    const variable = new a.ContextVar<number>('v');
    const context = new b.Context();
    const seen: unknown[] = [];
    loop.enqueue(new b.Handle(() => seen.push(variable.get('unset')), [], loop, new a.Context()));
    loop.callSoon(context.bind(() => b.copyContext().run(() => variable.reset(variable.set(1)))));
    loop.stop();
    await loop.runForever();
    expect(seen).toEqual(['unset']);
    loop.close();
  });
});

test('the ES module and the CommonJS module share the running loop, the policy and the context', async () => {
  const packages = compilePackages('core');
  const child = await runProgram(
    `import { createRequire } from 'node:module';
     import * as esm from '@tsyncio/core';
     const cjs = createRequire(process.cwd() + '/x.js')('@tsyncio/core');
     const loop = new cjs.Scheduler();
     const variable = new esm.ContextVar('v');
     const seen = [esm.Scheduler !== cjs.Scheduler];
     loop.callSoon(() => {
       variable.set(1);
       seen.push(esm.getRunningLoop() === loop, cjs.copyContext().get(variable) === 1);
       loop.stop();
     });
     await loop.runForever();
     esm.replacePolicy({ getEventLoop: () => loop });
     seen.push(cjs.getEventLoop() === loop);
     seen.push(esm.isCancelled(new cjs.CancelledError()));
     loop.close();
     console.log(JSON.stringify(seen));`,
    { cwd: packages.folder },
  );
  packages.remove();
  expect(child).toMatchObject({ status: 0, stderr: '', stdout: '[true,true,true,true,true]\n' });
});
