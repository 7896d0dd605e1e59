import { CancelledError, ContextVar, type Handle, isCancelled, TimeoutError } from '@tsyncio/core';
import {
  allTasks,
  BoundedSemaphore,
  Condition,
  type Coroutine,
  currentTask,
  Event,
  type Future,
  gather,
  isFuture,
  LifoQueue,
  Lock,
  type Operation,
  PriorityQueue,
  Queue,
  Semaphore,
  shield,
  sleep,
  type Task,
  TaskLoop,
  wait,
  waitFor,
} from '@tsyncio/futures-tasks';
import type { Action, Caught, Coro, Op, Program, Shared, Stmt, Trace } from './program.js';
import { IterationProbe, VirtualClock, VirtualHost } from './virtual-time.js';

// The same numbers as in python/run_program.py.
const FUEL = 250;
const MAX_TASKS = 60;
const REAPS = [64, 128, 192];
const END = 256;
/** Real milliseconds after which a program counts as stuck. */
const STUCK_MS = 5000;

/** The exception that programs raise. */
export class UserError extends Error {
  constructor(readonly code: number) {
    super(`E${code}`);
  }
}

/** One activation of a task's or callback's code: its label in the trace, and the task it began in. */
export interface Env {
  readonly label: string;
  task: Task<unknown> | null;
}

/** The signal of a `return` statement. */
export interface Return {
  readonly value: number;
}

/** Both kinds of bodies, given by the interpreters for them. */
export interface Bodies {
  async(world: World, env: Env, index: number, top: boolean): Promise<unknown>;
  generator(world: World, env: Env, index: number, top: boolean): Generator<unknown, unknown, unknown>;
}

type Waitable = Future<unknown> | Operation<unknown>;
type Member = Future<unknown> | Coroutine<unknown>;
type SharedObject = Lock | Event | Condition | Semaphore | Queue<number>;

/** The name of an exception in the trace: the same for Python's and ours. */
export function kind(error: unknown): string {
  if (error instanceof UserError) return `E${error.code}`;
  if (isCancelled(error)) return 'Cancelled';
  if (!(error instanceof Error)) return `thrown ${String(error)}`;
  return error.name.endsWith('Error') ? error.name.slice(0, -5) : error.name;
}

/** A value in the trace. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (value === true) return 'T';
  if (value === false) return 'F';
  if (Array.isArray(value)) return `[${value.map(show).join(',')}]`;
  if (value instanceof Error) return kind(value);
  return String(value);
}

/** Whether an `except` clause catches an error. */
export function catches(what: Caught | null, error: unknown): boolean {
  switch (what) {
    case null:
      return false;
    case 'all':
      return true;
    case 'cancel':
      return isCancelled(error);
    case 'user':
      return error instanceof UserError;
    case 'timeout':
      return error instanceof TimeoutError;
    case 'ordinary':
      return !isCancelled(error);
  }
}

function status(future: Future<unknown>): string {
  if (!future.done()) return 'pending';
  return future.cancelled() ? 'cancelled' : 'done';
}

function outcome(future: Future<unknown>): string {
  if (!future.done()) return 'pending';
  if (future.cancelled()) return 'cancelled';
  const error = future.exception();
  return error === null || error === undefined ? `= ${show(future.result())}` : `! ${kind(error)}`;
}

/** Everything that a running program shares: objects, slots, the trace. The statements that wait are in the two interpreters. */
export class World {
  readonly program: Program;
  readonly #bodies: Bodies;
  readonly #trace: string[] = [];
  readonly #clock = new VirtualClock();
  readonly #loop: TaskLoop<IterationProbe>;
  readonly #shared = new Map<string, SharedObject>();
  readonly #slots = new Map<string, Future<unknown>>();
  readonly #handles = new Map<string, Handle>();
  readonly #variables = new Map<string, number>();
  readonly #doneCallbacks = new Map<
    Future<unknown>,
    Map<number, [label: string, run: (future: Future<unknown>) => void]>
  >();
  readonly #contextVariables = new Map<string, ContextVar<number>>();
  readonly #selfWaits = new Set<Future<unknown>>();
  readonly #tasks = new Map<string, Task<unknown>>();
  readonly #unretrieved: string[] = [];
  readonly #stuck: Promise<never>;
  #stop!: (error: Error) => void;
  #fresh = false;
  #shownTime = 0;
  #fuel = FUEL;
  #taskCount = 0;
  #callbackCount = 0;
  #finished = false;

