import { ThreadPoolExecutor, workerFunction } from '@tsyncio/executors';
import { leakAudit } from '@tsyncio/test-support';
import { work } from './support/pools.js';

// They start threads and processes, on machines that may be busy.
jest.setTimeout(60_000);

leakAudit();

class Shapes {
  method(): void {}
  async later(): Promise<void> {}
  *generator(): Generator {}
  get got(): number {
    return 1;
  }
  static ['computed'](): void {}
}
const object = { short() {}, async short2() {}, function: function () {}, arrow: () => undefined };

test.each<[string, unknown, RegExp]>([
  ['a native function', Math.max, /native function has no text; pass a function that calls it/],
  [
    'a bound function',
    function bound() {}.bind(null),
    /bound function has no text, and what it is bound to stays here/,
  ],
  ['a method', new Shapes().method, /the text of a method does not stand alone; pass an arrow function/],
  ['an async method', new Shapes().later, /the text of a method does not stand alone/],
  ['a generator method', new Shapes().generator, /the text of a method does not stand alone/],
  ['a static method', Shapes.computed, /the text of a method does not stand alone/],
  ['a short method', object.short, /the text of a method does not stand alone/],
  ['an async short method', object.short2, /the text of a method does not stand alone/],
  [
    'a getter',
    Object.getOwnPropertyDescriptor(Shapes.prototype, 'got')!.get,
    /the text of a method does not stand alone/,
  ],
  ['a class', Shapes, /it is a class; pass a function that uses it/],
  ['a generator function', function* () {}, /a generator cannot come back/],
  ['an async generator function', async function* () {}, /a generator cannot come back/],
  ['no function', { call: 1 }, /a function was expected, got/],
])('%s is refused at the call, with what to do', (_, fn, message) => {
  const pool = new ThreadPoolExecutor(1);
  const submit = (): unknown => pool.submit(fn as never);
  expect(submit).toThrow(TypeError);
  expect(submit).toThrow(message);
  if (typeof fn === 'function') expect(submit).toThrow(/workerFunction\(moduleUrl, exportName\)$/);
});

test('functions of every other shape cross', async () => {
  await using pool = new ThreadPoolExecutor(1);

  const odd = [
    'async x => x',
    'async(x)=>x',
    '(x) => x',
    '$ => $',
    'ünï => ünï',
    'function(x){return x}',
    'async function f(x) { return x } // end',
  ].map(
    // eslint-disable-next-line @typescript-eslint/no-implied-eval
    (text) => new Function(`return ${text}`)() as (x: number) => number,
  );
  const functions = [
    ...odd,
    object.function,
    object.arrow,
    function name(x: number) {
      return x;
    },
  ] as ((x: number) => unknown)[];
  const answers = await Promise.all(functions.map((fn) => pool.submit(fn, 5).promise()));
  expect(answers).toEqual([5, 5, 5, 5, 5, 5, 5, undefined, undefined, 5]);
});

test('a worker function names a module that can be found from anywhere', async () => {
  const { href } = work;
  const { moduleUrl, exportName } = workerFunction(work, 'add');
  expect([moduleUrl, exportName]).toEqual([href, 'add']);
  expect(workerFunction(href, 'add').moduleUrl).toBe(href);
  expect(workerFunction('/a b/c.mjs').moduleUrl).toBe('file:///a%20b/c.mjs');
  expect(workerFunction('node:path', 'join').moduleUrl).toBe('node:path');
  expect(workerFunction(href, function add() {}).exportName).toBe('add');
  for (const wrong of ['./work.js', 'lodash', 'http://host/x.js', 5, null, undefined, {}]) {
    expect(() => workerFunction(wrong as never)).toThrow(
      /^workerFunction: moduleUrl must be a URL or an absolute path/,
    );
  }
  for (const wrong of ['', 5, null, () => undefined]) {
    expect(() => workerFunction(href, wrong as never)).toThrow(/^workerFunction: exported must be a name/);
  }
});

test('called in this thread it imports the module here', async () => {
  expect(await workerFunction<(path: string) => string>('node:path', 'basename')('/a/b')).toBe('b');
  await expect(workerFunction('node:path', 'nothing')()).rejects.toThrow("node:path exports no function 'nothing'");
});
