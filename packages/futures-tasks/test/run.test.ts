import { CancelledError, KeyboardInterrupt, type IoBackend } from '@tsyncio/core';
import { isFuture, operation, sleep, Task, TaskLoop, type Coroutine, type Future } from '@tsyncio/futures-tasks';
import { badCall, leakAudit, recordExceptions } from '@tsyncio/test-support';

leakAudit();

let loop: TaskLoop;
let seen: string[];
beforeEach(() => {
  loop = new TaskLoop({ debug: false });
  seen = [];
});
afterEach(() => loop.close());

const record = (name: string): void => {
  seen.push(name);
};

test('LOOP-RUN-02 isRunning is true in a coroutine', async () => {
  expect(await loop.runUntilComplete(async () => loop.isRunning())).toBe(true);
  expect(loop.isRunning()).toBe(false);
});

test('LOOP-RUN-03 LOOP-RUN-05 a run inside of the run is refused, and its coroutine never begins', async () => {
  let refused: unknown;
  await loop.runUntilComplete(async () => {
    refused = await loop.runUntilComplete(async () => record('begun')).catch((error: unknown) => error);
    await sleep(0);
    record('goes on');
  });
  expect(refused).toMatchObject({ name: 'RuntimeError', message: 'This event loop is already running' });
  expect(seen).toEqual(['goes on']);
});

test('LOOP-RUN-04 LOOP-RUN-05 a run of another loop from inside is refused, and its coroutine never begins', async () => {
  const other = new TaskLoop();
  function* work(): Generator<undefined> {
    record('begun');
    yield;
  }
  const coroutine = work();
  let refused: unknown;
  await loop.runUntilComplete(async () => {
    refused = await other.runUntilComplete(coroutine).catch((error: unknown) => error);
  });
  expect(refused).toMatchObject({
    name: 'RuntimeError',
    message: 'Cannot run the event loop while another loop is running',
  });
  await other.runUntilComplete(coroutine);
  expect(seen).toEqual(['begun']);
  other.close();
});

test('LOOP-RUN-05 LOOP-CLOSE-04 a closed loop leaves the coroutine untouched for another loop', async () => {
  const other = new TaskLoop();
  other.close();
  function* work(): Generator<undefined, number> {
    yield;
    return 5;
  }
  const coroutine = work();
  await expect(other.runUntilComplete(coroutine)).rejects.toThrow('Event loop is closed');
  expect(() => other.createTask(coroutine)).toThrow('Event loop is closed');
  expect(await loop.runUntilComplete(coroutine)).toBe(5);
});

test('LOOP-RUN-06 a coroutine is wrapped by the loop’s own createTask, so a task factory applies', async () => {
  const coroutine = async (): Promise<number> => 4;
  const calls: unknown[][] = [];
  loop.setTaskFactory(<T>(own: TaskLoop<IoBackend>, given: Coroutine<T>) => {
    calls.push([own, given]);
    return new Task<T>(given, { loop: own });
  });
  expect(await loop.runUntilComplete(coroutine)).toBe(4);
  expect(calls.map(([own, given]) => [own === loop, given === coroutine])).toEqual([[true, true]]);
});

test('LOOP-RUN-07 a future gives its result, or the very error', async () => {
  const future = loop.createFuture<number>();
  loop.callSoon(() => future.setResult(3));
  expect(await loop.runUntilComplete(future)).toBe(3);
  const error = new Error('mine');
  const failed = loop.createFuture();
  loop.callSoon(() => failed.setException(error));
  await expect(loop.runUntilComplete(failed)).rejects.toBe(error);
  await expect(
    loop.runUntilComplete(async () => {
      throw error;
    }),
  ).rejects.toBe(error);
});

test('LOOP-RUN-08 what ends cancelled is a CancelledError', async () => {
  const future = loop.createFuture();
  loop.callSoon(() => future.cancel());
  await expect(loop.runUntilComplete(future)).rejects.toThrow(CancelledError);
  const task = loop.createTask(async () => sleep(10));
  task.cancel();
  await expect(loop.runUntilComplete(task)).rejects.toThrow(CancelledError);
});

