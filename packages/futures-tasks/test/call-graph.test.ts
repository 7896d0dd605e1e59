import {
  captureCallGraph,
  currentTask,
  formatCallGraph,
  futureAddToAwaitedBy,
  futureDiscardFromAwaitedBy,
  gather,
  Lock,
  printCallGraph,
  shield,
  sleep,
  taskGroup,
  timeout,
  wait,
  waitFor,
  type Future,
  type FutureCallGraph,
  type Task,
} from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { play } from './helpers/world.js';

leakAudit();

/** The graph as nested names: `leaf < [parent < [...]]`. */
function outline(graph: FutureCallGraph): string {
  const future = graph.future as Future & Partial<Pick<Task, 'getName'>>;
  const name = future.getName?.() ?? future.constructor.name;
  return graph.awaitedBy.length === 0 ? name : `${name} < ${graph.awaitedBy.map(outline).sort().join(', ')}`;
}

const of = (future: Future): string => outline(captureCallGraph(future)!);

test('a task that is awaited, through operations, a future and others', () =>
  play(async ({ loop }) => {
    currentTask()!.setName('main');
    const future = loop.createFuture<void>();
    const leaf = loop.createTask(() => future, { name: 'leaf' });
    const middle = loop.createTask(() => waitFor(leaf, 50), { name: 'middle' });
    const generator = loop.createTask(
      (function* () {
        yield* middle;
      })(),
      { name: 'generator' },
    );
    await sleep(0);
    await sleep(0);
    expect(of(future)).toBe('Future < leaf < middle < generator');
    loop.callLater(1, () => {
      expect(of(future)).toBe('Future < leaf < middle < generator < main');
      future.setResult();
    });
    await generator;
    expect(of(future)).toBe('Future');
    expect(of(leaf)).toBe('leaf');
  }));

test('gather, wait, shield and task groups stand between', () =>
  play(async ({ loop }) => {
    currentTask()!.setName('main');
    const task = (name: string): Task => loop.createTask(() => sleep(1), { name });
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(task) as [Task, Task, Task, Task];
    const waiting = loop.createTask(() => wait([b, c], { timeout: 0.5 }), { name: 'waiting' });
    const shielded = shield(d);
    const shielding = loop.createTask(() => shielded, { name: 'shielding' });
    let member!: Task;
    const group = loop.createTask(
      () =>
        taskGroup(async (tasks) => {
          member = tasks.createTask(() => sleep(1), { name: 'member' });
        }),
      { name: 'group' },
    );
    loop.callLater(0.25, () => {
      expect(of(a)).toBe('a < _GatheringFuture < main');
      expect(of(b)).toBe('b < waiting');
      expect(of(d)).toBe('d < Future < shielding');
      expect(of(member)).toBe('member < group');
    });
    loop.callLater(0.75, () => expect(of(c)).toBe('c'));
    await gather(a);
    await gather(waiting, shielding, group);
    expect(of(d)).toBe('d');
  }));

test('who waits for a lock, and code with a deadline', () =>
  play(async ({ loop }) => {
    const lock = new Lock();
    await lock.acquire();
    const task = loop.createTask(() => timeout(5, () => lock.acquire()), { name: 'locked out' });
    const parent = loop.createTask(() => task, { name: 'parent' });
    await sleep(0);
    await sleep(0);
    expect(of(task)).toBe('locked out < parent');
    lock.release();
    await parent;
  }));

test('the current task is the default, with the frames of the call', () =>
  play(async () => {
    await sleep(0);
    const inner = async (): Promise<FutureCallGraph> => {
      await sleep(0);
      return captureCallGraph()!;
    };
    async function outer(): Promise<FutureCallGraph> {
      return await inner();
    }
    const { future, callStack, awaitedBy } = await outer();
    expect(future === currentTask()).toBe(true);
    // With source maps, as here, the word `async` is missing.
    const names = callStack.map((line) => line.replace('async ', '').split(' (')[0]);
    expect(names).toEqual(['at inner', 'at outer', expect.stringMatching(/call-graph/)]);
    expect(awaitedBy).toEqual([]);
    const named = function caller(options: object): readonly string[] {
      return captureCallGraph(null, options)!.callStack;
    };
    expect(named({})[0]).toContain('at caller ');
    expect(named({ depth: 2 })[0]).not.toContain('at caller ');
    expect(named({ limit: 0 })).toEqual([]);
    expect(named({ limit: -1 })).toEqual([expect.stringContaining('at caller ')]);
    const [outermost, ...others] = named({ limit: 1 }).map((line) => line.replace(/:\d+:\d+\)?$/, ''));
    expect(named({}).at(-1)).toContain(outermost);
    expect(others).toEqual([]);
  }));

