import { TaskLoop } from '@tsyncio/futures-tasks';
import { createServer } from '@tsyncio/server';
import { leakAudit, recordExceptions, VirtualClock } from '@tsyncio/test-support';
import { MemoryIo } from '@tsyncio/test-support/memory-io';
import { createConnection } from '@tsyncio/transports-protocols';
import type { ExceptionContext } from '@tsyncio/core';

import { addressOf, Echo, iterations, received } from './support/world.js';

leakAudit();

interface World {
  readonly loop: TaskLoop<MemoryIo>;
  readonly io: MemoryIo;
  readonly clock: VirtualClock;
  readonly reports: ExceptionContext[];
}

/** A test over the ports in memory: the sockets of the server have a name, and no byte goes through them. */
function inMemory(body: (world: World) => Promise<void>): () => Promise<void> {
  return async () => {
    const io = new MemoryIo();
    const clock = new VirtualClock();
    const loop = new TaskLoop({ backend: io, clock });
    const reports = recordExceptions(loop);
    try {
      await loop.runUntilComplete(() => body({ loop, io, clock, reports }));
    } finally {
      loop.close();
    }
    expect(reports).toEqual([]);
  };
}

test(
  'SERVER-01 CONN-01 a server and a client of the same loop talk without a kernel',
  inMemory(async ({ loop }) => {
    const events: string[] = [];
    const server = await createServer(loop, () => new Echo(events), '127.0.0.1', 0);
    const [host, port] = addressOf(server);
    const answer = loop.createFuture<string>();
    const [transport] = await createConnection(
      loop,
      () => ({ dataReceived: (data: Buffer) => answer.setResult(data.toString()) }),
      host,
      port,
    );
    transport.write(Buffer.from('hello'));
    expect(await answer).toBe('hello');
    transport.close();
    await iterations(5);
    expect(events).toEqual(['made', 'data 5', 'lost null']);
    server.close();
    await server.waitClosed();
    await expect(createConnection(loop, () => ({}), host, port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  }),
);

test(
  'SERVER-29 at most backlog connections are accepted in one iteration, in memory too',
  inMemory(async ({ loop, io }) => {
    let made = 0;
    const server = await createServer(loop, () => (made++, new Echo()), '127.0.0.1', 0, { backlog: 3 });
    const clients = [1, 2, 3, 4].map(() => io.dial(addressOf(server)));
    await iterations(3);
    expect(made).toBe(3);
    await iterations(2);
    expect(made).toBe(4);
    for (const client of clients) client.close();
    await iterations(4);
    server.close();
  }),
);

test(
  'SERVER-31 a client that resets before it is accepted disturbs nobody, in memory too',
  inMemory(async ({ loop, io }) => {
    const events: string[] = [];
    const server = await createServer(loop, () => new Echo(events), '127.0.0.1', 0);
    io.dial(addressOf(server)).reset();
    const client = io.dial(addressOf(server));
    client.send(Buffer.from('hello'));
    await iterations(6);
    expect(received(client)).toBe('hello');
    client.close();
    await iterations(4);
    expect(events.filter((event) => event === 'made')).toHaveLength(2);
    expect(events.filter((event) => event.startsWith('lost')).sort()).toEqual([
      'lost ConnectionResetError',
      'lost null',
    ]);
    server.close();
  }),
);

test.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'])(
  'SERVER-32 SERVER-33 %s while accepting is reported once, and the client that waited is served a second later',
  (code) =>
    inMemory(async ({ loop, io, clock, reports }) => {
      const server = await createServer(loop, () => new Echo(), '127.0.0.1', 0);
      io.failAccept(addressOf(server), code);
      const client = io.dial(addressOf(server));
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
    })(),
);
