import type { Handle } from '@tsyncio/core';
import { ioBackendContract } from '@tsyncio/contract-tests';
import { SelectorIo } from '@tsyncio/selector-io';
import { socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { selectors } from '@tsyncio/test-support/loops/selectors';

leakAudit();

for (const [name, makeSelector] of selectors) {
  ioBackendContract(`SelectorIo over ${name}`, () => {
    const backend = new SelectorIo(makeSelector());
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
}
