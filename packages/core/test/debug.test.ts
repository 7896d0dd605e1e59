import { Scheduler } from '@tsyncio/core';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';
import { runOnce, virtualLoop } from './virtual-loop.js';

const audit = leakAudit({ slowCallbacks: true });

/** Closes without the line that debug mode logs. */
function close(loop: Scheduler): void {
  loop.setDebug(false);
  loop.close();
}

describe('the environment', () => {
  const names = ['TSYNCIO_DEBUG', 'PYTHONASYNCIODEBUG'];
  const saved = names.map((name) => process.env[name]);
  afterEach(() => {
    names.forEach((name, i) => {
      if (saved[i] === undefined) delete process.env[name];
      else process.env[name] = saved[i];
    });
  });

  test.each([
    [undefined, false],
    ['', false],
    ['1', true],
    ['0', true],
  ])('DEBUG-01 a variable of value %p makes debug mode %p', (value, debug) => {
    for (const name of names) {
      for (const each of names) delete process.env[each];
      if (value !== undefined) process.env[name] = value;
      const loop = new Scheduler();
      expect(loop.getDebug()).toBe(debug);
      close(loop);
    }
  });

  test('DEBUG-01 an option wins over the environment', () => {
    process.env['TSYNCIO_DEBUG'] = '1';
    const loop = new Scheduler({ debug: false });
    expect(loop.getDebug()).toBe(false);
    close(loop);
  });
});

test('DEBUG-02 the flag belongs to one loop and changes at any time', async () => {
  const loop = new Scheduler({ debug: false });
  const other = new Scheduler({ debug: false });
  loop.setDebug(true);
  expect([loop.getDebug(), other.getDebug()]).toEqual([true, false]);
  const seen: boolean[] = [];
  loop.callSoon(() => {
    loop.setDebug(false);
    seen.push(loop.getDebug());
    loop.setDebug(true);
    seen.push(loop.getDebug());
  });
  loop.callSoon(() => loop.setDebug(false));
  await runOnce(loop);
  expect(seen).toEqual([false, true]);
  loop.close();
  other.close();
  loop.setDebug(true);
  expect(loop.getDebug()).toBe(true);
});

test('DEBUG-03 a non-callable is refused in either mode, and the text names the method', () => {
  const loop = new Scheduler();
  for (const debug of [true, false]) {
    loop.setDebug(debug);
    const wrong = 5 as never;
    expect(() => loop.callSoon(wrong)).toThrow('callSoon: callback must be a function, got 5');
    expect(() => loop.callSoonThreadsafe(wrong)).toThrow('callSoonThreadsafe: callback');
    expect(() => loop.callAt(1, wrong)).toThrow('callAt: callback');
    expect(() => loop.callLater(1, wrong)).toThrow('callLater: callback');
  }
  close(loop);
});

test('DEBUG-04 async functions are callbacks like others, generator objects and promises are none', async () => {
  const loop = new Scheduler({ debug: true });
  const seen: string[] = [];
  loop.callSoon(async () => {
    await Promise.resolve();
    seen.push('async');
  });
  function* generator(): Generator<undefined> {
    yield;
  }
  expect(() => loop.callSoon(generator() as never)).toThrow(TypeError);
  expect(() => loop.callSoon(Promise.resolve() as never)).toThrow(TypeError);
  await runOnce(loop);
  expect(seen).toEqual(['async']);
  close(loop);
});

test('DEBUG-05 from the code of another loop, callSoon and timers of a running loop are refused', async () => {
  const loop = new Scheduler({ debug: true });
  const other = new Scheduler();
  const results: string[] = [];
  const attempt = (call: () => unknown): void => {
    try {
      call();
      results.push('accepted');
    } catch (error) {
      results.push(`${(error as Error).name}: ${(error as Error).message}`);
    }
  };
  const all = (): void => {
    attempt(() => loop.callSoon(() => undefined));
    attempt(() => loop.callLater(100, () => undefined));
    attempt(() => loop.callAt(0, () => undefined));
  };
  const run = loop.runForever();
  other.callSoon(() => {
    all();
    loop.setDebug(false);
    all();
    loop.setDebug(true);
    other.stop();
    loop.stop();
  });
  await Promise.all([run, other.runForever()]);
  other.callSoon(all); // the loop is idle
  await runOnce(other);
  const refused = 'RuntimeError: Non-thread-safe operation invoked on an event loop other than the current one';
  expect(results).toEqual([...Array<string>(3).fill(refused), ...Array<string>(6).fill('accepted')]);
  close(loop);
  other.close();
});

