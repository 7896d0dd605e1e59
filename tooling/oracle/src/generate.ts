import type { Action, Caught, Coro, Op, Program, Shared, Stmt } from './program.js';
import { profiles, type Profile, type Topic } from './profiles.js';
import { Random } from './random.js';

/** Raised when programs change for the same seeds: golden traces then must be recorded again. */
export const GENERATOR = 1;

type Body = readonly Stmt[];

/** Where code is generated: the coroutine it stands in (none: a callback), how deep, and the conditions that are held there. */
interface Place {
  readonly coro: number | null;
  /** The callback that the code stands in; it registers later ones only, so that none goes on for ever. */
  readonly callback: number;
  readonly depth: number;
  readonly held: string | null;
}

class Generator {
  readonly #random: Random;
  readonly #profile: Profile;
  readonly #shared: Shared[] = [];
  readonly #enders: Body[] = [];
  readonly #coros: number;
  readonly #callbacks: number;
  readonly #futures: number;
  #ids = 0;

  constructor(seed: number, profile: Profile) {
    this.#random = new Random(seed);
    this.#profile = profile;
    this.#coros = this.#random.int(3, 6);
    this.#callbacks = this.#random.int(2, 4);
    this.#futures = this.#random.int(1, 3);
  }

  program(seed: number): Program {
    this.#makeShared();
    const random = this.#random;
    const callbacks: Body[] = [];
    for (let i = 0; i < this.#callbacks; i += 1)
      callbacks.push(this.#block({ coro: null, callback: i, depth: 2, held: null }, random.int(1, 3)));
    const coros: Coro[] = [];
    for (let i = 0; i < this.#coros; i += 1)
      coros.push({ kind: this.#kind(), body: i === 0 ? this.#main() : this.#body(i) });
    return {
      seed,
      profile: this.#profile.name,
      oracle: this.#profile.oracle,
      shared: this.#shared,
      coros,
      callbacks: [...callbacks, ...this.#enders],
    };
  }

  #kind(): 'async' | 'gen' {
    return this.#random.chance(this.#profile.generators) ? 'gen' : 'async';
  }

  #stmt(action: Action): Stmt {
    this.#ids += 1;
    return { ...action, id: this.#ids };
  }

  #makeShared(): void {
    const random = this.#random;
    for (const type of this.#profile.shared) {
      const count = this.#profile.shared.length <= 2 ? random.int(1, 2) : 1;
      for (let i = 0; i < count; i += 1) this.#addShared(type);
    }
  }

  #addShared(type: Shared['type']): void {
    const random = this.#random;
    const name = `${type.replace(/[a-z]/g, '').toLowerCase()}${this.#shared.length}`;
    if (type === 'Lock' || type === 'Event') this.#shared.push({ name, type });
    else if (type === 'Condition') {
      const lock = this.#shared.find((item) => item.type === 'Lock');
      this.#shared.push({ name, type, lock: lock && random.chance(0.3) ? lock.name : null });
    } else if (type === 'Semaphore' || type === 'BoundedSemaphore') {
      this.#shared.push({ name, type, value: random.int(0, 2) });
    } else this.#shared.push({ name, type, maxsize: random.pick([0, 1, 1, 2, 3]) });
  }

  /** The main task: makes the futures and some tasks, so that there is concurrency, then behaves like any other. */
  #main(): Body {
    const random = this.#random;
    const stmts: Stmt[] = [];
    for (let i = 0; i < this.#futures; i += 1) stmts.push(this.#stmt({ k: 'future', slot: `f${i}` }));
    for (let coro = 1; coro < this.#coros; coro += 1) if (random.chance(0.8)) stmts.push(this.#spawn(coro));
    const more = random.int(0, 2);
    for (let i = 0; i < more; i += 1) stmts.push(this.#spawn(random.int(1, this.#coros - 1)));
    for (let i = 0; i < this.#futures; i += 1) {
      const slot = `f${i}`;
      if (!random.chance(0.75)) continue;
      stmts.push(
        this.#soonOrLater(
          random.chance(0.75) ? { k: 'set', slot, value: this.#value() } : { k: 'fail', slot, code: i },
        ),
      );
    }
    const cancels = random.int(0, 2);
    for (let i = 0; i < cancels; i += 1) {
      stmts.push(this.#soonOrLater({ k: 'cancel', slot: `t${random.int(1, this.#coros - 1)}` }));
    }
    for (const { name, type } of this.#shared) {
      if (type === 'Event' && random.chance(0.75)) stmts.push(this.#soonOrLater({ k: 'setevent', obj: name }));
    }
    const place: Place = { coro: 0, callback: -1, depth: 0, held: null };
    if (random.chance(0.5)) {
      // A metronome: each of its lines is one iteration, so that a step too many or too few anywhere shows.
      stmts.push(
        this.#stmt({
          k: 'repeat',
          n: random.int(3, 8),
          body: [
            this.#stmt({ k: 'await', op: { o: 'yield' } }),
            ...(random.chance(0.5) ? [this.#statement(place)] : []),
          ],
        }),
      );
    }
    stmts.push(...this.#block(place, random.int(3, 7)));
    return stmts;
  }

  /** A callback that ends some waits, so that most programs do not stand still before the end. */
  #soonOrLater(action: Action): Stmt {
    this.#enders.push([this.#stmt(action)]);
    const cb = this.#callbacks + this.#enders.length - 1;
    return this.#stmt({ k: 'later', delay: this.#random.pick([0.25, 0.5, 1, 2, 3]), cb, handle: 'h9' });
  }

  #body(coro: number): Body {
    const place: Place = { coro, callback: -1, depth: 0, held: null };
    const size = this.#random.int(2, 5);
    if (!this.#random.chance(0.3)) return this.#block(place, size);
    // Under cancellation as a whole: swallowed, passed on, answered with waits or another error.
    const guarded = { ...this.#try({ ...place, depth: 1 }, size), on: 'cancel' as const };
    return [this.#stmt(guarded), ...this.#block(place, this.#random.int(0, 2))];
  }

  #block(place: Place, size: number): Body {
    return Array.from({ length: size }, () => this.#statement(place));
  }

  #inner(place: Place, low: number, high: number): Body {
    return this.#block({ ...place, depth: place.depth + 1 }, this.#random.int(low, high));
  }

  #spawn(coro: number): Stmt {
    return this.#stmt({ k: 'spawn', slot: `t${coro}`, coro });
  }

  /** A callback to register; null when there is none. */
  #callback(place: Place): number | null {
    return place.callback + 1 < this.#callbacks ? this.#random.int(place.callback + 1, this.#callbacks - 1) : null;
  }

  /** A later coroutine of the program; null when there is none. */
  #later(place: Place): number | null {
    const low = place.coro === null ? 1 : place.coro + 1;
    return low < this.#coros ? this.#random.int(low, this.#coros - 1) : null;
  }

  /** A slot that `place` may await without a circle of waits: futures, tasks of later coroutines, gathers made there or later. */
  #awaitable(place: Place): string {
    const random = this.#random;
    const from = place.coro ?? 0;
    const choices = [`f${random.int(0, this.#futures - 1)}`];
    if (from + 1 < this.#coros) {
      choices.push(`t${random.int(from + 1, this.#coros - 1)}`, `t${random.int(from + 1, this.#coros - 1)}`);
    }
    const made = (this.#profile.topics.gather ?? 0) + (this.#profile.topics.shield ?? 0);
    if (random.chance(made / 20)) choices.push(`g${random.int(from, this.#coros - 1)}`);
    if (random.chance(0.3)) choices.push(`o${random.int(0, 1)}`);
    return random.pick(choices);
  }

  /** Any slot: for what does not wait. */
  #anySlot(): string {
    return this.#awaitable({ coro: 0, callback: -1, depth: 0, held: null });
  }

  #delay(): number {
    return this.#random.pick(this.#profile.delays);
  }

  #timeout(): number | null {
    const random = this.#random;
    if (random.chance(0.15)) return null;
    return random.chance(0.12) ? random.pick([0, -1]) : Math.max(this.#delay(), 0);
  }

  #named(...types: Shared['type'][]): string {
    const items = this.#shared.filter((item) => types.includes(item.type));
    return this.#random.pick(items).name;
  }

  #has(type: Shared['type']): boolean {
    return this.#shared.some((item) => item.type === type);
  }

  #queue(): string {
    return this.#named('Queue', 'LifoQueue', 'PriorityQueue');
  }