test('in the first step, of both kinds of coroutine, the frames end where the loop begins', () =>
  play(async ({ loop }) => {
    const stacks: (readonly string[])[] = [];
    const first = async (): Promise<void> => void stacks.push(captureCallGraph()!.callStack);
    function* second(): Generator<unknown, void, unknown> {
      stacks.push(captureCallGraph()!.callStack);
    }
    await gather(loop.createTask(first), loop.createTask(second()));
    expect(stacks.map((stack) => stack.map((line) => line.split(' (')[0]!.split('.')[0]))).toEqual([
      ['at first'],
      ['at second', 'at second'],
    ]);
  }));

test('null in a plain callback, a RuntimeError outside of a run, a TypeError for what is no future', async () => {
  await play(async ({ loop }) => {
    const seen: unknown[] = [];
    loop.callSoon(() => seen.push(captureCallGraph(), formatCallGraph()));
    await sleep(0);
    expect(seen).toEqual([null, '']);
    expect(() => captureCallGraph(5 as never)).toThrow(TypeError);
    expect(() => futureAddToAwaitedBy(5 as never, currentTask()!)).toThrow(TypeError);
    expect(() => futureDiscardFromAwaitedBy(currentTask()!, {} as never)).toThrow(TypeError);
  });
  expect(() => captureCallGraph()).toThrow(expect.objectContaining({ name: 'RuntimeError' }));
});

test('a wait for a promise outside of the loop is shown', () =>
  play(async ({ loop }) => {
    let settle!: () => void;
    const foreign = new Promise<void>((resolve) => (settle = resolve));
    const task = loop.createTask(async function fetchAll() {
      await foreign;
    });
    await sleep(0);
    expect(captureCallGraph(task)!.callStack).toEqual(['a promise outside of the loop', 'at fetchAll']);
    settle();
    await task;
  }));

test('a circle of tasks ends', () =>
  play(async ({ loop }) => {
    const tasks: Task[] = [];
    for (const name of ['a', 'b']) tasks.push(loop.createTask(async () => tasks[name === 'a' ? 1 : 0], { name }));
    await sleep(0);
    await sleep(0);
    expect(of(tasks[0]!)).toBe('a < b');
    for (const task of tasks) task.cancel();
    await gather(...tasks, { returnExceptions: true });
  }));

test('other libraries can say who waits', () =>
  play(async ({ loop }) => {
    const future = loop.createFuture();
    const task = currentTask()!;
    task.setName('main');
    futureAddToAwaitedBy(future, task);
    futureAddToAwaitedBy(future, task);
    expect(of(future)).toBe('Future < main');
    futureDiscardFromAwaitedBy(future, task);
    expect(of(future)).toBe('Future');
  }));

test('as text', () =>
  play(async ({ loop }) => {
    const leaf = loop.createTask(
      async function leaf() {
        await sleep(1);
      },
      { name: 'leaf' },
    );
    const parents = ['one', 'two'].map((name) =>
      loop.createTask(
        async function parent() {
          await leaf;
        },
        { name },
      ),
    );
    const both = loop.createTask(
      async function both() {
        await gather(...parents);
      },
      { name: 'both' },
    );
    await sleep(0);
    await sleep(0);
    const text: string[] = [];
    printCallGraph(leaf, { file: { write: (chunk: string) => text.push(chunk) } });
    expect(text.join('')).toBe(`* Task(name='leaf')
  + Call stack:
  |   at leaf
  + Awaited by:
     * Task(name='one')
       + Call stack:
       |   at parent
       + Awaited by:
          * _GatheringFuture()
            + Awaited by:
               * Task(name='both')
                 + Call stack:
                 |   at both
     * Task(name='two')
       + Call stack:
       |   at parent
       + Awaited by:
          * _GatheringFuture()
            + Awaited by:
               * Task(name='both')
                 + Call stack:
                 |   at both
`);
    expect(formatCallGraph(leaf, { limit: 0 })).not.toContain('Call stack');
    await both;
    const seen: string[] = [];
    const write = jest.spyOn(process.stdout, 'write').mockImplementation((chunk) => seen.push(String(chunk)) > 0);
    printCallGraph(loop.createFuture());
    write.mockRestore();
    expect(seen).toEqual(['* Future()\n']);
  }));
