import { AbstractServer } from '@tsyncio/server';

const refusal = expect.objectContaining({ name: 'NotImplementedError' });

test.each(['close', 'getLoop', 'isServing'] as const)(
  'ABSLOOP-04 %s() of a bare server throws at the call',
  (method) => {
    expect(() => new AbstractServer()[method]()).toThrow(refusal);
  },
);

test.each(['startServing', 'serveForever', 'waitClosed'] as const)(
  'ABSLOOP-04 %s() of a bare server throws when awaited',
  async (method) => {
    await expect(new AbstractServer()[method]()).rejects.toEqual(refusal);
  },
);

test('ABSLOOP-05 as asynchronous resource it is the server itself, closed and waited for at the end', async () => {
  const calls: string[] = [];
  class Recording extends AbstractServer {
    override close(): void {
      calls.push('close');
    }
    override waitClosed(): ReturnType<AbstractServer['waitClosed']> {
      calls.push('waitClosed');
      return Promise.resolve() as ReturnType<AbstractServer['waitClosed']>;
    }
  }
  {
    await using server = new Recording();
    expect(server).toBeInstanceOf(AbstractServer);
    calls.push('inside');
  }
  expect(calls).toEqual(['inside', 'close', 'waitClosed']);
});
