import { TaskLoop } from '@tsyncio/futures-tasks';
import { SelectorIo } from '@tsyncio/selector-io';
import { createServer } from '@tsyncio/server';

test('a loop without I/O serves nothing: it does not compile', async () => {
  using loop = new TaskLoop();
  // @ts-expect-error a loop without a backend
  const serving = () => createServer(loop, () => ({}), '127.0.0.1', 0);
  await expect(loop.runUntilComplete(async () => void (await serving()))).rejects.toThrow('backend');
  // @ts-expect-error nor one that is made there and then
  const another = () => createServer(new TaskLoop(), () => ({}), '127.0.0.1', 0);
  expect(typeof another).toBe('function');
});

test('the type of the backend is that of what is given', () => {
  using loop = new TaskLoop({ backend: new SelectorIo(), debug: false });
  const backend: SelectorIo = loop.backend;
  expect(backend).toBeInstanceOf(SelectorIo);
});
