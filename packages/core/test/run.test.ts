import { Scheduler } from '@tsyncio/core';

test('LOOP-STOP-02 callbacks behind stop() in the batch run, those scheduled during it do not', async () => {
  const loop = new Scheduler();
  const seen: string[] = [];
  loop.callSoon(() => {
    seen.push('a');
    loop.stop();
    loop.callSoon(() => seen.push('late'));
  });
  loop.callSoon(() => seen.push('b'));
  await loop.runForever();
  expect(seen).toEqual(['a', 'b']);
  loop.stop();
  await loop.runForever();
  expect(seen).toEqual(['a', 'b', 'late']);
  loop.callLater(0.01, () => loop.stop());
  await loop.runForever();
  loop.close();
});
