import { constants, PerformanceObserver } from 'node:perf_hooks';
import { runInNewContext } from 'node:vm';

import { allocateBlock } from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';

leakAudit();

const MIB = 1024 * 1024;

test('the young generation is collected once for 8 MiB of blocks, whatever their size, and nobody else gets the function for it', async () => {
  const kinds: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind, flags } = Reflect.get(entry, 'detail') as { kind: number; flags: number };
      if ((flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0) kinds.push(kind);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  const before = runInNewContext('typeof gc') as string;
  for (const size of [MIB / 4, MIB / 16]) {
    for (let total = 0; total < 16 * MIB; total += size) expect(allocateBlock(size)).toHaveLength(size);
  }
  expect(runInNewContext('typeof gc')).toBe(before);
  // The observer is told in a turn of its own.
  while (kinds.length < 4) await new Promise((resolve) => setImmediate(resolve));
  // V8 may make a full collection of one, if it expects that too much would survive.
  expect(kinds).toHaveLength(4);
  expect(kinds).toContain(constants.NODE_PERFORMANCE_GC_MINOR);
  observer.disconnect();
});
