import { Scheduler } from '@tsyncio/core';
import { leakAudit } from '@tsyncio/test-support';

leakAudit();

test('IOCP-23 a loop has no signal handlers on Windows', () => {
  const loop = new Scheduler();
  expect(() => loop.addSignalHandler('SIGINT', () => undefined)).toThrow(
    expect.objectContaining({
      name: 'NotImplementedError',
      message: "loops have no signal handlers on Windows: use Node's process.on()",
    }) as Error,
  );
  expect(loop.removeSignalHandler('SIGINT')).toBe(false);
  loop.close();
});
