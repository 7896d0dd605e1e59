import { closeSync, openSync } from 'node:fs';

import { EVENT_READ, EVENT_WRITE, SelectSelector } from '@tsyncio/selector-io';
import { type Socket, socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { thrown } from './support/errors.js';

const BOTH = EVENT_READ | EVENT_WRITE;

leakAudit();

test('SEL-08 a regular file is ready every time', () => {
  using selector = new SelectSelector();
  const file = openSync(__filename, 'r');
  const key = selector.register(file, BOTH);
  for (let i = 0; i < 3; i++) expect(selector.select()).toEqual([[key, BOTH]]);
  closeSync(file);
});

test('SEL-09 a descriptor closed behind its back makes every select fail, until it is unregistered', () => {
  using selector = new SelectSelector();
  const [a, b] = socketpair();
  selector.register(a, EVENT_READ);
  selector.register(b, EVENT_WRITE);
  a.close();
  for (let i = 0; i < 2; i++) {
    expect(thrown(() => selector.select(0))).toMatchObject({ name: 'OSError', code: 'EBADF', syscall: 'select' });
  }
  selector.unregister(a);
  expect(selector.select(0)).toHaveLength(1);
  b.close();
});

test('SEL-33 it has no descriptor of its own', () => {
  expect('fileno' in new SelectSelector()).toBe(false);
});

test('SEL-34 every descriptor below 1024 is watched, and a greater one refused when it is registered', () => {
  using selector = new SelectSelector();
  const [first, peer] = socketpair();
  const sockets: Socket[] = [first];
  while (sockets.at(-1)!.fileno() < 1024) sockets.push(first.dup());
  const beyond = sockets.pop()!;
  const refused = { name: 'ValueError', message: 'descriptor 1024 is out of range for select(): FD_SETSIZE is 1024' };
  expect(beyond.fileno()).toBe(1024);
  expect(thrown(() => selector.register(beyond, EVENT_READ))).toMatchObject(refused);
  expect(thrown(() => selector.getKey(beyond)).name).toBe('ValueError');

  for (const socket of sockets) selector.register(socket, BOTH);
  expect(sockets.at(-1)!.fileno()).toBe(1023);
  expect(selector.select(0).map(([key, events]) => [key.fileobj, events])).toEqual(
    sockets.map((socket) => [socket, EVENT_WRITE]),
  );
  peer.send(Buffer.from('x'));
  for (const socket of sockets) selector.modify(socket, EVENT_READ);
  expect(selector.select(0).map(([key, events]) => [key.fd, events])).toEqual(
    sockets.map((socket) => [socket.fileno(), EVENT_READ]),
  );
  // Each of them alone.
  for (const socket of sockets) selector.unregister(socket);
  for (const socket of sockets) {
    const key = selector.register(socket, BOTH);
    expect(selector.select(0)).toEqual([[key, BOTH]]);
    selector.unregister(socket);
  }
  for (const socket of [...sockets, beyond, peer]) socket.close();
}, 30_000);
