import type { Handle } from '@tsyncio/core';
import { ioBackendContract } from '@tsyncio/contract-tests';
import { IoUringProactor } from '@tsyncio/proactor-io';
import { socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

leakAudit();

for (const upTo of ['6.12', '6.6', '6.1', '6.0'] as const)
  ioBackendContract(`IoUringProactor, as on Linux ${upTo},`, () => {
    const backend = new IoUringProactor({ upTo });
    return {
      backend,
      makeReady(job) {
        const [a, b] = socketpair();
        b.send(Buffer.from('x'));
        // A backend never looks into a handle: it asks whether it is cancelled and hands it over.
        backend.addReader(a, Object.assign(job, { cancel: () => undefined }) as unknown as Handle);
        return () => {
          backend.removeReader(a);
          a.close();
          b.close();
        };
      },
      turn: () => new Promise((resolve) => setImmediate(resolve)),
    };
  });
