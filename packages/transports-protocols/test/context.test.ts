import { AsyncLocalStorage } from 'node:async_hooks';

import { currentTask, type TaskLoop } from '@tsyncio/futures-tasks';
import type { SelectorIo } from '@tsyncio/selector-io';
import type { Socket } from '@tsyncio/socket';
import { StreamTransport, type StreamProtocol } from '@tsyncio/transports-protocols';
import { leakAudit } from '@tsyncio/test-support';

import { eachBackend } from '@tsyncio/test-support/loops/backends';
import { drain, fill, iterations } from '@tsyncio/test-support/loops/world';

leakAudit();

eachBackend(({ inLoop, pair }) => {
  const request = new AsyncLocalStorage<string>();

  /** A protocol that writes down in which context, and in which task, it is called. */
  function witness(log: string[]): StreamProtocol {
    const note = (what: string) => (): void => {
      log.push(`${what} in ${request.getStore()}${currentTask() === null ? '' : ', in a task'}`);
    };
    return {
      connectionMade: note('made'),
      dataReceived: note('data'),
      pauseWriting: note('pause'),
      resumeWriting: note('resume'),
      eofReceived: () => {
        note('eof')();
        return true;
      },
      connectionLost: note('lost'),
    };
  }

  const make = (loop: TaskLoop<SelectorIo>, socket: Socket, log: string[]): StreamTransport =>
    request.run('its maker', () => new StreamTransport(loop, socket, witness(log)));

  test(
    'every callback runs in the async context in which the transport was made, whoever calls its methods',
    inLoop(async ({ loop }) => {
      const log: string[] = [];
      const [ours, peer] = pair();
      const transport = make(loop, ours, log);
      await request.run('a stranger', async () => {
        await iterations(2);
        peer.send(Buffer.from('x'));
        await iterations(2);
        transport.setWriteBufferLimits({ high: 0 });
        const taken = fill(ours);
        transport.write(Buffer.from('x'));
        drain(peer, taken);
        await iterations(3);
        peer.shutdown(1);
        await iterations(2);
        transport.close();
        await iterations(2);
      });
      expect(log).toEqual(['made', 'data', 'pause', 'resume', 'eof', 'lost'].map((what) => `${what} in its maker`));
      peer.close();
    }),
  );

  test(
    'so does connectionLost at the end of a flush, and after an abort',
    inLoop(async ({ loop }) => {
      const log: string[] = [];
      for (const how of ['close', 'abort'] as const) {
        const [ours, peer] = pair();
        const transport = make(loop, ours, log);
        await iterations(2);
        fill(ours);
        transport.write(Buffer.from('x'));
        request.run('a stranger', () => transport[how]());
        drain(peer);
        await iterations(3);
        peer.close();
      }
      expect(log.filter((line) => line.startsWith('lost'))).toEqual(['lost in its maker', 'lost in its maker']);
    }),
  );
});
