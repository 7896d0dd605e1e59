/**
 * What is measured. `tsyncio.mjs`, `node.mjs` and `python.py` beside this file hold one program for each name; a peer that has none
 * for a name does not take part in that line.
 *
 * A rate counts `unit` per second, the higher the better; a cost (`cost: true`) counts microseconds each, the lower the better.
 * `targets` are ratios to a peer of the same run, or absolute numbers in the unit of the line; they may depend on the version of Node.
 */
export const scenarios = [
  {
    name: 'callsoon-burst',
    title: "callSoon burst, inside a user's AsyncLocalStorage",
    unit: 'callbacks',
    comparable: 'setImmediate',
    targets: [
      { peer: 'node', ratio: 1.0, before: 24 },
      { least: 5e6, from: 24 },
    ],
  },
  {
    name: 'callsoon-task',
    title: 'the same from within a task',
    unit: 'callbacks',
    targets: [],
  },
  {
    name: 'callsoon-chain',
    title: 'callSoon chain',
    unit: 'iterations',
    comparable: 'setImmediate',
    targets: [{ least: 2e6 }],
  },
  {
    name: 'handle-cancel',
    title: 'callSoon and cancel',
    unit: 'handles',
    comparable: 'setImmediate, clearImmediate',
    targets: [],
  },
  {
    name: 'timers',
    title: '100,000 timers, 90 % cancelled',
    unit: 'timers',
    cost: true,
    comparable: 'setTimeout, clearTimeout',
    targets: [{ most: 1.0 }],
  },
  {
    name: 'spawn-async',
    title: 'task creation, async function',
    unit: 'tasks',
    comparable: 'an async function in a setImmediate',
    targets: [{ peer: 'uvloop', ratio: 1.5 }],
  },
  {
    name: 'spawn-generator',
    title: 'task creation, generator',
    unit: 'tasks',
    targets: [{ peer: 'uvloop', ratio: 1.5 }],
  },
  {
    name: 'switch-async',
    title: 'task switch, async function: `sleep(0)` in 10 tasks',
    unit: 'switches',
    comparable: 'await a promise of setImmediate',
    targets: [
      { peer: 'uvloop', ratio: 0.8, before: 24 },
      { peer: 'uvloop', ratio: 1.0, from: 24 },
    ],
  },
  {
    name: 'switch-generator',
    title: 'task switch, generator: `sleep(0)` in 10 tasks',
    unit: 'switches',
    targets: [{ peer: 'uvloop', ratio: 3.0 }],
  },
  {
    name: 'switch-yield',
    title: 'task switch, generator: bare `yield` in 10 tasks',
    unit: 'switches',
    targets: [{ peer: 'uvloop', ratio: 3.0 }],
  },
  {
    name: 'wakeup-async',
    title: 'future wake-up, async function: two tasks wake each other',
    unit: 'wake-ups',
    comparable: 'promises, without an event loop',
    targets: [
      { peer: 'uvloop', ratio: 0.8, before: 24 },
      { peer: 'uvloop', ratio: 1.0, from: 24 },
    ],
  },
  {
    name: 'wakeup-generator',
    title: 'future wake-up, generator: two tasks wake each other',
    unit: 'wake-ups',
    targets: [{ peer: 'uvloop', ratio: 3.0 }],
  },
  {
    name: 'gather-async',
    title: 'gather of 10,000 async functions',
    unit: 'coroutines',
    comparable: 'Promise.all of async functions, without an event loop',
    targets: [{ peer: 'uvloop', ratio: 1.5 }],
  },
  {
    name: 'gather-generator',
    title: 'gather of 10,000 generators',
    unit: 'coroutines',
    targets: [{ peer: 'uvloop', ratio: 1.5 }],
  },
  {
    name: 'queue-async',
    title: 'queue, put then get, async function',
    unit: 'items',
    comparable: 'array behind async functions',
    targets: [{ peer: 'uvloop', ratio: 1.5 }],
  },
  {
    name: 'queue-generator',
    title: 'queue, put then get, generator',
    unit: 'items',
    targets: [{ peer: 'uvloop', ratio: 1.5 }],
  },
  {
    name: 'queue-handover',
    title: 'queue of 100 places between two async functions',
    unit: 'items',
    targets: [],
  },
];

/** Costs at several numbers of pending timers: shows that they grow no faster than the logarithm of the number. */
export const pending = {
  name: 'pending-timers',
  title: 'Pending timers',
  sizes: [1e3, 1e4, 1e5, 1e6],
  columns: {
    later: 'callLater, random delay',
    first: 'callLater, earliest of all',
    cancel: 'cancel',
    due: 'taken out when due',
  },
};