  #value(): number {
    return this.#random.int(1, 9);
  }

  /** An operation that a library function may be given. */
  #member(place: Place, depth = 0): Op {
    const random = this.#random;
    const topics = this.#profile.topics;
    const choices: Record<string, number> = { slot: 3, sleep: 3, coro: 4 };
    if (this.#has('Event')) choices['event'] = 1;
    if (topics.queue) choices['queue'] = 3;
    if (topics.lock) choices['lock'] = 0.6;
    if (topics.semaphore) choices['semaphore'] = 1;
    if (depth < 2 && topics.gather) choices['gather'] = 0.7;
    if (depth < 2 && topics.shield) choices['shield'] = 1;
    if (depth < 2 && topics.waitfor) choices['waitfor'] = 1;
    const choice = random.weighted(choices);
    if (choice === 'coro') {
      const coro = this.#later(place);
      return coro === null ? this.#sleep() : { o: 'coro', coro };
    }
    if (choice === 'slot') return { o: 'slot', slot: this.#awaitable(place) };
    if (choice === 'sleep') return this.#sleep();
    if (choice === 'gather') return this.#gather(place, depth + 1);
    if (choice === 'shield') return { o: 'shield', member: this.#member(place, depth + 1) };
    if (choice === 'waitfor') return { o: 'waitfor', member: this.#member(place, depth + 1), timeout: this.#timeout() };
    return this.#primitive(choice);
  }

  /** An operation of a shared object. */
  #primitive(type: string): Op {
    const random = this.#random;
    if (type === 'event') return { o: 'eventwait', obj: this.#named('Event') };
    if (type === 'lock') return { o: 'acquire', obj: this.#named('Lock') };
    if (type === 'semaphore') return { o: 'acquire', obj: this.#named('Semaphore', 'BoundedSemaphore') };
    const o = random.weighted({ get: 5, put: 5, join: 1 });
    const obj = this.#queue();
    return o === 'put' ? { o, obj, value: this.#value() } : { o, obj };
  }

  #sleep(): Op {
    const delay = this.#delay();
    return this.#random.chance(0.3) ? { o: 'sleep', delay, value: this.#value() } : { o: 'sleep', delay };
  }

  #members(place: Place, depth: number): Op[] {
    const members = Array.from({ length: this.#random.int(1, 3) }, () => this.#member(place, depth));
    const first = members[0];
    if (first && first.o === 'slot' && this.#random.chance(0.1)) members.push(first); // the same one twice
    return members;
  }

  #gather(place: Place, depth: number): Op {
    return { o: 'gather', members: this.#members(place, depth), ret: this.#random.chance(0.4) };
  }

  #statement(place: Place): Stmt {
    return this.#stmt(place.coro === null ? this.#simple(place) : this.#waiting(place));
  }

  /** A statement of a coroutine. */
  #waiting(place: Place): Action {
    const random = this.#random;
    if (place.held !== null && random.chance(0.6)) return this.#inCondition(place.held, place);
    const topic = random.weighted(this.#profile.topics);
    switch (topic) {
      case 'sleep':
        return { k: 'await', op: random.chance(0.3) ? { o: 'yield' } : this.#sleep() };
      case 'call': {
        const coro = this.#later(place);
        return coro === null ? { k: 'log' } : { k: 'await', op: { o: 'coro', coro } };
      }
      case 'join':
        return { k: 'await', op: { o: 'slot', slot: this.#awaitable(place) } };
      case 'try':
        return place.depth < 3 ? this.#try(place) : { k: 'log' };
      case 'repeat':
        return place.depth < 2 ? { k: 'repeat', n: random.int(2, 3), body: this.#inner(place, 1, 2) } : { k: 'log' };
      case 'lock':
        return this.#lock(place, this.#named('Lock'));
      case 'semaphore':
        return this.#lock(place, this.#named('Semaphore', 'BoundedSemaphore'));
      case 'event':
        return random.chance(0.5) ? { k: 'await', op: this.#primitive('event') } : this.#simpleTopic(place, topic);
      case 'queue':
        if (random.chance(0.15)) return this.#consumer();
        return random.chance(0.6) ? { k: 'await', op: this.#primitive('queue') } : this.#simpleTopic(place, topic);
      case 'condition': {
        const obj = this.#named('Condition');
        if (random.chance(0.06)) return this.#inCondition(obj, place); // without the lock
        if (place.held !== null || place.depth >= 3) return { k: 'state', obj };
        const body = this.#block({ ...place, depth: place.depth + 1, held: obj }, random.int(1, 3));
        return { k: 'with', obj, body };
      }
      case 'gather':
        return this.#gathering(place);
      case 'shield': {
        const coro = place.coro ?? 0;
        if (random.chance(0.4)) return { k: 'shieldfut', slot: `g${coro}`, member: this.#member(place) };
        return { k: 'await', op: { o: 'shield', member: this.#member(place) } };
      }
      case 'waitfor':
        return { k: 'await', op: { o: 'waitfor', member: this.#member(place), timeout: this.#timeout() } };
      case 'wait':
        return this.#wait(place);
      case 'ascompleted':
        return this.#asCompleted(place);
      default:
        return this.#simpleTopic(place, topic);
    }
  }

  /** Takes some items and says that they are done. */
  #consumer(): Action {
    const obj = this.#queue();
    const body = [this.#stmt({ k: 'await', op: { o: 'get', obj } }), this.#stmt({ k: 'taskdone', obj })];
    return { k: 'repeat', n: this.#random.int(2, 3), body };
  }

  /** Statements that make sense while a condition's lock is held. */
  #inCondition(obj: string, place: Place): Action {
    const random = this.#random;
    const name = `x${random.int(0, 1)}`;
    switch (random.weighted({ wait: 4, waitfor: 2, notify: 4, notifyall: 2, inc: 3, sleep: 2, timed: 1 })) {
      case 'wait':
        return { k: 'await', op: { o: 'condwait', obj } };
      case 'timed':
        if (this.#profile.topics.waitfor) {
          return { k: 'await', op: { o: 'waitfor', member: { o: 'condwait', obj }, timeout: this.#timeout() } };
        }
        return { k: 'await', op: { o: 'condwait', obj } };
      case 'waitfor':
        return { k: 'await', op: { o: 'condwaitfor', obj, name, min: random.int(1, 3) } };
      case 'notify':
        return { k: 'notify', obj, n: random.int(1, 2) };
      case 'notifyall':
        return { k: 'notifyall', obj };
      case 'inc':
        return { k: 'inc', name };
      default:
        return place.coro === null ? { k: 'log' } : { k: 'await', op: this.#sleep() };
    }
  }

  /** A lock or a semaphore. */
  #lock(place: Place, obj: string): Action {
    const random = this.#random;
    if (place.depth < 3 && random.chance(0.6)) return { k: 'with', obj, body: this.#inner(place, 1, 2) };
    switch (random.weighted({ acquire: 2, release: 3, state: 2 })) {
      case 'acquire':
        return { k: 'await', op: { o: 'acquire', obj } };
      case 'release':
        return { k: 'release', obj };
      default:
        return { k: 'state', obj };
    }
  }

  #gathering(place: Place): Action {
    const random = this.#random;
    if (!random.chance(0.4)) return { k: 'await', op: this.#gather(place, 0) };
    return { k: 'gatherfut', slot: `g${place.coro ?? 0}`, members: this.#members(place, 0), ret: random.chance(0.4) };
  }

  #wait(place: Place): Action {
    const random = this.#random;
    // Only what is a future already: CPython makes tasks of the others in the order of a set.
    const members: Op[] = Array.from(
      { length: random.int(1, 3) },
      () => ({ o: 'slot', slot: this.#awaitable(place) }) as const,
    );
    const mode = random.pick(['FIRST_COMPLETED', 'FIRST_EXCEPTION', 'ALL_COMPLETED'] as const);
    return { k: 'await', op: { o: 'wait', members, timeout: random.chance(0.5) ? null : this.#timeout(), mode } };
  }

  #asCompleted(place: Place): Action {
    const random = this.#random;
    const members: Op[] = Array.from(
      { length: random.int(1, 3) },
      () => ({ o: 'slot', slot: this.#awaitable(place) }) as const,
    );
    if (random.chance(0.4)) {
      const coro = this.#later(place);
      members.push(coro === null ? this.#sleep() : { o: 'coro', coro });
    }
    const timeout = random.chance(0.5) ? null : Math.max(this.#delay(), 0.25);
    return { k: 'ascompleted', members, timeout, body: place.depth < 2 ? this.#inner(place, 0, 1) : [] };
  }

  #try(place: Place, size = this.#random.int(1, 3)): Action & { k: 'try' } {
    const random = this.#random;
    const on: Caught | null = random.pick([
      'cancel',
      'cancel',
      'cancel',
      'user',
      'timeout',
      'ordinary',
      'all',
      null,
    ] as const);
    const then = random.weighted({ swallow: 4, reraise: 4, other: 1 });
    return {
      k: 'try',
      body: this.#inner(place, size, size),
      on,
      handler: on === null ? [] : this.#inner(place, 0, 2),
      then: then === 'other' ? random.int(0, 4) : then,
      fin: on === null || random.chance(0.3) ? this.#inner(place, 1, 2) : [],
    };
  }

  /** A statement that a callback may hold as well. */
  #simple(place: Place): Action {
    return this.#simpleTopic(place, this.#random.weighted(this.#profile.topics));
  }

  #simpleTopic(place: Place, topic: Topic): Action {
    const random = this.#random;
    switch (topic) {
      case 'task': {
        const coro = this.#later(place);
        if (coro !== null && random.chance(0.7)) return { k: 'spawn', slot: `t${coro}`, coro };
        const kinds = (['event', 'queue', 'semaphore'] as const).filter((name) => this.#profile.topics[name]);
        const op = kinds.length > 0 && random.chance(0.6) ? this.#primitive(random.pick(kinds)) : this.#sleep();
        return { k: 'spawnop', slot: `o${random.int(0, 1)}`, op };
      }
      case 'cancel':
        if (place.coro !== null && random.chance(0.15)) return { k: 'cancelself' };
        if (place.coro !== null && random.chance(0.06)) return { k: 'raisecancel' };
        if (place.coro !== null && random.chance(0.03)) return { k: 'await', op: { o: 'self' } };
        return { k: 'cancel', slot: this.#anySlot() };
      case 'future': {
        const slot = `f${random.int(0, this.#futures - 1)}`;
        const k = random.weighted({ future: 2, set: 5, fail: 2, cancel: 2 });
        if (k === 'set') return { k, slot, value: this.#value() };
        if (k === 'fail') return { k, slot, code: random.int(0, 4) };
        return { k, slot };
      }
      case 'callback': {
        const handle = `h${random.int(0, 2)}`;
        const cb = this.#callback(place);
        if (cb === null) return { k: 'log' };
        const k = random.weighted({ soon: 4, later: 3, at: 2, unhandle: 2 });
        if (k === 'unhandle') return { k, handle };
        return k === 'soon' ? { k, cb, handle } : { k, delay: this.#delay(), cb, handle };
      }
      case 'done': {
        const cb = this.#callback(place);
        return cb === null ? { k: 'log' } : { k: random.chance(0.8) ? 'done' : 'undone', slot: this.#anySlot(), cb };
      }
      case 'look':
        return random.chance(0.6) ? { k: 'peek', slot: this.#anySlot() } : { k: 'result', slot: this.#anySlot() };
      case 'context': {
        const name = `v${random.int(0, 1)}`;
        return random.chance(0.4) ? { k: 'varset', name, value: this.#value() } : { k: 'varget', name };
      }
      case 'raise':
        return random.chance(0.6) || place.coro === null
          ? { k: 'raise', code: random.int(0, 4) }
          : { k: 'return', value: this.#value() };
      case 'whoami':
        return random.chance(0.03) ? { k: 'stop' } : { k: 'whoami' };
      case 'lock':
        return random.chance(0.2)
          ? { k: 'release', obj: this.#named('Lock') }
          : { k: 'state', obj: this.#named('Lock') };
      case 'semaphore': {
        const obj = this.#named('Semaphore', 'BoundedSemaphore');
        return { k: random.chance(0.6) ? 'release' : 'state', obj };
      }
      case 'event':
        return { k: random.weighted({ setevent: 5, clear: 3, state: 1 }), obj: this.#named('Event') };
      case 'queue': {
        const obj = this.#queue();
        const k = random.weighted({ putnow: 4, getnow: 3, taskdone: 2, state: 2 });
        return k === 'putnow' ? { k, obj, value: this.#value() } : { k, obj };
      }
      case 'condition': {
        const obj = this.#named('Condition');
        return random.chance(0.2) ? { k: 'notify', obj, n: 1 } : { k: 'inc', name: `x${random.int(0, 1)}` };
      }
      default:
        return { k: 'log' };
    }
  }
}

/** The program of a seed. Seeds are dealt to the profiles in turn, so that any stretch of seeds covers all of them. */
export function generate(seed: number): Program {
  const profile = profiles[seed % profiles.length];
  if (!profile) throw new RangeError(`no profile for seed ${seed}`);
  return new Generator(seed, profile).program(seed);
}
