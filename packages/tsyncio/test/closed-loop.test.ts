import { newEventLoop, Protocol, socketpair, type EventLoop } from 'tsyncio';

let loop: EventLoop;
beforeEach(() => {
  loop = newEventLoop();
  loop.close();
});

test('LOOP-CLOSE-06 after close() removeReader and removeWriter give false', () => {
  const [a, b] = socketpair();
  expect(loop.removeReader(a)).toBe(false);
  expect(loop.removeWriter(a)).toBe(false);
  a.close();
  b.close();
});

test.each(['addReader', 'addWriter'] as const)('LOOP-CLOSE-04 after close() %s() is a RuntimeError', (method) => {
  const [a, b] = socketpair();
  expect(() => loop[method](a, () => undefined)).toThrow('Event loop is closed');
  a.close();
  b.close();
});

test('after close() a connection and a server fail through their operations', async () => {
  await expect(loop.createConnection(() => new Protocol(), '127.0.0.1', 1)).rejects.toThrow('Event loop is closed');
  await expect(loop.createServer(() => new Protocol(), '127.0.0.1', 0)).rejects.toThrow('Event loop is closed');
});
