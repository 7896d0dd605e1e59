import { sleep } from '@tsyncio/futures-tasks';
import { createServer } from '@tsyncio/server';
import { leakAudit } from '@tsyncio/test-support';
import { until } from '@tsyncio/test-support/loops/until';
import { countWakeUps } from '@tsyncio/test-support/loops/wake-ups';

import { addressOf, eachBackend, Echo, iterations, received } from './support/world.js';

leakAudit();
afterEach(() => jest.restoreAllMocks());

/** Both ends are in this process. `npm run soak` holds 10,000 in a process of their own. `select` sees descriptors below 1,024 only. */
const COUNT = 1500;
const FEW = 200;

eachBackend(({ name, inLoop, inMemory, dial }) => {
  const count = name === 'SelectSelector' ? FEW : COUNT;

  test(
    `${count} idle connections let the loop sleep, each is answered, and their end leaves nothing`,
    inLoop(async ({ loop }) => {
      const events: string[] = [];
      const server = await createServer(loop, () => new Echo(events), '127.0.0.1', 0, { backlog: 100 });
      const clients = [];
      while (clients.length < count) {
        for (let i = 0; i < 100; i++) clients.push(dial(addressOf(server)));
        await until(() => events.length === clients.length);
      }
      await iterations(3);
      const wakeUps = countWakeUps();
      const before = wakeUps();
      await sleep(0.05);
      if (!inMemory) expect(wakeUps() - before).toBeLessThan(5);
      for (const client of [clients[0]!, clients[count >> 1]!, clients.at(-1)!]) {
        client.send(Buffer.from('still there?'));
        await until(() => events.at(-1) === 'data 12');
        expect(received(client)).toBe('still there?');
        events.push('answered');
      }
      for (const client of clients) client.close();
      await until(() => events.filter((event) => event === 'lost null').length === count);
      server.close();
      await server.waitClosed();
    }),
  );
});
