import { nodeClock, NodeHost, NoIo, Scheduler } from '@tsyncio/core';
import { badCall, leakAudit } from '@tsyncio/test-support';

leakAudit();

const make = (): Scheduler => new Scheduler({ debug: false });
const nothing = (): void => undefined;

badCall('LOOP-RUN-03 LOOP-CLOSE-04 runForever', make, {
  afterClose: { call: (loop) => loop.runForever(), throws: 'RuntimeError', message: /^Event loop is closed$/ },
  insideCallback: { call: (loop) => loop.runForever(), throws: 'RuntimeError', message: /already running/ },
});

badCall('LOOP-STOP-04 stop', make, {
  twice: { call: (loop) => loop.stop() },
  afterClose: { call: (loop) => loop.stop() },
  insideCallback: { call: (loop) => loop.stop() },
});

badCall('LOOP-CLOSE-01 LOOP-CLOSE-02 close', make, {
  twice: { call: (loop) => loop.close() },
  afterClose: { call: (loop) => loop.close() },
  insideCallback: { call: (loop) => loop.close(), throws: 'RuntimeError', message: /running/ },
});

for (const method of ['callSoon', 'callSoonThreadsafe'] as const) {
  badCall(`SCHED-SOON-05 LOOP-CLOSE-04 ${method}`, make, {
    wrong: {
      'no callback': { call: (loop) => loop[method](undefined as never), throws: 'TypeError' },
      'a text': { call: (loop) => loop[method]('text' as never), throws: 'TypeError', message: new RegExp(method) },
      'an object': { call: (loop) => loop[method]({} as never), throws: 'TypeError' },
      'a promise': { call: (loop) => loop[method](Promise.resolve() as never), throws: 'TypeError' },
    },
    twice: { call: (loop) => loop[method](nothing) },
    afterClose: { call: (loop) => loop[method](nothing), throws: 'RuntimeError' },
    insideCallback: { call: (loop) => loop[method](nothing) },
  });
}

for (const method of ['callLater', 'callAt'] as const) {
  badCall(`SCHED-TIMER-13 LOOP-CLOSE-04 ${method}`, make, {
    wrong: {
      NaN: { call: (loop) => loop[method](NaN, nothing), throws: 'ValueError' },
      null: { call: (loop) => loop[method](null as never, nothing), throws: 'TypeError', message: new RegExp(method) },
      'a text': { call: (loop) => loop[method]('1' as never, nothing), throws: 'TypeError' },
      'a date': { call: (loop) => loop[method](new Date() as never, nothing), throws: 'TypeError' },
      'no callback': { call: (loop) => loop[method](1, null as never), throws: 'TypeError' },
      negative: { call: (loop) => loop[method](-1e300, nothing) },
      huge: { call: (loop) => loop[method](1e300, nothing) },
      infinite: { call: (loop) => loop[method](Infinity, nothing) },
    },
    afterClose: { call: (loop) => loop[method](1, nothing), throws: 'RuntimeError' },
    insideCallback: { call: (loop) => loop[method](1, nothing) },
  });
}

badCall('EXC-02 setExceptionHandler', make, {
  wrong: {
    undefined: { call: (loop) => loop.setExceptionHandler(undefined as never), throws: 'TypeError' },
    'a text': { call: (loop) => loop.setExceptionHandler('x' as never), throws: 'TypeError' },
  },
  twice: { call: (loop) => loop.setExceptionHandler(null) },
  afterClose: { call: (loop) => loop.setExceptionHandler(null) },
});

test.each<[string, unknown]>([
  ['null', null],
  ['a text', 'x'],
  ['a host without methods', { host: {} }],
  ['a host that lacks one method', { host: Object.assign(new NodeHost(), { arm: undefined }) }],
  ['a clock without time', { clock: { resolution: 1 } }],
  ['a clock without resolution', { clock: { time: () => 1 } }],
  ['a clock that is a function', { clock: () => 1 }],
  ['a backend without methods', { backend: {} }],
  ['a backend that is a class', { backend: NoIo }],
  ['a debug that is no boolean', { debug: 'yes' }],
])('new Scheduler with %s is a TypeError', (_, options) => {
  expect(() => new Scheduler(options as never)).toThrow(TypeError);
});

test('new Scheduler with every option left out or undefined', () => {
  new Scheduler({ backend: undefined, host: undefined, clock: undefined, debug: undefined }).close();
  new Scheduler({ backend: new NoIo(), host: new NodeHost(), clock: nodeClock, debug: false }).close();
});

test('a backend serves one loop: a second one is refused', () => {
  const backend = new NoIo();
  const loop = new Scheduler({ backend });
  expect(() => new Scheduler({ backend })).toThrow(expect.objectContaining({ name: 'RuntimeError' }));
  loop.close();
});
