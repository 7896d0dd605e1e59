import { closeSync, openSync } from 'node:fs';
import { MessageChannel } from 'node:worker_threads';
import { holdings, leaksSince } from '@tsyncio/test-support';

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('an open descriptor is a leak', async () => {
  const before = holdings();
  const fd = openSync(__filename, 'r');
  expect(await leaksSince(before)).toEqual([`descriptor ${fd} is open: ${__filename}`]);
  closeSync(fd);
  expect(await leaksSince(before)).toEqual([]);
});

test('a timer, a port and a listener of process are leaks', async () => {
  const before = holdings();
  const timer = setTimeout(() => undefined, 1e6);
  const { port1, port2 } = new MessageChannel();
  port1.ref();
  const listener = (): void => undefined;
  process.on('SIGUSR2', listener);
  const leaks = await leaksSince(before);
  clearTimeout(timer);
  port1.close();
  port2.close();
  process.removeListener('SIGUSR2', listener);
  expect(leaks).toEqual(
    expect.arrayContaining([
      '1 more Timeout keeping the process alive',
      expect.stringMatching(/^\d more MessagePort keeping/),
      "1 more listener of process for 'SIGUSR2'",
    ]),
  );
  expect(await leaksSince(before)).toEqual([]);
});
