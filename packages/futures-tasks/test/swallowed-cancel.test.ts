import { getRunningLoop } from '@tsyncio/core';
import { currentTask, shield, sleep, type Future, type TaskLoop } from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { errorOf, kinds, run } from './support.js';

const audit = leakAudit();

/** Runs a task that `answer`s a request to cancel, with debug on or off, and gives what was logged. */
function reported(debug: boolean, answer: () => Generator<any, unknown, any>, coroutine: (typeof kinds)[number][1]) {
  return run(async (loop) => {
    loop.setDebug(debug);
    const task = loop.createTask(coroutine(answer), { name: 'server' });
    await sleep(0);
    await sleep(0);
    task.cancel();
    await task.catch(() => undefined);
    const warnings = audit.takeRecords().filter(({ level }) => level === 'warning');
    return warnings.map(({ level, message }) => `${level}: ${message}`);
  });
}

const WARNING =
  'warning: server has caught its CancelledError and returned a result: throw it again, or call uncancel() if that was meant';

describe.each(kinds)('%s: a task that was asked to end', (_kind, coroutine) => {
  function* swallow(): Generator<any, unknown, any> {
    try {
      yield sleep(10);
    } catch {
      yield sleep(0); // goes on as if nothing had happened
    }
    return 'done';
  }

  test('and returns a result is reported in debug mode', async () => {
    expect(await reported(true, swallow, coroutine)).toEqual([WARNING]);
  });

  test('is not reported otherwise', async () => {
    expect(await reported(false, swallow, coroutine)).toEqual([]);
  });

  test('and says so by uncancel() is not reported', async () => {
    const meant = function* (): Generator<any, unknown, any> {
      try {
        yield sleep(10);
      } catch {
        currentTask()!.uncancel();
      }
      return 'done';
    };
    expect(await reported(true, meant, coroutine)).toEqual([]);
  });

  test('and ends with the error, or with another one, is not reported', async () => {
    const cleanUp = function* (): Generator<any, void, any> {
      try {
        yield sleep(10);
      } finally {
        yield sleep(0);
      }
    };
    const fail = function* (): Generator<any, void, any> {
      try {
        yield sleep(10);
      } catch {
        throw new Error('could not clean up');
      }
    };
    expect(await reported(true, cleanUp, coroutine)).toEqual([]);
    expect(await reported(true, fail, coroutine)).toEqual([]);
  });

  test('and whose wait has answered with a result is not reported: nothing was thrown at it', async () => {
    const answers = function* (): Generator<any, unknown, any> {
      try {
        yield sleep(10);
      } catch {
        return 'answered';
      }
      return '';
    };
    const wait = function* (): Generator<any, unknown, any> {
      return yield (getRunningLoop() as TaskLoop).createTask(coroutine(answers), { name: 'inner' });
    };
    expect(await reported(true, wait, coroutine)).toEqual([WARNING.replace('server', 'inner')]);
  });
});

test('a task that catches the cancellation of what it awaits was not asked itself', () =>
  run(async (loop) => {
    loop.setDebug(true);
    const inner: Future<void> = loop.createFuture();
    const outer = loop.createTask(async () => {
      await errorOf(shield(inner));
      return 'fine';
    });
    await sleep(0);
    inner.cancel();
    expect(await outer).toBe('fine');
    expect(audit.takeRecords()).toEqual([]);
  }));
