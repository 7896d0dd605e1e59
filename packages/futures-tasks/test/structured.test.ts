import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isCancelled, RuntimeError } from '@tsyncio/core';
import {
  allTasks,
  Barrier,
  currentTask,
  eagerTaskFactory,
  gather,
  Queue,
  sleep,
  taskGroup,
  timeout,
  wait,
  type Coroutine,
  type Task,
  type TaskGroup,
  type TaskLoop,
  type Timeout,
} from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { World } from './helpers/world.js';
import { kinds, type Body, type Kind } from './support.js';

/*
 * Timeouts, task groups, barriers and the end of queues: each program below stands as a Python program in golden/structured.py, and must leave the
 * trace that CPython 3.13 left: golden/structured.json. A line with `*` is the first in its iteration, `@` is the time.
 */

leakAudit();

type Program = (play: Play) => Body;
type Fn<A extends unknown[] = []> = (...args: A) => Body;
type How = 'raise' | 'error' | 'swallow';

class Play {
  readonly lines: string[] = [];
  private lastTime = 0;
  private lastIteration = -1;

  constructor(
    private readonly world: World,
    private readonly kind: Kind,
  ) {}

  get loop(): TaskLoop {
    return this.world.loop as unknown as TaskLoop;
  }

  readonly log = (text: string): void => {
    if (this.world.now !== this.lastTime) {
      this.lastTime = this.world.now;
      this.lines.push(`@${this.lastTime}`);
    }
    const { iteration } = this.world;
    this.lines.push(iteration === this.lastIteration ? text : `*${text}`);
    this.lastIteration = iteration;
  };

  coroutine(fn: Fn): Coroutine {
    return this.kind(fn);
  }

  task(fn: Fn): Task {
    return this.loop.createTask(this.coroutine(fn));
  }

  /** A function for `timeout` or `taskGroup`. */
  body<A extends unknown[]>(fn: Fn<A>): (...args: A) => Body & PromiseLike<any> {
    return (...args) => {
      const coroutine: unknown = this.coroutine(() => fn(...args));
      return typeof coroutine === 'function' ? coroutine() : coroutine;
    };
  }

  timeout(delay: number | null, fn: Fn<[Timeout]>): Fn {
    const body = this.body(fn);
    return function* () {
      return yield timeout(delay, body);
    };
  }

  group(fn: Fn<[TaskGroup]>): Fn {
    const body = this.body(fn);
    return function* () {
      return yield taskGroup(body);
    };
  }

  *passed(label: string, fn: Fn): Body {
    try {
      const value = (yield fn()) as unknown;
      this.log(`${label} = ${value === undefined ? 'none' : String(value)}`);
      return value;
    } catch (error) {
      this.log(`${label} ! ${nameOf(error)}`);
      throw error;
    }
  }

  *logged(label: string, fn: Fn): Body {
    try {
      return yield this.passed(label, fn);
    } catch {
      return undefined;
    }
  }

  *work(label: string, seconds: number, cleanup = 0, error: Error | null = null, end: How = 'raise'): Body {
    this.log(`${label} begins`);
    try {
      yield sleep(seconds);
      this.log(`${label} ends`);
      if (error !== null) throw error;
      return label;
    } catch (caught) {
      if (!isCancelled(caught)) throw caught;
      this.log(`${label} cancelled`);
      if (cleanup > 0) {
        yield sleep(cleanup);
        this.log(`${label} cleaned`);
      }
      if (end === 'raise') throw caught;
      if (end === 'error') throw new SyntaxError('', { cause: caught });
      return 'swallowed';
    }
  }

  worker(...args: Parameters<Play['work']>): Coroutine {
    return this.coroutine(() => this.work(...args));
  }

  stepper(label: string, waits: number, error: Error | null = null): Coroutine {
    const { log } = this;
    return this.coroutine(function* () {
      log(`${label} begins in ${currentTask()!.getName()}`);
      for (let i = 0; i < waits; i++) {
        yield sleep(0);
        log(`${label} goes on`);
      }
      if (error !== null) throw error;
      return label;
    });
  }

