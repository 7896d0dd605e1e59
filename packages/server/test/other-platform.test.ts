/** What a platform without Unix sockets and SO_REUSEPORT is told; here it is played by leaving the two constants out. */
import { AF_INET, Socket, SOCK_DGRAM } from '@tsyncio/socket';
import { createServer, createUnixServer } from '@tsyncio/server';
import { leakAudit } from '@tsyncio/test-support';
import { createDatagramEndpoint, createUnixConnection } from '@tsyncio/transports-protocols';

import { inLoop } from './support/world.js';

jest.mock<Record<string, unknown>>('@tsyncio/socket', () => ({
  ...jest.requireActual<Record<string, unknown>>('@tsyncio/socket'),
  AF_UNIX: undefined,
  SO_REUSEPORT: undefined,
}));

leakAudit();

const factory = (): object => ({});

test(
  'NETARG-13 SERVER-06 DGRAM-09 reusePort is a ValueError, and no socket stays open',
  inLoop(async ({ loop }) => {
    const refused = { name: 'ValueError', message: expect.stringContaining('reusePort') as string };
    await expect(createServer(loop, factory, '127.0.0.1', 0, { reusePort: true })).rejects.toMatchObject(refused);
    const options = { localAddr: ['127.0.0.1', 0], reusePort: true } as const;
    await expect(createDatagramEndpoint(loop, factory, options)).rejects.toMatchObject(refused);
    const server = await createServer(loop, factory, '127.0.0.1', 0, { reusePort: false });
    server.close();
  }),
);

test(
  'UNIX-18 there are no Unix sockets: NotImplementedError, whatever the arguments',
  inLoop(async ({ loop }) => {
    using sock = new Socket(AF_INET, SOCK_DGRAM);
    for (const create of [createUnixServer, createUnixConnection] as const) {
      await expect(create(loop, factory, '/tmp/never')).rejects.toMatchObject({ name: 'NotImplementedError' });
      await expect(create(loop, factory, null, { sock })).rejects.toMatchObject({ name: 'NotImplementedError' });
    }
  }),
);
