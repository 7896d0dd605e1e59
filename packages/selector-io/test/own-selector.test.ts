import { TaskLoop } from '@tsyncio/futures-tasks';
import {
  addReader,
  EpollSelector,
  EVENT_READ,
  removeReader,
  type SelectorEvent,
  SelectorIo,
} from '@tsyncio/selector-io';
import { socketpair } from '@tsyncio/socket';

import { thrown } from './support/errors.js';
import { iterations } from './support/loops.js';

/** A plugin author's selector: sees and counts everything. */
class CountingSelector extends EpollSelector {
  selects = 0;
  override select(timeout?: number | null): SelectorEvent[] {
    this.selects++;
    return super.select(timeout);
  }
}

test('a selector that overrides select is asked by it', async () => {
  const selector = new CountingSelector();
  const loop = new TaskLoop({ backend: new SelectorIo(selector) });
  const [a, b] = socketpair();
  let calls = 0;
  addReader(loop, a, () => void calls++);
  b.send(Buffer.from('x'));
  await iterations(loop, 2);
  expect([selector.selects, calls]).toEqual([2, 2]);
  removeReader(loop, a);
  loop.close();
  expect(selector.getMap()).toBeNull();
  a.close();
  b.close();
});

test("keys of someone else's in the selector are passed over", async () => {
  const selector = new EpollSelector();
  const loop = new TaskLoop({ backend: new SelectorIo(selector) });
  const [a, b] = socketpair();
  const [c, d] = socketpair();
  selector.register(c, EVENT_READ, 'not ours');
  d.send(Buffer.from('x'));
  let calls = 0;
  addReader(loop, a, () => void calls++);
  b.send(Buffer.from('x'));
  await iterations(loop, 1);
  expect(calls).toBe(1);
  loop.close();
  for (const socket of [a, b, c, d]) socket.close();
});

test.each([[null], [{}], [{ select: () => [] }], [{ fileno: () => 1 }]])('%p is no selector for a loop', (selector) => {
  expect(thrown(() => new SelectorIo(selector as never))).toMatchObject({
    name: 'TypeError',
    message: expect.stringMatching(/^selector must /),
  });
});
