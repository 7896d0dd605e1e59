import { createServer } from '@tsyncio/server';
import { leakAudit, VirtualClock } from '@tsyncio/test-support';

import { addressOf, Echo, iterations, memoryBackend, received } from './support/world.js';

leakAudit();

test.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'])(
  'SERVER-32 SERVER-33 %s while accepting is reported once, and the client that waited is served a second later',
  (code) => {
    const { inLoop, makeLoop, network } = memoryBackend();
    const clock = new VirtualClock();
    return inLoop(
      async ({ loop, reports }) => {
        const server = await createServer(loop, () => new Echo(), '127.0.0.1', 0);
        network.failAccept(addressOf(server), code);
        const client = network.dial(addressOf(server));
        client.send(Buffer.from('patience'));
        await iterations(5);
        expect(reports.splice(0)).toMatchObject([{ exception: { code } }]);
        expect(received(client)).toBe('');
        clock.advance(1.001);
        await iterations(6);
        expect(received(client)).toBe('patience');
        client.close();
        await iterations(4);
        server.close();
      },
      () => makeLoop({ clock }),
    )();
  },
);
