import { sleep } from '@tsyncio/futures-tasks';

/** Waits until something holds that tells nobody; the timeout of the test is its limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(0.001);
}
