import { socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { POLLIN, PollList, POLLOUT } from '../src/native/posix/poll.js';

leakAudit();

const entries = (list: PollList): number[][] =>
  Array.from({ length: list.length }, (_, i) => [list.fdAt(i), list.bitsAt(i)]);

test('the list of poll(2) keeps its order, and gives back the room of what was removed', () => {
  const list = new PollList();
  const sockets = [...socketpair(), ...socketpair()];
  const [a, b, c, d] = sockets.map((socket) => socket.fileno()) as [number, number, number, number];
  for (const fd of [a, b, c]) list.add(fd, POLLOUT);
  list.modify(b, POLLIN);
  expect(list.wait(0)).toBe(2);
  const before = [[a, POLLOUT], [b, 0], [c, POLLOUT]]; // prettier-ignore
  expect(entries(list)).toEqual(before);

  list.remove(a);
  list.add(d, POLLOUT);
  // The answer of the last wait can still be read.
  expect(entries(list).slice(1, 3)).toEqual(before.slice(1));
  expect(list.fdAt(0)).toBe(-1);
  expect(list.wait(0)).toBe(2);
  expect(entries(list)).toEqual([[b, 0], [c, POLLOUT], [d, POLLOUT]]); // prettier-ignore

  for (let i = 0; i < 1000; i++) {
    list.add(a, POLLOUT);
    list.wait(0);
    list.remove(a);
  }
  expect(list.length).toBe(4);
  for (const fd of [b, c, d]) list.remove(fd);
  expect([list.wait(0), list.length]).toEqual([0, 0]);
  for (const socket of sockets) socket.close();
});