test('LOOP-RUN-09 anything that can be waited for: operations, promises, generators, thenables', async () => {
  const body = (function* () {
    yield;
    return 'operation';
  })();
  expect(await loop.runUntilComplete(operation(loop as never, body))).toBe('operation');
  expect(await loop.runUntilComplete(Promise.resolve('promise'))).toBe('promise');
  expect(
    await loop.runUntilComplete(
      (function* () {
        yield* sleep(0);
        return 'generator';
      })(),
    ),
  ).toBe('generator');
  const thenable = { then: (resolve: (value: string) => void) => resolve('thenable') };
  expect(await loop.runUntilComplete(thenable as PromiseLike<string>)).toBe('thenable');
});

test.each([['a text'], [5], [null], [undefined], [{}], [[]], [class {}]])(
  'LOOP-RUN-10 runUntilComplete(%p) is a TypeError, and no iteration is done',
  async (wrong) => {
    loop.callSoon(record, 'iteration');
    await expect(loop.runUntilComplete(wrong as never)).rejects.toThrow(TypeError);
    expect(seen).toEqual([]);
  },
);

test('LOOP-RUN-10 a plain function is a thunk: one that returns no promise is a TypeError that names it', async () => {
  await expect(loop.runUntilComplete(function plain() {} as never)).rejects.toThrow(/plain\(\) must return a promise/);
});

test('LOOP-RUN-11 a future of another loop is a ValueError', async () => {
  const other = new TaskLoop();
  await expect(loop.runUntilComplete(other.createFuture())).rejects.toMatchObject({ name: 'ValueError' });
  other.close();
});

test('LOOP-RUN-12 a finished future still takes one iteration', async () => {
  const future = loop.createFuture<string>();
  future.setResult('done');
  loop.callSoon(() => {
    record('queued');
    loop.callSoon(record, 'scheduled by it');
  });
  expect(await loop.runUntilComplete(future)).toBe('done');
  expect(seen).toEqual(['queued']);
  loop.stop();
  await loop.runForever();
  expect(seen).toEqual(['queued', 'scheduled by it']);
});

test('LOOP-RUN-13 what the last step has queued runs before the end, what that queues does not', async () => {
  await loop.runUntilComplete(async () => {
    await sleep(0);
    loop.callSoon(() => {
      record('queued in the last step');
      loop.callSoon(record, 'one more');
    });
  });
  expect(seen).toEqual(['queued in the last step']);
});

test('LOOP-RUN-14 done-callbacks added before the run have run at its end', async () => {
  const task = loop.createTask(async () => sleep(0));
  task.addDoneCallback(() => record('first'));
  task.addDoneCallback(() => record('second'));
  await loop.runUntilComplete(task);
  expect(seen).toEqual(['first', 'second']);
});

test('LOOP-RUN-15 a stop before the end is a RuntimeError; the task goes on in a later run', async () => {
  const task = loop.createTask(async () => {
    loop.stop();
    await sleep(0.001);
    return 'later';
  });
  await expect(loop.runUntilComplete(task)).rejects.toMatchObject({
    name: 'RuntimeError',
    message: 'Event loop stopped before Future completed.',
  });
  expect(task.done()).toBe(false);
  expect(await loop.runUntilComplete(task)).toBe('later');
});

test('LOOP-RUN-16 stop and end in one batch: the result, and a next run of one iteration', async () => {
  const task = loop.createTask(async () => {
    loop.stop();
    return 'result';
  });
  expect(await loop.runUntilComplete(task)).toBe('result');
  const again = (): void => {
    record('iteration');
    loop.callSoon(again);
  };
  loop.callSoon(again);
  await loop.runForever();
  expect(seen).toEqual(['iteration']);
});

test('LOOP-RUN-17 after an early end, the future no longer stops the loop', async () => {
  const future = loop.createFuture();
  loop.stop();
  await expect(loop.runUntilComplete(future)).rejects.toThrow('stopped before');
  loop.callSoon(() => future.setResult(undefined));
  loop.callLater(0.005, () => {
    record('still running');
    loop.stop();
  });
  await loop.runForever();
  expect(seen).toEqual(['still running']);
});

test('LOOP-RUN-17 the same when an exit error of somebody else ended the run', async () => {
  const future = loop.createFuture();
  loop.callSoon(() => {
    throw new KeyboardInterrupt('elsewhere');
  });
  await expect(loop.runUntilComplete(future)).rejects.toThrow('elsewhere');
  loop.callSoon(() => future.setResult(undefined));
  loop.callLater(0.005, () => {
    record('still running');
    loop.stop();
  });
  await loop.runForever();
  expect(seen).toEqual(['still running']);
});

