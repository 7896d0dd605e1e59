import { decodeError, encodeError, OSError, osError, RuntimeError, TimeoutError } from '@tsyncio/core';

/** As between two threads. */
const across = (thrown: unknown): unknown => decodeError(structuredClone(encodeError(thrown)));

test('an error keeps its class, name, message, stack, cause and fields', () => {
  const cause = Object.assign(new RangeError('deep'), { at: [1, 2] });
  const error = Object.assign(new TypeError('mine', { cause }), { code: 'E_MINE', detail: { n: 1 } });
  const copy = across(error) as typeof error;
  expect(copy).not.toBe(error);
  expect(copy).toBeInstanceOf(TypeError);
  expect(copy.cause).toBeInstanceOf(RangeError);
  expect([copy.name, copy.message, copy.stack, copy.code, copy.detail]).toEqual([
    'TypeError',
    'mine',
    error.stack,
    'E_MINE',
    { n: 1 },
  ]);
  expect([(copy.cause as Error).message, (copy.cause as typeof cause).at]).toEqual(['deep', [1, 2]]);
  expect(Object.keys(copy)).toEqual(['code', 'detail']);
});

test('errors of asyncio and of the operating system keep their classes', () => {
  const refused = across(osError({ code: 'ECONNREFUSED', errno: -111, syscall: 'connect', address: '::1', port: 7 }));
  expect(refused).toBeInstanceOf(OSError);
  expect(refused).toMatchObject({ name: 'ConnectionRefusedError', code: 'ECONNREFUSED', errno: -111, port: 7 });
  expect(across(new TimeoutError('late'))).toBeInstanceOf(TimeoutError);
  const both = across(new AggregateError([new RuntimeError('a'), 5], 'both')) as AggregateError;
  expect(both).toBeInstanceOf(AggregateError);
  expect([both.message, both.errors]).toEqual(['both', [expect.any(RuntimeError), 5]]);
});

test('of an unknown class the name is kept', () => {
  class Mine extends Error {
    override name = 'Mine';
  }
  expect(across(new Mine('x'))).toMatchObject({ name: 'Mine', message: 'x' });
  expect(Object.keys(across(new Mine('x')) as object)).toEqual([]);
  const aborted = across(new DOMException('stop', 'AbortError')) as Error;
  expect([aborted.name, aborted.message]).toEqual(['AbortError', 'stop']);
});

test('what cannot be cloned is left out, a circle of causes ends', () => {
  const error = Object.assign(new Error('x'), { callback: () => undefined, code: 'E' });
  error.cause = error;
  let copy = across(error) as typeof error;
  expect(Object.keys(copy)).toEqual(['code']);
  let depth = 0;
  for (; copy.cause !== undefined; copy = copy.cause as typeof error) depth++;
  expect(depth).toBe(8);
});

test.each([[undefined], [null], [5], ['text'], [{ a: 1 }]])('thrown %p arrives as it is', (value) => {
  expect(across(value)).toEqual(value);
});

test('what cannot be cloned or read at all arrives as a text', () => {
  expect(across(Symbol('s'))).toBe('Symbol(s)');
  expect(across({ f: () => undefined })).toBe('[object Object]');
  expect(across(Object.assign(Object.create(null) as object, { f: () => undefined }))).toBe('a value without a text');
  const hostile = new Proxy(new Error('x'), {
    ownKeys() {
      throw new Error('no');
    },
  });
  expect(across(hostile)).toMatchObject({ message: 'an error that cannot be read' });
});

test('the text of encodeError stands alone', () => {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const alone = new Function(`return (${String(encodeError)})`)() as typeof encodeError;
  expect(alone(new TypeError('x'))).toMatchObject({ name: 'TypeError', message: 'x', fields: {} });
});
