import { Scheduler } from '@tsyncio/core';
import { clockContract, hostContract } from '@tsyncio/contract-tests';
import { ScriptedHost, VirtualClock } from '@tsyncio/test-support';

hostContract('ScriptedHost', () => {
  const host = new ScriptedHost();
  return { host, drive: (work) => host.drive(work) };
});
clockContract('VirtualClock', () => new VirtualClock());

test('an hour passes at once', async () => {
  const host = new ScriptedHost();
  const loop = new Scheduler({ host, clock: host.clock });
  loop.callLater(3600, () => loop.stop());
  await host.drive(loop.runForever());
  expect(loop.time()).toBe(3600);
  expect(host.log).toEqual(['hold', 'turn', 'arm 3600', 'turn', 'disarm', 'disarm', 'release']);
  loop.close();
});

test('a loop that nothing can wake is an error, not a test that hangs', async () => {
  const host = new ScriptedHost();
  const loop = new Scheduler({ host, clock: host.clock });
  const run = loop.runForever();
  await expect(host.drive(run)).rejects.toThrow('sleeps for ever');
  loop.stop();
  await host.drive(run);
  loop.close();
});