  counts(): string {
    return String(currentTask()!.cancelling());
  }
}

function nameOf(error: unknown): string {
  if (error instanceof AggregateError) return `Group(${error.errors.map(nameOf).join(', ')})`;
  return { SyntaxError: 'SyntaxErr' }[(error as Error).name] ?? (error as Error).name;
}

const pause = (delay: number): Fn =>
  function* () {
    return yield sleep(delay);
  };
const slept: Fn = function* () {
  return yield sleep(1, 'slept');
};

const programs: Record<string, Program> = {
  *expires(p) {
    yield p.logged(
      'timeout',
      p.timeout(1, function* (t) {
        try {
          yield sleep(10);
        } catch (error) {
          p.log(`in body ${p.counts()} ${t.expired()}`);
          throw error;
        }
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *in_time(p) {
    yield p.logged(
      'timeout',
      p.timeout(2, function* () {
        yield sleep(1);
        return 'value';
      }),
    );
    yield sleep(5);
    p.log(`end ${p.counts()}`);
  },
  *nested_same_deadline(p) {
    yield nestedTimeouts(p, 1, 1, 1);
  },
  *outer_expires_in_cleanup_of_inner(p) {
    yield nestedTimeouts(p, 2, 1, 3);
  },
  *inner_expires_in_cleanup_of_outer(p) {
    yield nestedTimeouts(p, 1, 2, 3);
  },
  *inner_timeout_caught_then_outer(p) {
    yield p.logged(
      'outer',
      p.timeout(2, function* () {
        yield p.logged('inner', p.timeout(1, pause(10)));
        p.log(`between ${p.counts()}`);
        yield sleep(10);
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *cancelled_before_expiry(p) {
    const task = p.task(function* () {
      try {
        yield p.passed(
          'timeout',
          p.timeout(1, () => p.work('body', 10)),
        );
      } finally {
        p.log(`counts ${p.counts()}`);
      }
    });
    p.loop.callAt(0.5, () => task.cancel());
    yield p.logged('task', () => join(task));
  },
  *cancelled_with_expiry(p) {
    const task = p.task(function* () {
      try {
        yield p.passed(
          'timeout',
          p.timeout(1, function* (t) {
            p.loop.callAt(t.when()!, () => {
              p.log('cancel');
              task.cancel();
            });
            yield p.work('body', 10);
          }),
        );
      } finally {
        p.log(`counts ${p.counts()}`);
      }
    });
    yield p.logged('task', () => join(task));
  },
  *cancelled_just_before_expiry(p) {
    const task = p.task(function* () {
      try {
        yield p.passed(
          'timeout',
          p.timeout(null, function* (t) {
            t.reschedule(p.loop.time() + 1);
            yield p.work('body', 10);
          }),
        );
      } finally {
        p.log(`counts ${p.counts()}`);
      }
    });
    yield sleep(0);
    p.loop.callLater(1, () => task.cancel());
    yield p.logged('task', () => join(task));
  },
  *swallowed(p) {
    yield p.logged(
      'timeout',
      p.timeout(1, () => p.work('body', 10, 0, null, 'swallow')),
    );
    p.log(`after ${p.counts()}`);
    yield sleep(1);
    p.log('slept');
  },
  *swallowed_and_waits_on(p) {
    yield p.logged(
      'timeout',
      p.timeout(1, function* (t) {
        const value = (yield p.work('body', 10, 0, null, 'swallow')) as unknown;
        p.log(`counts ${p.counts()}`);
        yield sleep(1);
        p.log('on');
        try {
          t.reschedule(100);
        } catch (error) {
          if (error instanceof RuntimeError) p.log('refused');
        }
        return value;
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *other_error(p) {
    yield p.logged(
      'timeout',
      p.timeout(1, () => p.work('body', 10, 1, null, 'error')),
    );
    p.log(`after ${p.counts()}`);
  },
  *no_time(p) {
    for (const delay of [0, -1]) {
      yield p.logged(
        'timeout',
        p.timeout(delay, function* () {
          p.log('begins');
          yield sleep(0);
          p.log('passed');
          yield sleep(0);
          p.log('passed again');
          yield sleep(1);
        }),
      );
    }
    yield p.logged(
      'timeout',
      p.timeout(0, function* () {
        return 'quick';
      }),
    );
    yield sleep(0);
    p.log(`after ${p.counts()}`);
  },
  *rescheduled(p) {
    yield p.logged(
      'timeout',
      p.timeout(1, function* (t) {
        p.log(`when ${t.when()}`);
        t.reschedule(p.loop.time() + 3);
        p.log(`when ${t.when()}`);
        yield sleep(2);
        p.log('still');
        t.reschedule(p.loop.time() - 1);
        p.log('past');
        yield sleep(0);
        p.log('one');
        yield sleep(0);
        p.log('two');
      }),
    );
  },
  *deadline_taken_away(p) {
    yield p.logged(
      'timeout',
      p.timeout(1, function* (t) {
        t.reschedule(null);
        yield sleep(5);
        return 'late';
      }),
    );
  },
  *user_uncancels(p) {
    yield p.logged(
      'timeout',
      p.timeout(1, function* () {
        try {
          yield sleep(10);
        } catch {
          p.log(`${currentTask()!.uncancel()} left`);
          p.log(`${currentTask()!.uncancel()} left`);
        }
        yield sleep(1);
        return 'went on';
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *user_uncancels_outer(p) {
    yield p.logged(
      'outer',
      p.timeout(1, () =>
        p.passed(
          'inner',
          p.timeout(3, function* () {
            try {
              yield sleep(10);
            } catch {
              p.log(`${currentTask()!.uncancel()} left`);
            }
            yield sleep(10);
          }),
        ),
      ),
    );
    p.log(`after ${p.counts()}`);
  },
  *cancellation_due_at_entry(p) {
    const task = p.task(function* () {
      for (const delay of [0, 1]) {
        currentTask()!.cancel();
        yield p.logged(
          'timeout',
          p.timeout(delay, () => p.work('body', 10)),
        );
        p.log(`counts ${p.counts()}`);
      }
      currentTask()!.cancel();
      yield p.logged(
        'group',
        p.group(function* (g) {
          void g.createTask(p.worker('a', 5));
          yield p.work('b', 5);
        }),
      );
      p.log(`counts ${p.counts()}`);
    });
    yield p.logged('task', () => join(task));
  },
  *own_timeout_inside(p) {
    // A user's own deadline, by cancel and uncancel.
    const mine = function* (delay: number, fn: Fn): Body {
      const task = currentTask()!;
      const before = task.cancelling();
      let fired = false;
      const timer = p.loop.callLater(delay, () => {
        fired = true;
        task.cancel();
      });
      try {
        return yield fn();
      } catch (error) {
        if (isCancelled(error) && fired && task.uncancel() <= before) return 'my deadline';
        throw error;
      } finally {
        timer.cancel();
      }
    };
    for (const [theirs, own] of [
      [1, 2],
      [2, 1],
      [1, 1],
    ] as const) {
      yield p.logged(
        'timeout',
        p.timeout(theirs, () => p.passed('mine', () => mine(own, pause(10)))),
      );
      p.log(`after ${p.counts()}`);
    }
  },

  *all_well(p) {
    yield p.logged(
      'group',
      p.group(function* (g) {
        void g.createTask(p.worker('a', 2));
        void g.createTask(p.worker('b', 1));
        p.log('body ends');
        return 'value';
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *empty_group(p) {
    yield p.logged(
      'group',
      p.group(function* () {
        return 'value';
      }),
    );
    yield p.logged(
      'group',
      p.group(function* () {
        throw new RangeError();
      }),
    );
  },
  *child_fails(p) {
    yield p.logged(
      'group',
      p.group(function* (g) {
        void g.createTask(p.worker('a', 10, 0));
        void g.createTask(p.worker('b', 10, 2));
        void g.createTask(p.worker('c', 1, 0, new RangeError()));
        try {
          yield sleep(10);
        } catch (error) {
          p.log(`body cancelled ${p.counts()}`);
          throw error;
        }
      }),
    );
    p.log(`after ${p.counts()}`);
    yield sleep(1);
    p.log('slept');
  },
  *child_fails_while_leaving(p) {
    yield p.logged(
      'group',
      p.group(function* (g) {
        void g.createTask(p.worker('a', 10, 1));
        void g.createTask(p.worker('c', 1, 0, new RangeError()));
        p.log('body ends');
      }),
    );
    p.log(`after ${p.counts()}`);
    yield sleep(1);
    p.log('slept');
  },
  *last_child_fails(p) {
    yield p.logged(
      'group',
      p.group(function* (g) {
        void g.createTask(p.worker('c', 1, 0, new RangeError()));
      }),
    );
    p.log(`after ${p.counts()}`);
    yield sleep(0);
    p.log('slept');
  },
  *body_fails(p) {
    yield p.logged(
      'group',
      p.group(function* (g) {
        void g.createTask(p.worker('a', 10, 1));
        yield sleep(1);
        throw new RangeError();
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *errors_of_cleanup(p) {
    yield p.logged(
      'group',
      p.group(function* (g) {
        void g.createTask(p.worker('a', 10, 1, null, 'error'));
        void g.createTask(p.worker('b', 10, 2, null, 'error'));
        void g.createTask(p.worker('c', 10, 2, null, 'swallow'));
        yield sleep(1);
        throw new RangeError();
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *two_fail_at_once(p) {
    yield p.logged(
      'group',
      p.group(function* (g) {
        void g.createTask(p.worker('a', 1, 0, new RangeError()));
        void g.createTask(p.worker('b', 1, 0, new SyntaxError()));
        void g.createTask(p.worker('c', 5));
        yield p.work('body', 10, 1);
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *body_swallows(p) {
    yield p.logged(
      'group',
      p.group(function* (g) {
        void g.createTask(p.worker('a', 1, 0, new RangeError()));
        yield p.work('body', 10, 0, null, 'swallow');
        refused(p, g);
        yield sleep(2);
        p.log('went on');
        return 1;
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *group_cancelled_in_body(p) {
    yield groupCancelled(p, 1, function* (g) {
      void g.createTask(p.worker('a', 10, 1));
      yield p.work('body', 10);
    });
  },
  *group_cancelled_while_leaving(p) {
    yield groupCancelled(p, 1, function* (g) {
      void g.createTask(p.worker('a', 10, 1));
      void g.createTask(p.worker('b', 10));
    });
  },
  *group_cancelled_and_child_errors(p) {
    yield groupCancelled(p, 1, function* (g) {
      void g.createTask(p.worker('a', 10, 1, null, 'error'));
      yield p.work('body', 10);
    });
  },
  *group_cancelled_after_failure(p) {
    yield groupCancelled(p, 2, function* (g) {
      void g.createTask(p.worker('a', 10, 2));
      void g.createTask(p.worker('b', 1, 0, new RangeError()));
      yield p.work('body', 10);
    });
  },
  *group_cancelled_body_swallows(p) {
    yield groupCancelled(p, 1, function* (g) {
      void g.createTask(p.worker('a', 10, 1));
      yield p.work('body', 10, 0, null, 'swallow');
    });
  },
  *child_cancelled_alone(p) {
    yield p.logged(
      'group',
      p.group(function* (g) {
        const a = g.createTask(p.worker('a', 10));
        void g.createTask(p.worker('b', 2));
        yield sleep(1);
        a.cancel();
        return 'fine';
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *nested_groups(p) {
    yield p.logged(
      'outer',
      p.group(function* (g) {
        void g.createTask(p.worker('a', 10, 1));
        yield p.passed(
          'inner',
          p.group(function* (inner) {
            void inner.createTask(p.worker('x', 1, 0, new RangeError()));
            yield p.work('inner body', 10);
          }),
        );
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *outer_fails_in_inner(p) {
    yield p.logged(
      'outer',
      p.group(function* (g) {
        void g.createTask(p.worker('a', 1, 0, new RangeError()));
        yield p.passed(
          'inner',
          p.group(function* (inner) {
            void inner.createTask(p.worker('x', 10, 1));
            yield p.work('inner body', 10);
          }),
        );
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *outer_fails_inner_errors(p) {
    yield p.logged(
      'outer',
      p.group(function* (g) {
        void g.createTask(p.worker('a', 1, 0, new RangeError()));
        yield p.logged(
          'inner',
          p.group(function* (inner) {
            void inner.createTask(p.worker('x', 10, 1, null, 'error'));
            yield p.work('inner body', 10);
          }),
        );
        p.log(`counts ${p.counts()}`);
        yield p.passed('next', slept);
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *group_in_timeout(p) {
    yield p.logged(
      'timeout',
      p.timeout(1, () => p.passed('group', groupOfOne(p, 'raise'))),
    );
    p.log(`after ${p.counts()}`);
  },
  *group_in_timeout_errors(p) {
    yield p.logged(
      'timeout',
      p.timeout(1, function* () {
        yield p.logged('group', groupOfOne(p, 'error'));
        p.log(`counts ${p.counts()}`);
        yield p.passed('next', slept);
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *group_in_timeout_errors_pass(p) {
    yield p.logged(
      'timeout',
      p.timeout(1, () => p.passed('group', groupOfOne(p, 'error'))),
    );
    p.log(`after ${p.counts()}`);
    yield sleep(0);
    p.log('slept');
  },
  *timeout_in_group(p) {
    yield p.logged(
      'group',
      p.group(function* (g) {
        void g.createTask(p.worker('a', 10));
        yield p.timeout(1, pause(10))();
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *timeout_in_child(p) {
    yield p.logged(
      'group',
      p.group(function* (g) {
        void g.createTask(p.coroutine(p.timeout(1, pause(10))));
        void g.createTask(p.worker('a', 3));
        yield p.work('body', 3);
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *children_make_children(p) {
    yield p.logged(
      'group',
      p.group(function* (g) {
        const parent = function* (n: number): Body {
          p.log(`p${n}`);
          yield sleep(1);
          if (n < 3) void g.createTask(p.coroutine(() => parent(n + 1)));
        };
        void g.createTask(p.coroutine(() => parent(0)));
        p.log('body ends');
      }),
    );
  },
  *finished_group(p) {
    let held: TaskGroup | undefined;
    yield p.logged(
      'group',
      p.group(function* (g) {
        held = g;
      }),
    );
    refused(p, held!);
  },

  *barrier_rounds(p) {
    const barrier = new Barrier(2);
    const one = function* (name: string): Body {
      for (let round = 0; round < 2; round++) {
        p.log(`${name} waits ${barrier.nWaiting}`);
        const index = (yield barrier.wait()) as number;
        p.log(`${name} passes ${index} ${barrier.nWaiting}`);
      }
    };
    yield gather(...['a', 'b', 'c', 'd'].map((name) => p.coroutine(() => one(name))));
    p.log(/\[(.*)\]/.exec(String(barrier))![1]!);
  },
  *barrier_aborted(p) {
    const barrier = new Barrier(3);
    let tasks = barrierTasks(p, barrier, 'ab');
    yield sleep(0);
    yield barrier.abort();
    p.log(`aborted ${barrier.broken}`);
    yield wait(tasks);
    yield p.logged('late', () => atBarrier(barrier));
    yield barrier.reset();
    p.log(`reset ${barrier.broken}`);
    tasks = barrierTasks(p, barrier, 'abc');
    yield wait(tasks);
  },
  *barrier_reset(p) {
    const barrier = new Barrier(3);
    const tasks = barrierTasks(p, barrier, 'ab');
    yield sleep(0);
    p.log(`waiting ${barrier.nWaiting}`);
    tasks.push(
      p.task(function* () {
        yield barrier.reset();
      }),
      ...barrierTasks(p, barrier, 'cde'),
    );
    yield wait(tasks);
    p.log(`waiting ${barrier.nWaiting}`);
  },
  *barrier_cancelled(p) {
    const barrier = new Barrier(2);
    const [a] = barrierTasks(p, barrier, 'a');
    yield sleep(0);
    a!.cancel();
    yield sleep(0);
    yield sleep(0);
    p.log(`waiting ${barrier.nWaiting}`);
    yield wait(barrierTasks(p, barrier, 'cd'));
  },
  *barrier_of_one(p) {
    const barrier = new Barrier(1);
    for (let i = 0; i < 2; i++) yield p.logged('a', () => atBarrier(barrier));
  },

  *queue_ends(p) {
    let queue = new Queue<number>(1);
    const get = function* (): Body {
      return yield queue.get();
    };
    const put = function* (): Body {
      yield queue.put(2);
    };
    let tasks = [0, 1, 2].map((i) => p.task(() => p.logged(`get${i}`, get)));
    yield sleep(0);
    queue.putNowait(1);
    queue.shutdown();
    p.log('shut');
    yield wait(tasks);
    queue = new Queue(1);
    queue.putNowait(1);
    tasks = [0, 1].map((i) => p.task(() => p.logged(`put${i}`, put)));
    yield sleep(0);
    queue.shutdown();
    p.log('shut');
    yield wait(tasks);
    yield p.logged('get', get);
    yield p.logged('get', get);
    yield p.logged('put', put);
    for (const call of [() => queue.getNowait(), () => queue.putNowait(1)]) {
      try {
        call();
      } catch (error) {
        p.log(nameOf(error));
      }
    }
  },
  *queue_ends_at_once(p) {
    const queue = new Queue<number>();
    for (let i = 0; i < 3; i++) queue.putNowait(i);
    yield queue.get();
    const get = function* (): Body {
      return yield queue.get();
    };
    const join = function* (): Body {
      yield queue.join();
    };
    const tasks = [p.task(() => p.logged('join', join)), p.task(() => p.logged('get', get))];
    queue.shutdown(true);
    p.log(`shut ${queue.qsize()}`);
    yield sleep(0);
    yield sleep(0);
    p.log('done');
    queue.taskDone();
    yield wait(tasks);
    yield p.logged('get', get);
  },
  *queue_ends_after_join(p) {
    const queue = new Queue<number>(2);
    queue.putNowait(1);
    queue.putNowait(2);
    const tasks = [
      p.task(() =>
        p.logged('join', function* () {
          yield queue.join();
        }),
      ),
      p.task(() =>
        p.logged('put', function* () {
          yield queue.put(3);
        }),
      ),
    ];
    yield sleep(0);
    queue.shutdown();
    queue.shutdown(true);
    p.log('shut');
    yield wait(tasks);
  },

  *eager_waits(p) {
    eager(p);
    currentTask()!.setName('main');
    p.loop.callSoon(() => p.log('queued before'));
    p.log('before');
    const a = p.loop.createTask(p.stepper('a', 2), { name: 'eager' });
    p.log(`after in ${currentTask()!.getName()} ${a.done()}`);
    const b = p.loop.createTask(p.stepper('b', 1), { name: 'second' });
    p.log(`tasks ${allTasks().size}`);
    yield p.logged('a', () => join(a));
    yield p.logged('b', () => join(b));
  },
  *eager_fails_later(p) {
    eager(p);
    const task = p.loop.createTask(p.stepper('a', 1, new RangeError()), { name: 'eager' });
    p.log('made');
    yield p.logged('a', () => join(task));
  },
  *eager_cancelled(p) {
    eager(p);
    const task = p.task(() => p.work('a', 10));
    task.cancel();
    p.log('asked');
    yield p.logged('a', () => join(task));
  },
  *eager_cancels_itself(p) {
    eager(p);
    const task = p.task(function* () {
      currentTask()!.cancel();
      p.log('asked');
      yield p.work('a', 10);
    });
    p.log('made');
    yield p.logged('a', () => join(task));
  },
  *eager_in_eager(p) {
    eager(p);
    const outer = p.coroutine(function* () {
      p.log('outer');
      const inner = p.loop.createTask(p.stepper('inner', 1), { name: 'i' });
      p.log(`outer on in ${currentTask()!.getName()}`);
      yield p.logged('inner', () => join(inner));
    });
    const task = p.loop.createTask(outer, { name: 'o' });
    p.log('main');
    yield p.logged('outer', () => join(task));
  },
  *eager_group(p) {
    eager(p);
    yield p.logged(
      'group',
      p.group(function* (g) {
        void g.createTask(p.stepper('a', 1), { name: 'a' });
        void g.createTask(p.stepper('b', 2, new RangeError()), { name: 'b' });
        void g.createTask(p.worker('c', 10));
        p.log('body');
        yield sleep(10);
      }),
    );
    p.log(`after ${p.counts()}`);
  },
  *generators_eager_ends(p) {
    eager(p);
    let task = p.loop.createTask(p.stepper('a', 0), { name: 'eager' });
    p.log(`made ${task.done()} ${task.getCoro() === null}`);
    p.log(`tasks ${allTasks().size}`);
    yield p.logged('a', () => join(task));
    task = p.loop.createTask(p.stepper('b', 0, new RangeError()), { name: 'eager' });
    p.log(`made ${task.done()}`);
    yield p.logged('b', () => join(task));
    yield sleep(0);
    p.log('end');
  },
  *generators_eager_group_fails_at_once(p) {
    eager(p);
    yield p.logged(
      'group',
      p.group(function* (g) {
        void g.createTask(p.worker('a', 10));
        void g.createTask(p.stepper('b', 0, new RangeError()), { name: 'b' });
        p.log('made');
        refused(p, g);
        yield sleep(10);
      }),
    );
    p.log(`after ${p.counts()}`);
  },
};

function eager(p: Play): void {
  p.loop.setTaskFactory(eagerTaskFactory);
}

function* join(task: Task): Body {
  return yield task;
}

function* nestedTimeouts(p: Play, outer: number, inner: number, cleanup: number): Body {
  yield p.logged(
    'outer',
    p.timeout(outer, () =>
      p.passed(
        'inner',
        p.timeout(inner, () => p.work('body', 10, cleanup)),
      ),
    ),
  );
  p.log(`after ${p.counts()}`);
}

function* groupCancelled(p: Play, when: number, body: Fn<[TaskGroup]>): Body {
  const task = p.task(function* () {
    try {
      yield p.passed('group', p.group(body));
    } catch (error) {
      if (isCancelled(error)) throw error;
    } finally {
      p.log(`counts ${p.counts()}`);
    }
    yield p.passed('sleep', slept);
  });
  p.loop.callAt(when, () => task.cancel());
  yield p.logged('task', () => join(task));
}

function groupOfOne(p: Play, end: How): Fn {
  return p.group(function* (g) {
    void g.createTask(p.worker('a', 10, 1, null, end));
    yield p.work('body', 10);
  });
}

function refused(p: Play, group: TaskGroup): void {
  try {
    void group.createTask(p.worker('late', 1));
  } catch (error) {
    if (error instanceof RuntimeError) p.log('refused');
  }
}

function* atBarrier(barrier: Barrier): Body {
  return yield barrier.wait();
}

function barrierTasks(p: Play, barrier: Barrier, names: string): Task[] {
  return [...names].map((name) => p.task(() => p.logged(name, () => atBarrier(barrier))));
}

const golden = JSON.parse(readFileSync(path.join(__dirname, 'golden/structured.json'), 'utf8')) as Record<
  string,
  string[]
>;

test('each program has its twin', () => {
  expect(Object.keys(programs)).toEqual(Object.keys(golden));
});

// An async function that has begun eagerly and has not waited has ended a microtask later: its programs are for generators only.
const names = (kind: string): string[] =>
  Object.keys(golden).filter((name) => kind === 'generator' || !name.startsWith('generators_'));

describe.each(kinds)('%s', (kindName, kind) => {
  test.each(names(kindName))('%s', async (name) => {
    const world = new World();
    const play = new Play(world, kind);
    await world.run(play.coroutine(() => programs[name]!(play)));
    expect(world.loop.timersLeft()).toBe(0);
    world.loop.close();
    expect(world.takeReports()).toEqual([]);
    expect(play.lines).toEqual(golden[name]);
  });
});