const interrupting: [string, () => Coroutine<unknown>][] = [
  [
    'the synchronous begin of an async function',
    () => async () => {
      throw new KeyboardInterrupt('mine');
    },
  ],
  [
    'a later step of an async function',
    () => async () => {
      await sleep(0);
      throw new KeyboardInterrupt('mine');
    },
  ],
  [
    'a generator',
    () =>
      (function* () {
        yield* sleep(0);
        throw new KeyboardInterrupt('mine');
      })(),
  ],
  [
    'a step that waited for Node',
    () => async () => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      throw new KeyboardInterrupt('mine');
    },
  ],
];

test.each(interrupting)(
  'LOOP-RUN-20 an exit error of %s gets out, is kept in the task, and not reported',
  async (_, make) => {
    const contexts = recordExceptions(loop);
    let task!: Task;
    loop.setTaskFactory(<T>(own: TaskLoop<IoBackend>, coroutine: Coroutine<T>) => {
      const made = new Task<T>(coroutine, { loop: own });
      task = made;
      return made;
    });
    const error = await loop.runUntilComplete(make()).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'KeyboardInterrupt', message: 'mine' });
    loop.close(); // reports what nobody has looked at
    expect(contexts.map(({ message }) => message)).toEqual([]);
    expect([task.done(), task.exception()]).toEqual([true, error]);
  },
);

test.each(interrupting)(
  'LOOP-RUN-19 an exit error of a task by %s ends the run of another; the queue is intact',
  async (_, make) => {
    recordExceptions(loop);
    void loop.createTask(make());
    const future = loop.createFuture<string>();
    await expect(loop.runUntilComplete(future)).rejects.toThrow('mine');
    loop.callSoon(() => future.setResult('later'));
    expect(await loop.runUntilComplete(future)).toBe('later');
  },
);

test('LOOP-RUN-21 pending tasks survive from run to run', async () => {
  const task = loop.createTask(async () => {
    for (const name of ['a', 'b', 'c']) {
      record(name);
      await sleep(0);
    }
    return 'end';
  });
  for (let i = 0; i < 2; i++) {
    loop.stop();
    await loop.runForever();
  }
  expect(seen).toEqual(['a', 'b']);
  expect(await loop.runUntilComplete(task)).toBe('end');
});

test('LOOP-CLOSE-05 LOOP-CLOSE-09 a future can be made and ended after the close; with callbacks that is an error', () => {
  const future = loop.createFuture<number>();
  const watched = ['setResult', 'setException', 'cancel'].map(() => {
    const each = loop.createFuture<number>();
    each.addDoneCallback(() => record('never'));
    return each;
  }) as [Future<number>, Future<number>, Future<number>];
  loop.close();
  expect(isFuture(loop.createFuture())).toBe(true);
  future.setResult(1);
  expect(future.result()).toBe(1);
  const closed = expect.objectContaining({ name: 'RuntimeError', message: 'Event loop is closed' });
  expect(() => watched[0].setResult(1)).toThrow(closed);
  expect(() => watched[1].setException(new Error('mine'))).toThrow(closed);
  expect(() => watched[2].cancel()).toThrow(closed);
  expect(watched.map((each) => each.done())).toEqual([true, true, true]);
  expect(watched[1].exception()).toBeInstanceOf(Error);
});

test('RUNLOOP-01 the running loop is known in a done-callback and in a coroutine', async () => {
  const { getRunningLoop } = await import('@tsyncio/core');
  const loops: unknown[] = [];
  await loop.runUntilComplete(async () => {
    const future = loop.createFuture<void>();
    future.addDoneCallback(() => loops.push(getRunningLoop()));
    future.setResult();
    loops.push(getRunningLoop());
    await sleep(0);
    loops.push(getRunningLoop());
  });
  expect(loops.map((each) => each === loop)).toEqual([true, true, true]);
});

badCall('LOOP-CLOSE-04 runUntilComplete', () => new TaskLoop({ debug: false }), {
  wrong: {
    'a running generator function': {
      call: (own) => own.runUntilComplete(function* () {} as never),
      throws: 'TypeError',
    },
  },
  afterClose: { call: (own) => own.runUntilComplete(async () => undefined), throws: 'RuntimeError' },
  insideCallback: { call: (own) => own.runUntilComplete(async () => undefined), throws: 'RuntimeError' },
});