test('DEBUG-05 a callback of Node in the same thread is the one running loop’s own', async () => {
  const loop = new Scheduler({ debug: true });
  const run = loop.runForever();
  setImmediate(() => loop.callSoon(() => loop.stop()));
  await run;
  close(loop);
});

test('DEBUG-06 a slow callback is logged with its handle and its time', async () => {
  const { loop, host, run } = virtualLoop({ debug: true });
  expect(loop.slowCallbackDuration).toBe(0.1);
  function slow(seconds: number): void {
    host.spend(seconds);
  }
  loop.callSoon(slow, 0.099);
  loop.callSoon(slow, 0.25);
  loop.slowCallbackDuration = 0.1;
  loop.stop();
  await run();
  expect(audit.takeRecords()).toEqual([
    {
      level: 'warning',
      message: expect.stringMatching(
        /^Executing <Handle slow\(0\.25\) created at .*debug\.test.*> took 0\.250 seconds$/,
      ),
    },
  ]);
  loop.slowCallbackDuration = 1;
  loop.callSoon(slow, 0.9);
  loop.stop();
  await run();
  loop.setDebug(false);
  loop.callSoon(slow, 5);
  loop.stop();
  await run();
  expect(audit.takeRecords()).toEqual([]);
  close(loop);
});

test('DEBUG-06 the step of an async callback is measured to its end', async () => {
  const { loop, host, run } = virtualLoop({ debug: true });
  loop.callSoon(async function step() {
    await Promise.resolve();
    host.spend(0.5);
  });
  loop.stop();
  await run();
  expect(audit.takeRecords()).toMatchObject([
    { message: expect.stringMatching(/^Executing <Handle step\(\).*took 0\.500 seconds$/) },
  ]);
  close(loop);
});

test('DEBUG-07 a handle cancelled in its own run is shown with its callback; another job by its text', async () => {
  const { loop, host, run } = virtualLoop({ debug: true });
  const handle = loop.callSoon(function culprit() {
    host.spend(0.2);
    handle.cancel();
  });
  const step = { run: () => host.spend(0.3), toString: () => '<Task mine>' };
  loop.enqueue(step);
  loop.stop();
  await run();
  expect(audit.takeRecords().map(({ message }) => message)).toEqual([
    expect.stringMatching(/^Executing <Handle cancelled culprit\(\) created at .*> took 0\.200 seconds$/),
    'Executing <Task mine> took 0.300 seconds',
  ]);
  close(loop);
});

test.each<[string, (loop: Scheduler) => unknown]>([
  ['callSoon', (loop) => loop.callSoon(() => undefined)],
  ['callSoonThreadsafe', (loop) => loop.callSoonThreadsafe(() => undefined)],
  ['callLater', (loop) => loop.callLater(1, () => undefined)],
  ['callAt', (loop) => loop.callAt(1, () => undefined)],
])('DEBUG-08 what %s makes remembers the user’s call, at most ten frames deep', (_, call) => {
  const loop = new Scheduler({ debug: true });
  const deep = (n: number): unknown => (n === 0 ? call(loop) : deep(n - 1));
  const { source } = deep(20) as { source: string[] };
  expect(source[0]).toContain('debug.test.ts');
  expect(source.length).toBeLessThanOrEqual(10);
  expect(String(deep(0))).toMatch(/created at .*debug\.test\.ts:\d+>$/);
  loop.setDebug(false);
  expect((deep(0) as { source: unknown }).source).toBeNull();
  close(loop);
});

test('DEBUG-10 the same program does the same in both modes', async () => {
  const traces: string[][] = [];
  for (const debug of [false, true]) {
    const { loop, run } = virtualLoop({ debug });
    const trace: string[] = [];
    const contexts = recordExceptions(loop);
    loop.callSoon(() => {
      trace.push('a');
      loop.callSoon(() => trace.push('b'));
      loop.callSoon(() => trace.push('c'));
      throw new Error('mine');
    });
    loop.callLater(1, async () => {
      await Promise.resolve();
      trace.push('d');
    });
    loop.callLater(2, () => loop.stop());
    await run();
    traces.push([...trace, ...contexts.map(({ message }) => String(message)), String(loop.time())]);
    close(loop);
  }
  expect(traces[0]).toEqual(traces[1]);
});
