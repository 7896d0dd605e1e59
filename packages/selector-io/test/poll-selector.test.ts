import { closeSync, openSync } from 'node:fs';

import { EVENT_READ, EVENT_WRITE, PollSelector } from '@tsyncio/selector-io';
import { socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

const BOTH = EVENT_READ | EVENT_WRITE;

leakAudit();

test('SEL-08 a regular file is ready every time', () => {
  using selector = new PollSelector();
  const file = openSync(__filename, 'r');
  const key = selector.register(file, BOTH);
  for (let i = 0; i < 3; i++) expect(selector.select()).toEqual([[key, BOTH]]);
  closeSync(file);
});

test.each([EVENT_READ, EVENT_WRITE, BOTH])('SEL-09 a descriptor that is not open is ready for %d', (events) => {
  using selector = new PollSelector();
  const [a, b] = socketpair();
  const key = selector.register(a, events);
  a.close();
  expect(selector.select(0)).toEqual([[key, events]]);
  selector.unregister(a);
  expect(selector.select(0)).toEqual([]);
  b.close();
});

test('SEL-33 it has no descriptor of its own', () => {
  expect('fileno' in new PollSelector()).toBe(false);
});

test('SEL-34 more than 1024 at once, in the order of registration', () => {
  using selector = new PollSelector();
  const sockets = Array.from({ length: 700 }, () => socketpair()).flat();
  for (const socket of sockets) selector.register(socket, EVENT_WRITE);
  const order = (): unknown[] => selector.select(0).map(([key]) => key.fileobj);
  expect(order()).toEqual(sockets);
  // Gaps close, and who comes back stands at the end.
  const gone = sockets.filter((_, i) => i % 3 === 0);
  const stayed = sockets.filter((_, i) => i % 3 !== 0);
  for (const socket of gone) selector.unregister(socket);
  expect(order()).toEqual(stayed);
  for (const socket of gone) selector.register(socket, EVENT_WRITE);
  expect(order()).toEqual([...stayed, ...gone]);
  selector.modify(stayed[7]!, EVENT_READ);
  expect(order()).toHaveLength(1399);
  for (const socket of sockets) socket.close();
}, 30_000);
