import { ContextVar, Context, KeyboardInterrupt, Scheduler, setLogger, type ExceptionContext } from '@tsyncio/core';
import { leakAudit, quiet, recordExceptions } from '@tsyncio/test-support';
import { runOnce } from './virtual-loop.js';

const audit = leakAudit();

let loop: Scheduler;
beforeEach(() => {
  loop = new Scheduler({ debug: false });
});
afterEach(() => loop.close());

/** A loop whose default handler can be replaced. */
class Custom extends Scheduler {
  seen: ExceptionContext[] = [];
  fails: unknown = null;
  override defaultExceptionHandler(context: ExceptionContext): void {
    this.seen.push(context);
    if (this.fails !== null) throw this.fails;
  }
}

test('EXC-01 no handler by default; the one last set; null restores the default', () => {
  const handler = (): void => undefined;
  expect(loop.getExceptionHandler()).toBeNull();
  loop.setExceptionHandler(handler);
  expect(loop.getExceptionHandler()).toBe(handler);
  loop.setExceptionHandler(null);
  expect(loop.getExceptionHandler()).toBeNull();
  loop.callExceptionHandler({ message: 'by default' });
  expect(audit.takeRecords()).toHaveLength(1);
});

test('EXC-02 what is neither function nor null is a TypeError, and the handler stays', () => {
  const handler = (): void => undefined;
  loop.setExceptionHandler(handler);
  for (const wrong of [undefined, 1, 'x', {}, []]) {
    expect(() => loop.setExceptionHandler(wrong as never)).toThrow(TypeError);
  }
  expect(loop.getExceptionHandler()).toBe(handler);
});

test('EXC-03 without a handler the overridable default one is called', () => {
  const custom = new Custom();
  const context = { message: 'mine' };
  custom.callExceptionHandler(context);
  expect(custom.seen[0]).toBe(context);
  custom.close();
});

test('EXC-04 a handler is called once with the loop and the very context, and the default one is not', () => {
  const custom = new Custom();
  const calls: unknown[][] = [];
  custom.setExceptionHandler((...args) => {
    calls.push(args);
  });
  const context = { message: 'mine' };
  custom.callExceptionHandler(context);
  expect([calls.length, calls[0]![0] === custom, calls[0]![1] === context, custom.seen]).toEqual([1, true, true, []]);
  custom.close();
});

test('EXC-05 an error in a callback or timer is reported with its name, the error and the handle', async () => {
  const contexts = recordExceptions(loop);
  const error = new Error('mine');
  function fail(): void {
    throw error;
  }
  const handles = [loop.callSoon(fail), loop.callLater(0, fail)];
  await runOnce(loop);
  // Handles are compared one by one: jest cannot print a loop when a test fails.
  expect(contexts.map(({ message, exception }) => [message, exception])).toEqual(
    handles.map(() => ['Exception in callback fail()', error]),
  );
  expect(contexts.every(({ handle }, n) => handle === handles[n])).toBe(true);
});

test('EXC-05 in debug mode the place of the call belongs to the report', async () => {
  const contexts = recordExceptions(loop);
  loop.setDebug(true);
  loop.callSoon(() => {
    throw new Error('mine');
  });
  await runOnce(loop);
  loop.setDebug(false);
  const source = contexts[0]!['source_traceback'] as string[];
  expect(source[0]).toContain('exception-handler.test.ts');
});

test('EXC-05 whatever is thrown is reported as it is', async () => {
  const contexts = recordExceptions(loop);
  for (const thrown of [undefined, null, 0, 'text', { a: 1 }]) {
    loop.callSoon(() => {
      throw thrown;
    });
  }
  await runOnce(loop);
  expect(contexts.map(({ exception }) => exception)).toEqual([undefined, null, 0, 'text', { a: 1 }]);
});

test('EXC-06 any keys are allowed', () => {
  const contexts = recordExceptions(loop);
  const context = { message: 'm', exception: 1, future: 2, task: 3, handle: 4, protocol: 5, transport: 6, own: 7 };
  loop.callExceptionHandler(context);
  expect(contexts).toEqual([context]);
});

test.each([
  [{ message: 'mine' }, 'mine'],
  [{}, 'Unhandled exception in event loop'],
  [{ message: '' }, 'Unhandled exception in event loop'],
])('EXC-07 the default handler logs one error: %p', (context, message) => {
  loop.callExceptionHandler(context);
  expect(audit.takeRecords()).toEqual([{ level: 'error', message }]);
});

test('EXC-08 a line for each other key, in order, and the error beside the text', () => {
  const error = new Error('mine');
  loop.callExceptionHandler({ transport: 'b', message: 'm', asyncgen: [1], exception: error });
  expect(audit.takeRecords()).toEqual([{ level: 'error', message: "m\nasyncgen: [1]\ntransport: 'b'", error }]);
});

test('EXC-08 the console shows the text, then the error with its stack', () => {
  setLogger(null);
  const written = jest.spyOn(console, 'error').mockImplementation(() => undefined);
  const error = new Error('mine');
  loop.callExceptionHandler({ message: 'with', exception: error });
  loop.callExceptionHandler({ message: 'without' });
  expect(written.mock.calls).toEqual([['with', error], ['without']]);
  written.mockRestore();
});

