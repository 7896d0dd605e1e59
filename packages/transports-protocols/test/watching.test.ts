import { addReader, addWriter, removeReader, removeWriter } from '@tsyncio/selector-io';
import { leakAudit } from '@tsyncio/test-support';

import { eachBackend } from '@tsyncio/test-support/loops/backends';
import { open, Recorder } from '@tsyncio/test-support/loops/recorder';
import { iterations } from '@tsyncio/test-support/loops/world';

leakAudit();

eachBackend(({ inLoop, pair }) => {
  test(
    'READER-08 the descriptor of a transport is refused to readers and writers until it closes',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      const fd = ours.fileno();
      for (const file of [fd, ours]) {
        for (const call of [addReader, addWriter, removeReader, removeWriter]) {
          expect(() => call(loop, file, () => undefined)).toThrow(
            expect.objectContaining({ name: 'RuntimeError', message: `descriptor ${fd} is used by a transport` }),
          );
        }
      }
      peer.send(Buffer.from('undisturbed'));
      await protocol.bytes(11);
      transport.close();
      expect([removeReader(loop, fd), removeWriter(loop, fd)]).toEqual([false, false]);
      addReader(loop, fd, () => undefined);
      expect(removeReader(loop, fd)).toBe(true);
      await protocol.lost;
      await iterations(1);
      expect([loop.backend.active, ours.closed]).toEqual([false, true]);
      peer.close();
    }),
  );
});
