import type { Oracle, Shared } from './program.js';

/** What statements are about; a profile gives each a weight. */
export type Topic =
  | 'log'
  | 'sleep'
  | 'call'
  | 'join'
  | 'task'
  | 'cancel'
  | 'future'
  | 'callback'
  | 'done'
  | 'look'
  | 'context'
  | 'raise'
  | 'whoami'
  | 'try'
  | 'repeat'
  | 'lock'
  | 'event'
  | 'condition'
  | 'semaphore'
  | 'queue'
  | 'gather'
  | 'shield'
  | 'waitfor'
  | 'wait'
  | 'ascompleted';

/** A group of seeds: what their programs are made of. */
export interface Profile {
  readonly name: string;
  readonly oracle: Oracle;
  readonly topics: Readonly<Partial<Record<Topic, number>>>;
  readonly shared: readonly Shared['type'][];
  readonly delays: readonly number[];
  /** The share of coroutines that are generators. */
  readonly generators: number;
}

const base: Partial<Record<Topic, number>> = {
  log: 1,
  sleep: 8,
  call: 4,
  join: 4,
  task: 3,
  cancel: 3,
  future: 3,
  callback: 2,
  done: 1,
  look: 1,
  raise: 1.5,
  whoami: 0.7,
  try: 5,
  repeat: 1,
};

/** Fractions of two: sums are exact, so that equal deadlines are frequent and their order is the heap's. */
const delays = [0, 0, 0.25, 0.5, 0.5, 1, 1, 2];

function profile(
  name: string,
  topics: Partial<Record<Topic, number>>,
  shared: readonly Shared['type'][] = [],
  rest: Partial<Pick<Profile, 'oracle' | 'delays' | 'generators'>> = {},
): Profile {
  return { name, oracle: '3.8', topics: { ...base, ...topics }, shared, delays, generators: 0.5, ...rest };
}

/** All profiles. Those with `waitFor` or semaphores ask CPython 3.13, since our semantics are its own there. */
export const profiles: readonly Profile[] = [
  profile('tasks', {}),
  profile('cancellation', { cancel: 8, try: 8, join: 5 }),
  profile('timers', { callback: 8, sleep: 6 }, [], {
    delays: [0, 0.1, 0.2, 0.3, 0.7, 0.001, 0.25, 0.5, 1, 1, 2, -1],
  }),
  profile('async-only', { call: 4, cancel: 4 }, ['Event'], { generators: 0 }),
  profile('generators-only', { call: 4, cancel: 4 }, ['Event'], { generators: 1 }),
  profile('mixed-kinds', { call: 10, join: 4, cancel: 4 }),
  profile('contexts', { context: 14, call: 6, callback: 4, done: 3, gather: 2, shield: 2 }),
  profile('lock', { lock: 10 }, ['Lock']),
  profile('event', { event: 10 }, ['Event']),
  profile('condition', { condition: 10 }, ['Lock', 'Condition'], { oracle: 'either' }),
  profile('queue', { queue: 14 }, ['Queue', 'LifoQueue', 'PriorityQueue']),
  profile('gather', { gather: 10 }, ['Event']),
  profile('shield', { shield: 10 }, ['Event']),
  profile('wait', { wait: 7, ascompleted: 5 }, ['Event']),
  profile('all', { context: 1, lock: 2, event: 2, queue: 4, gather: 3, shield: 2, wait: 2, ascompleted: 1 }, [
    'Lock',
    'Event',
    'Queue',
    'LifoQueue',
    'PriorityQueue',
  ]),
  profile('semaphore', { semaphore: 12 }, ['Semaphore', 'BoundedSemaphore'], { oracle: '3.13' }),
  profile('wait-for', { waitfor: 10, context: 1 }, ['Event'], { oracle: '3.13' }),
  profile(
    'all-3.13',
    {
      semaphore: 3,
      waitfor: 4,
      lock: 2,
      context: 1,
      event: 2,
      queue: 4,
      gather: 3,
      shield: 2,
      wait: 2,
      ascompleted: 1,
    },
    ['Semaphore', 'BoundedSemaphore', 'Lock', 'Event', 'Queue', 'PriorityQueue'],
    { oracle: '3.13' },
  ),
];
