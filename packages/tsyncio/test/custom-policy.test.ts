import { replacePolicy } from '@tsyncio/core';
import {
  BaseDefaultEventLoopPolicy,
  EpollSelector,
  getRunningLoop,
  Protocol,
  run,
  SelectorEventLoop,
  setEventLoopPolicy,
  type Coroutine,
  type SelectorEvent,
  type Task,
  type TaskOptions,
} from 'tsyncio';

/** Counts what was registered with the kernel. The program of docs/policies.md, in full. */
class CountingSelector extends EpollSelector {
  static registered = 0;
  override register(...args: Parameters<EpollSelector['register']>): ReturnType<EpollSelector['register']> {
    CountingSelector.registered++;
    return super.register(...args);
  }
}

/** Names its tasks after a prefix. */
class NamingLoop extends SelectorEventLoop {
  override createTask<T>(coroutine: Coroutine<T>, options: Omit<TaskOptions, 'loop'> = {}): Task<T> {
    const { name = 'task' } = options;
    return super.createTask(coroutine, { ...options, name: `app:${String(name)}` });
  }
}

class AppPolicy extends BaseDefaultEventLoopPolicy<NamingLoop> {
  override loopFactory(): NamingLoop {
    return new NamingLoop(new CountingSelector());
  }
}

afterEach(() => replacePolicy(null));

test('a policy of a third party changes the loop class and the selector of an unchanged program', async () => {
  CountingSelector.registered = 0;
  setEventLoopPolicy(new AppPolicy());
  await run(async () => {
    const loop = getRunningLoop();
    expect(loop).toBeInstanceOf(NamingLoop);
    expect(loop.createTask(async () => undefined, { name: 'worker' }).getName()).toBe('app:worker');
    const server = await loop.createServer(() => new Protocol(), '127.0.0.1', 0);
    expect(CountingSelector.registered).toBe(1);
    server.close();
    await server.waitClosed();
  });
});

test('a selector of a third party, without our shortcuts, drives the loop', async () => {
  const inner = new EpollSelector();
  let asked = 0;
  const selector = {
    fileno: () => inner.fileno(),
    register: inner.register.bind(inner),
    unregister: inner.unregister.bind(inner),
    modify: inner.modify.bind(inner),
    select(timeout?: number | null): readonly SelectorEvent[] {
      asked++;
      return inner.select(timeout);
    },
    getKey: inner.getKey.bind(inner),
    getMap: inner.getMap.bind(inner),
    close: inner.close.bind(inner),
    [Symbol.dispose]: () => inner.close(),
  };
  await run(
    async () => {
      const loop = getRunningLoop();
      const received = loop.createFuture<string>();
      const server = await loop.createServer(
        () => ({ dataReceived: (data: Buffer) => received.setResult(data.toString()) }),
        '127.0.0.1',
        0,
      );
      const [host, port] = server.sockets[0]!.getsockname() as [string, number];
      const [transport] = await loop.createConnection(() => new Protocol(), host, port);
      transport.write(Buffer.from('through a selector of our own'));
      expect(await received).toBe('through a selector of our own');
      transport.close();
      server.close();
      await server.waitClosed();
    },
    { loopFactory: () => new SelectorEventLoop(selector) },
  );
  expect(asked).toBeGreaterThan(1);
});
