import { TaskLoop } from '@tsyncio/futures-tasks';
import type { SelectorIo } from '@tsyncio/selector-io';
import type { Socket } from '@tsyncio/socket';
import { recordExceptions } from '@tsyncio/test-support';
import { MemoryIo, memoryPair } from '@tsyncio/test-support/memory-io';

import { inLoop, pair, selectors, type World } from './world.js';

/** What the tests of one backend use in place of the functions of `world.ts`. */
export interface Backend {
  /** A test that runs as the main task of a loop over this backend. */
  inLoop(body: (world: World) => Promise<void>): () => Promise<void>;
  /** Two connected sockets of this backend: one for a transport, and its peer to be used by hand. */
  pair(): [ours: Socket, peer: Socket];
  /** `test` where there is a kernel, whose own behaviour is the subject. */
  readonly kernelTest: (title: string, body: () => Promise<void>) => void;
}

/** The tests that `body` declares, in a block for each selector of this machine and for the ports in memory. */
export function eachBackend(body: (backend: Backend) => void): void {
  for (const [name, make] of selectors) {
    describe(name, () => body({ inLoop: (run) => inLoop(run, make), pair, kernelTest: test }));
  }
  describe('MemoryIo', () => body({ inLoop: inMemory, pair: memoryPair, kernelTest: () => undefined }));
}

/** `inLoop` over the ports in memory: the loop has streams, and no selector. */
export function inMemory(body: (world: World) => Promise<void>): () => Promise<void> {
  return async () => {
    const memory = new TaskLoop({ backend: new MemoryIo() });
    const loop = memory as unknown as TaskLoop<SelectorIo>;
    const reports = recordExceptions(loop);
    try {
      await loop.runUntilComplete(() => body({ loop, reports }));
    } finally {
      loop.close();
    }
    expect(reports).toEqual([]);
  };
}
