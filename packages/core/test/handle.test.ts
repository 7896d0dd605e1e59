import { Context, ContextVar, Handle, repr, Scheduler, TimerHandle, WRAPPED } from '@tsyncio/core';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';
import { runOnce } from './virtual-loop.js';

const audit = leakAudit();

let loop: Scheduler;
let seen: unknown[];
beforeEach(() => {
  loop = new Scheduler({ debug: false });
  seen = [];
});
afterEach(() => {
  loop.setDebug(false);
  loop.close();
});

function work(...args: unknown[]): void {
  seen.push(args);
}

test('HANDLE-01 HANDLE-02 cancel prevents the call, for good', async () => {
  const handle = loop.callSoon(work);
  expect(handle.cancelled()).toBe(false);
  expect([handle.cancel(), handle.cancel()]).toEqual([undefined, undefined]);
  expect(handle.cancelled()).toBe(true);
  await runOnce(loop);
  expect(seen).toEqual([]);
});

test('HANDLE-03 a callback may cancel one behind it in the batch', async () => {
  loop.callSoon(() => second.cancel());
  const second = loop.callSoon(work);
  loop.callSoon(work, 'third');
  await runOnce(loop);
  expect(seen).toEqual([['third']]);
});

test('HANDLE-04 a cancel after the call only changes what cancelled() says', async () => {
  const handle = loop.callSoon(work);
  await runOnce(loop);
  expect(handle.cancelled()).toBe(false);
  handle.cancel();
  expect([seen, handle.cancelled()]).toEqual([[[]], true]);
});

test('HANDLE-05 a callback may cancel its own handle, and what it throws is reported under its name', async () => {
  const contexts = recordExceptions(loop);
  const handle = loop.callSoon(function itself(n: number) {
    handle.cancel();
    seen.push('to its end');
    throw new Error(`mine ${n}`);
  }, 3);
  await runOnce(loop);
  expect(seen).toEqual(['to its end']);
  expect(contexts.map(({ message }) => message)).toEqual(['Exception in callback itself(3)']);
  expect(contexts[0]!.handle === handle).toBe(true);
});

test('HANDLE-07 timers order by time alone and are equal when all is equal', () => {
  const timer = (when: number, args: unknown[] = [1]): TimerHandle => new TimerHandle(when, work, args, loop);
  const one = timer(1);
  expect(one.compare(timer(2))).toBeLessThan(0);
  expect(timer(2).compare(one)).toBeGreaterThan(0);
  expect(one.compare(timer(1, [2]))).toBe(0);
  expect(one.equals(timer(1))).toBe(true);
  expect(one.equals(timer(2))).toBe(false);
  expect(one.equals(timer(1, [2]))).toBe(false);
  expect(one.equals(timer(1, [1, 2]))).toBe(false);
  expect(one.equals(new TimerHandle(1, () => undefined, [1], loop))).toBe(false);
  expect(one.equals(new Handle(work, [1], loop))).toBe(false);
  expect(one.equals(undefined)).toBe(false);
  const cancelled = timer(1);
  cancelled.cancel();
  expect(one.equals(cancelled)).toBe(false);
});

test('HANDLE-08 the repr names the callback and its arguments; cancelled, nothing', () => {
  const handle = loop.callSoon(work, 1, 'x');
  expect(String(handle)).toBe("<Handle work(1, 'x')>");
  handle.cancel();
  expect(String(handle)).toBe('<Handle cancelled>');
  const timer = loop.callAt(2.5, work);
  expect(String(timer)).toBe('<TimerHandle when=2.5 work()>');
  timer.cancel();
  expect(String(timer)).toBe('<TimerHandle cancelled when=2.5>');
});

test('HANDLE-09 in debug mode the repr ends with the place, and goes on naming a cancelled callback', () => {
  loop.setDebug(true);
  const handle = loop.callSoon(work, 1);
  const place = / created at .*handle\.test\.ts:\d+>$/;
  expect(String(handle)).toMatch(/^<Handle work\(1\)/);
  expect(String(handle)).toMatch(place);
  handle.cancel();
  const text = String(handle);
  expect(text).toMatch(/^<Handle cancelled work\(1\)/);
  expect(text).toMatch(place);
  handle.cancel();
  expect(String(handle)).toBe(text);
  const timer = loop.callAt(3, work);
  timer.cancel();
  expect(String(timer)).toMatch(/^<TimerHandle cancelled when=3 work\(\) created at/);
});

test('HANDLE-10 a wrapper shows the function in it; long arguments are cut; a nameless one is shown as such', () => {
  const wrapper = Object.assign(() => undefined, { [WRAPPED]: { callback: work, args: [1, 2] } });
  expect(String(loop.callSoon(wrapper as (n: number) => void, 3))).toBe('<Handle work(1, 2)(3)>');
  expect(String(loop.callSoon(work.bind(null), 3))).toBe('<Handle work(3)>');
  const text = String(loop.callSoon(work, 'x'.repeat(1000)));
  expect(text.length).toBeLessThan(100);
  expect(text).toContain('...');
  expect(
    String(
      loop.callSoon(
        (
          () => () =>
            undefined
        )(),
      ),
    ),
  ).toBe('<Handle <function>()>');
});

test('HANDLE-11 a handle made by hand copies the current context, or runs in the one that is given', async () => {
  const variable = new ContextVar('v', { default: 'default' });
  const given = new Context();
  given.run(() => variable.set('given'));
  const read = (): unknown => seen.push(variable.get());
  const set = (): unknown => variable.set('set by a handle');
  let handles: Handle[] = [];
  new Context().run(() => {
    variable.set('current');
    handles = [new Handle(read, [], loop), new Handle(set, [], loop, given), new Handle(read, [], loop, given)];
    variable.set('too late');
  });
  for (const handle of handles) loop.enqueue(handle);
  await runOnce(loop);
  expect(seen).toEqual(['current', 'set by a handle']);
  expect(given.get(variable)).toBe('set by a handle');
});

test('a repr never throws and never ends', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const hostile = {
    toString(): string {
      throw new Error('mine');
    },
  };
  const values = [
    circular,
    hostile,
    Object.create(null),
    new Proxy({}, {}),
    Symbol('s'),
    10n ** 100n,
    new Uint8Array(9),
  ];
  for (const value of values) expect(repr(value).length).toBeLessThan(70);
  expect(repr([1, [2, [3, [4]]]])).toBe('[1, [2, [...]]]');
  expect(repr({ a: 1, b: { c: 1 } })).toBe('{a: 1, b: {c: 1}}');
  expect(repr(new TypeError('bad'))).toBe("TypeError('bad')");
  expect(repr(Array.from({ length: 20 }, (_, i) => i))).toBe('[0, 1, 2, 3, 4, 5, ...]');
  expect(repr(class A {})).toBe('<function A>');
  expect(repr(new (class A {})())).toBe('<A object>');
  expect([undefined, null, true, -0, 'x'].map(repr)).toEqual(['undefined', 'null', 'true', '0', "'x'"]);
});

test('LOOP-CLOSE-05 handles can be cancelled after the close, in debug mode too', () => {
  loop.setDebug(true);
  const handle = loop.callSoon(work);
  loop.close();
  handle.cancel();
  expect(handle.cancelled()).toBe(true);
  expect(audit.takeRecords()).toHaveLength(1);
});