test('EXC-09 stacks are rendered under their headings, the innermost call last', () => {
  loop.callExceptionHandler({
    message: 'm',
    source_traceback: ['inner (a.ts:1:2)', 'outer (b.ts:3:4)'],
    handle_traceback: ['h (c.ts:5:6)'],
  });
  expect(audit.takeRecords()[0]!.message).toBe(
    [
      'm',
      'handle_traceback: Handle created at (most recent call last):',
      '  at h (c.ts:5:6)',
      'source_traceback: Object created at (most recent call last):',
      '  at outer (b.ts:3:4)',
      '  at inner (a.ts:1:2)',
    ].join('\n'),
  );
});

test('EXC-10 in debug mode the default handler adds where the running handle was made', async () => {
  loop.setDebug(true);
  const plain: ExceptionContext = { message: 'plain' };
  const own: ExceptionContext = { message: 'own', source_traceback: ['x (y.ts:1:1)'] };
  loop.callSoon(() => {
    loop.callExceptionHandler(plain);
    loop.callExceptionHandler(own);
  });
  await runOnce(loop);
  const outside: ExceptionContext = { message: 'outside' };
  loop.callExceptionHandler(outside);
  loop.setDebug(false);
  expect((plain['handle_traceback'] as string[])[0]).toContain('exception-handler.test.ts');
  expect(own).not.toHaveProperty('handle_traceback');
  expect(outside).not.toHaveProperty('handle_traceback');
  expect(audit.takeRecords()[0]!.message).toContain('handle_traceback: Handle created at');
});

test('EXC-11 a handler that fails is reported by the default handler, and nothing gets out', () => {
  const custom = new Custom();
  const error = new Error('in the handler');
  custom.setExceptionHandler(() => {
    throw error;
  });
  const context = { message: 'first' };
  custom.callExceptionHandler(context);
  expect(custom.seen).toEqual([{ message: 'Unhandled error in exception handler', exception: error, context }]);
  expect(custom.seen[0]!['context']).toBe(context);
  custom.close();
});

test('EXC-12 a default handler that fails is logged, and nothing gets out', () => {
  const custom = new Custom();
  const error = (custom.fails = new Error('in the default handler'));
  custom.callExceptionHandler({});
  custom.setExceptionHandler(() => {
    throw new Error('in the handler');
  });
  custom.callExceptionHandler({});
  expect(audit.takeRecords()).toEqual([
    { level: 'error', message: 'Exception in default exception handler', error },
    {
      level: 'error',
      message: 'Exception in default exception handler while handling an unexpected error in custom exception handler',
      error,
    },
  ]);
  custom.close();
});

test('EXC-13 an exit error of either handler gets out, and ends the run', async () => {
  const custom = new Custom();
  const exit = new KeyboardInterrupt();
  custom.fails = exit;
  expect(() => custom.callExceptionHandler({})).toThrow(exit);
  custom.fails = null;
  custom.setExceptionHandler(() => {
    throw exit;
  });
  expect(() => custom.callExceptionHandler({})).toThrow(exit);
  custom.callSoon(() => {
    throw new Error('plain');
  });
  await expect(custom.runForever()).rejects.toBe(exit);
  custom.fails = exit;
  custom.setExceptionHandler(() => {
    throw new Error('plain');
  });
  expect(() => custom.callExceptionHandler({})).toThrow(exit);
  custom.close();
});

test('EXC-14 anybody may call it, at any time, and a handler may delegate', () => {
  const seen: unknown[] = [];
  loop.setExceptionHandler((own: Scheduler, context) => {
    seen.push(context.message);
    own.defaultExceptionHandler(context);
  });
  loop.callExceptionHandler({ message: 'idle' });
  loop.close();
  loop.callExceptionHandler({ message: 'closed' });
  expect(seen).toEqual(['idle', 'closed']);
  expect(audit.takeRecords().map(({ message }) => message)).toEqual(['idle', 'closed']);
});

test.each([
  ['fails at once', () => Promise.reject(new Error('mine'))],
  [
    'throws',
    () => {
      throw new Error('mine');
    },
  ],
])('EXC-15 the handler runs in the context of the run, not of the callback that %s', async (_, callback) => {
  const where = new ContextVar('where', { default: 'nowhere' });
  const seen: string[] = [];
  loop.setExceptionHandler(() => {
    seen.push(where.get());
  });
  new Context().run(() => {
    where.set('callback');
    loop.callSoon(callback);
  });
  loop.stop();
  const run = new Context().run(() => {
    where.set('run');
    return loop.runForever();
  });
  await run;
  expect(seen).toEqual(['run']);
});

test('EXC-15 the same when a callback from another context has woken the loop', async () => {
  const where = new ContextVar('where', { default: 'nowhere' });
  const seen: string[] = [];
  loop.setExceptionHandler(() => {
    seen.push(where.get());
    loop.stop();
  });
  const run = new Context().run(() => {
    where.set('run');
    return loop.runForever();
  });
  await quiet(); // it sleeps
  new Context().run(() => {
    where.set('waker');
    loop.callSoon(() => {
      throw new Error('mine');
    });
  });
  await run;
  expect(seen).toEqual(['run']);
});