  constructor(program: Program, bodies: Bodies, cutTurns: boolean) {
    this.program = program;
    this.#bodies = bodies;
    this.#stuck = new Promise((_resolve, reject) => {
      this.#stop = reject;
    });
    this.#stuck.catch(() => undefined);
    this.#loop = new TaskLoop({
      backend: new IterationProbe(() => {
        this.#fresh = true;
      }),
      clock: this.#clock,
      host: new VirtualHost(this.#clock, cutTurns),
    });
    this.#loop.setExceptionHandler((_loop: unknown, context) => this.#report(context));
    for (const item of program.shared) this.#shared.set(item.name, this.#makeShared(item));
  }

  #makeShared(item: Shared): SharedObject {
    switch (item.type) {
      case 'Lock':
        return new Lock();
      case 'Event':
        return new Event();
      case 'Condition':
        return new Condition(item.lock === null ? null : this.#object<Lock>(item.lock));
      case 'Semaphore':
        return new Semaphore(item.value);
      case 'BoundedSemaphore':
        return new BoundedSemaphore(item.value);
      case 'Queue':
        return new Queue(item.maxsize);
      case 'LifoQueue':
        return new LifoQueue(item.maxsize);
      case 'PriorityQueue':
        return new PriorityQueue(item.maxsize);
    }
  }

  /** The shared object of a name; the generator gives each statement one of the right type. */
  #object<T extends SharedObject>(name: string): T {
    return this.#shared.get(name) as T;
  }

  // ---- Trace

  line(text: string): void {
    const { now } = this.#clock;
    if (now !== this.#shownTime) {
      this.#shownTime = now;
      this.#trace.push(`@${now}`);
    }
    this.#trace.push((this.#fresh ? '*' : ' ') + text);
    this.#fresh = false;
  }

  emit(env: Env, stmt: Stmt, text: string): void {
    this.line(`${env.label} ${stmt.id} ${text}`);
  }

  #report(context: { message?: string; exception?: unknown }): void {
    const message = context.message ?? '';
    const error = context.exception;
    if (message.includes('never retrieved')) {
      this.#unretrieved.push(`unretrieved ${message.startsWith('Task ') ? 'Task' : 'Future'} ${kind(error)}`);
    } else if (!message.includes('destroyed but it is pending')) {
      const what = message.startsWith('Exception in callback') ? 'callback' : message;
      this.line(`handler ${what} ${error === undefined ? '-' : kind(error)}`);
    }
  }

  // ---- Tasks and callbacks

  #taskLabel(): string {
    this.#taskCount += 1;
    return `T${this.#taskCount}`;
  }

  /** The coroutine of an index. */
  coro(index: number): Coro {
    const coro = this.program.coros[index];
    if (!coro) throw new RangeError(`no coroutine ${index}`);
    return coro;
  }

  /** A body begins; `top` when it was started for a task or a library function rather than called. */
  enter(env: Env, index: number, top: boolean): void {
    if (top) {
      env.task = currentTask();
      if (env.task && !this.#tasks.has(env.label)) this.#tasks.set(env.label, env.task);
    }
    this.line(`${env.label} enter c${index}`);
  }

  leave(env: Env, index: number, signal: Return | undefined): number | null {
    const value = signal ? signal.value : null;
    this.line(`${env.label} leave c${index} = ${show(value)}`);
    return value;
  }

  leaveWith(env: Env, index: number, error: unknown): void {
    this.line(`${env.label} leave c${index} ! ${kind(error)}`);
  }

  #coroutine(env: Env, index: number, top: boolean): Coroutine<unknown> {
    return this.coro(index).kind === 'gen'
      ? this.#bodies.generator(this, env, index, top)
      : () => this.#bodies.async(this, env, index, top);
  }

  /** A plain callback with a label of its own. */
  #callback(index: number): [label: string, run: (...futures: Future<unknown>[]) => void] {
    this.#callbackCount += 1;
    const env: Env = { label: `K${this.#callbackCount}`, task: null };
    const run = (...futures: Future<unknown>[]): void => {
      this.line(`${env.label} run k${index}${futures.map((future) => ` ${outcome(future)}`).join('')}`);
      for (const stmt of this.program.callbacks[index] ?? []) {
        if (this.simple(env, stmt)) break;
      }
    };
    return [env.label, run];
  }

  // ---- Awaitables

  /** What a library function is given: Python's coroutine objects are not started, so operations are thunks. Null: an empty slot. */
  member(env: Env, op: Op): Member | null {
    switch (op.o) {
      case 'coro':
        return this.#coroutine({ label: this.#taskLabel(), task: null }, op.coro, true);
      case 'slot':
        return this.#slots.get(op.slot) ?? null;
      case 'gather':
      case 'shield':
        return this.awaitable(env, op) as Future<unknown> | null;
      case 'waitfor': {
        const inner = this.member(env, op.member);
        return inner === null ? null : () => waitFor(inner, op.timeout);
      }
      default:
        return () => this.awaitable(env, op) as Operation<unknown>;
    }
  }

  members(env: Env, ops: readonly Op[]): Member[] {
    return ops.map((op) => this.member(env, op)).filter((item) => item !== null);
  }

  /** Since 3.12 gather looks at futures that are done at once; in 3.8, and in tsyncio, an iteration later. */
  #gathered(env: Env, ops: readonly Op[]): Member[] {
    const members = this.members(env, ops);
    return this.program.oracle === '3.8' ? members : members.filter((item) => !(isFuture(item) && item.done()));
  }

  /** What an await statement waits for; calls of coroutines are made by the interpreters. Null: an empty slot. */
  awaitable(env: Env, op: Op): Waitable | null {
    switch (op.o) {
      case 'sleep':
        return op.value === undefined ? sleep(op.delay) : sleep(op.delay, op.value);
      case 'yield':
        return sleep(0);
      case 'slot':
        return this.#slots.get(op.slot) ?? null;
      case 'self':
        return this.#self();
      case 'acquire':
        return this.#object<Lock | Condition | Semaphore>(op.obj).acquire();
      case 'get':
        return this.#object<Queue<number>>(op.obj).get();
      case 'join':
        return this.#object<Queue<number>>(op.obj).join();
      case 'eventwait':
        return this.#object<Event>(op.obj).wait();
      case 'condwait':
        return this.#object<Condition>(op.obj).wait();
      case 'put':
        return this.#object<Queue<number>>(op.obj).put(op.value);
      case 'condwaitfor':
        return this.#object<Condition>(op.obj).waitFor(() => (this.#variables.get(op.name) ?? 0) >= op.min);
      case 'gather':
        return gather(...this.#gathered(env, op.members), { returnExceptions: op.ret });
      case 'shield': {
        const inner = this.member(env, op.member);
        return inner === null ? null : shield(inner);
      }
      case 'waitfor': {
        const inner = this.member(env, op.member);
        return inner === null ? null : waitFor(inner, op.timeout);
      }
      case 'wait':
      case 'coro':
        throw new Error(`${op.o} is the interpreters' business`);
    }
  }

  /** The current task, once a task; nobody waits for it afterwards (see python/run_program.py). */
  #self(): Task<unknown> | null {
    const task = currentTask();
    if (task === null || this.#selfWaits.has(task)) return null;
    this.#selfWaits.add(task);
    for (const [slot, held] of this.#slots) if (held === task) this.#slots.delete(slot);
    return task;
  }

  /** The members of `wait` and the wait itself; null without members. */
  startWait(env: Env, op: Op & { o: 'wait' }): { members: Member[]; wait: ReturnType<typeof wait> } | null {
    const firstException = op.mode === 'FIRST_EXCEPTION';
    const members = (
      firstException ? this.completing(env, op.members) : this.members(env, op.members)
    ) as Future<unknown>[];
    if (members.length === 0) return null;
    return { members, wait: wait(members, { timeout: op.timeout, returnWhen: op.mode }) };
  }

  /** CPython keeps the members in a set, so that the order of several that are done already is left to chance: one stays. */
  completing(env: Env, ops: readonly Op[]): Member[] {
    const members = this.members(env, ops);
    const done = members.filter((item) => isFuture(item) && item.done());
    return [...done.slice(0, 1), ...members.filter((item) => !done.includes(item))];
  }

  // ---- Statements

  isTrue(stmt: Stmt & { k: 'if' }): boolean {
    return (this.#variables.get(stmt.name) ?? 0) >= stmt.min;
  }

  spend(): boolean {
    this.#fuel -= 1;
    return this.#fuel >= 0;
  }

  release(name: string): void {
    this.#object<Lock | Condition | Semaphore>(name).release();
  }

  /** A statement that does not wait: the only ones in a callback. */
  simple(env: Env, stmt: Stmt): Return | undefined {
    if (!this.spend()) return undefined;
    if (stmt.k === 'return') return { value: stmt.value };
    if (stmt.k === 'raise') throw new UserError(stmt.code);
    if (stmt.k === 'raisecancel') throw new CancelledError();
    let text;
    try {
      text = this.#perform(env, stmt);
    } catch (error) {
      text = `! ${kind(error)}`;
    }
    this.emit(env, stmt, text);
    return undefined;
  }

  #perform(env: Env, stmt: Action): string {
    const loop = this.#loop;
    switch (stmt.k) {
      case 'log':
        return 'log';
      case 'cancelself': {
        const task = currentTask();
        return task ? `cancel ${show(task.cancel())}` : 'unbound';
      }
      case 'whoami':
        return `current ${show(currentTask() === env.task)} of ${allTasks().size}`;
      case 'stop':
        loop.stop();
        return 'stop';
      case 'spawn':
      case 'spawnop': {
        if (this.#tasks.size >= MAX_TASKS) return 'full';
        const label = this.#taskLabel();
        const task = loop.createTask(
          stmt.k === 'spawn'
            ? this.#coroutine({ label, task: null }, stmt.coro, true)
            : (this.member(env, stmt.op) as Coroutine<unknown>),
        );
        this.#tasks.set(label, task);
        this.#slots.set(stmt.slot, task);
        return `spawn ${label}`;
      }
      case 'future':
        this.#slots.set(stmt.slot, loop.createFuture());
        return 'future';
      case 'gatherfut':
        this.#slots.set(stmt.slot, gather(...this.#gathered(env, stmt.members), { returnExceptions: stmt.ret }));
        return 'gather';
      case 'shieldfut': {
        const inner = this.member(env, stmt.member);
        if (inner === null) return 'unbound';
        this.#slots.set(stmt.slot, shield(inner));
        return 'shield';
      }
      case 'soon':
      case 'later':
      case 'at': {
        const [label, run] = this.#callback(stmt.cb);
        if (stmt.k === 'soon') this.#handles.set(stmt.handle, loop.callSoon(run));
        else if (stmt.k === 'later') this.#handles.set(stmt.handle, loop.callLater(stmt.delay, run));
        else this.#handles.set(stmt.handle, loop.callAt(loop.time() + stmt.delay, run));
        return `${stmt.k} ${label}`;
      }
      case 'unhandle': {
        const handle = this.#handles.get(stmt.handle);
        if (!handle) return 'unbound';
        const before = handle.cancelled();
        handle.cancel();
        return `unhandle ${show(before)} ${show(handle.cancelled())}`;
      }
      case 'inc': {
        const value = (this.#variables.get(stmt.name) ?? 0) + 1;
        this.#variables.set(stmt.name, value);
        return `inc ${value}`;
      }
      case 'varset':
        this.#contextVariable(stmt.name).set(stmt.value);
        return 'set';
      case 'varget':
        return `= ${show(this.#contextVariable(stmt.name).get(0))}`;
      case 'cancel':
      case 'peek':
      case 'result':
      case 'set':
      case 'fail':
      case 'done':
      case 'undone': {
        const future = this.#slots.get(stmt.slot);
        return future ? this.#performFuture(future, stmt) : 'unbound';
      }
      default:
        return this.#performShared(stmt);
    }
  }

  #contextVariable(name: string): ContextVar<number> {
    let variable = this.#contextVariables.get(name);
    if (!variable) this.#contextVariables.set(name, (variable = new ContextVar(name)));
    return variable;
  }

  #performFuture(
    future: Future<unknown>,
    stmt: Action & { k: 'cancel' | 'peek' | 'result' | 'set' | 'fail' | 'done' | 'undone' },
  ): string {
    switch (stmt.k) {
      case 'cancel':
        return `cancel ${show(future.cancel())}`;
      case 'peek':
        return status(future);
      case 'result':
        return `= ${show(future.result())}`;
      case 'set':
        future.setResult(stmt.value);
        return 'set';
      case 'fail':
        future.setException(new UserError(stmt.code));
        return 'fail';
      case 'done': {
        let known = this.#doneCallbacks.get(future);
        if (!known) this.#doneCallbacks.set(future, (known = new Map()));
        const callback = known.get(stmt.cb) ?? this.#callback(stmt.cb);
        known.set(stmt.cb, callback);
        future.addDoneCallback(callback[1]);
        return `done ${callback[0]}`;
      }
      case 'undone': {
        const callback = this.#doneCallbacks.get(future)?.get(stmt.cb);
        return `undone ${callback ? future.removeDoneCallback(callback[1]) : 0}`;
      }
    }
  }

  #performShared(stmt: Action): string {
    switch (stmt.k) {
      case 'release':
        this.release(stmt.obj);
        return 'release';
      case 'setevent':
        this.#object<Event>(stmt.obj).set();
        return 'set';
      case 'clear':
        this.#object<Event>(stmt.obj).clear();
        return 'clear';
      case 'notify':
        this.#object<Condition>(stmt.obj).notify(stmt.n);
        return 'notify';
      case 'notifyall':
        this.#object<Condition>(stmt.obj).notifyAll();
        return 'notify';
      case 'getnow':
        return `= ${show(this.#object<Queue<number>>(stmt.obj).getNowait())}`;
      case 'putnow':
        this.#object<Queue<number>>(stmt.obj).putNowait(stmt.value);
        return 'put';
      case 'taskdone':
        this.#object<Queue<number>>(stmt.obj).taskDone();
        return 'task done';
      case 'state': {
        const object = this.#shared.get(stmt.obj);
        if (object instanceof Event) return show(object.isSet());
        if (object instanceof Queue) return `${object.qsize()} ${show(object.empty())} ${show(object.full())}`;
        return show((object as Lock | Condition | Semaphore).locked());
      }
      default:
        throw new Error(`unknown statement ${stmt.k}`);
    }
  }

  // ---- The run

  /** Cancels what has not ended by now, so that every program ends. */
  #reap(): void {
    const pending = [...this.#tasks].filter(([, task]) => !task.done());
    if (pending.length > 0) this.line(`reap ${pending.map(([label]) => label).join(' ')}`);
    for (const [, task] of pending) task.cancel();
  }

  /** Runs the program in virtual time. Rejected when the loop spins or gets stuck. */
  async run(): Promise<Trace> {
    const loop = this.#loop;
    for (const when of REAPS) loop.callAt(when, () => this.#reap());
    loop.callAt(END, () => {
      this.#finished = true;
      loop.stop();
    });
    const label = this.#taskLabel();
    this.#tasks.set(label, loop.createTask(this.#coroutine({ label, task: null }, 0, true)));
    const watchdog = setTimeout(() => this.#stop(new Error('the loop is stuck')), STUCK_MS);
    try {
      for (;;) {
        await Promise.race([loop.runForever(), this.#stuck]);
        if (this.#finished) break;
        this.line('stopped');
      }
    } catch (error) {
      return [...this.#trace, ` ${String(error)}`];
    } finally {
      clearTimeout(watchdog);
    }
    this.#fresh = false;
    this.#shownTime = this.#clock.now;
    for (const [name, task] of this.#tasks) this.line(`end ${name} ${status(task)}`);
    for (const name of [...this.#slots.keys()].sort()) {
      const future = this.#slots.get(name);
      if (future && /^[fg]/.test(name)) this.line(`end ${name} ${status(future)}`);
    }
    loop.close();
    return [...this.#trace, ...this.#unretrieved.sort().map((text) => ` ${text}`)];
  }
}
