import { ConnectionResetError } from '@tsyncio/core';
import { sleep } from '@tsyncio/futures-tasks';
import { createServer } from '@tsyncio/server';
import {
  AF_INET,
  AF_INET6,
  SOCK_DGRAM,
  SOCK_STREAM,
  sockAccept,
  sockConnect,
  Socket,
  sockRecv,
  sockSendall,
} from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import { failure } from '@tsyncio/test-support/loops/failure';
import { inPortLoop } from '@tsyncio/test-support/loops/world';

leakAudit();

const nonblocking = (family = AF_INET, type = SOCK_STREAM): Socket =>
  new Socket(family, type, 0, { nonblocking: true });

function listening(): Socket {
  const listener = nonblocking();
  listener.bind(['127.0.0.1', 0]);
  listener.listen();
  return listener;
}

test(
  'IOCP-09 an accepted socket knows its names, does not block, and works',
  inPortLoop(async ({ loop }) => {
    using listener = listening();
    using client = nonblocking();
    const accepting = sockAccept(loop, listener);
    await sockConnect(loop, client, listener.getsockname());
    const [accepted, address] = await accepting;
    using conn = accepted;
    expect(address).toEqual(client.getsockname());
    expect([conn.getpeername(), conn.getsockname()]).toEqual([client.getsockname(), listener.getsockname()]);
    expect(conn.getblocking()).toBe(false);
    await sockSendall(loop, conn, Buffer.from('hello'));
    expect(String(await sockRecv(loop, client, 10))).toBe('hello');
  }),
);

test(
  'IOCP-09 an accept that is cancelled takes nobody: who connects then is the next one’s',
  inPortLoop(async ({ loop }) => {
    using listener = listening();
    const cancelled = sockAccept(loop, listener);
    await sleep(0.01);
    cancelled.cancel();
    expect((await failure(cancelled)).name).toBe('CancelledError');
    using client = nonblocking();
    await sockConnect(loop, client, listener.getsockname());
    const [conn, address] = await sockAccept(loop, listener);
    expect(address).toEqual(client.getsockname());
    conn.close();
  }),
);

test.each([
  ['that was not bound gets a name', false],
  ['that was bound keeps its name', true],
])('IOCP-10 a stream socket %s, and both names are known', (_title, bound) =>
  inPortLoop(async ({ loop }) => {
    using listener = listening();
    using client = nonblocking();
    if (bound) client.bind(['127.0.0.1', 0]);
    const before = bound ? client.getsockname() : null;
    expect(await sockConnect(loop, client, listener.getsockname())).toBeUndefined();
    expect(client.getpeername()).toEqual(listener.getsockname());
    if (before !== null) expect(client.getsockname()).toEqual(before);
    const [conn, address] = await sockAccept(loop, listener);
    expect(address).toEqual(client.getsockname());
    conn.close();
  })(),
);

test(
  'IOCP-10 a datagram socket is connected at once, of either family',
  inPortLoop(async ({ loop }) => {
    for (const [family, host] of [
      [AF_INET, '127.0.0.1'],
      [AF_INET6, '::1'],
    ] as const) {
      using one = nonblocking(family, SOCK_DGRAM);
      using two = nonblocking(family, SOCK_DGRAM);
      one.bind([host, 0]);
      two.bind([host, 0]);
      const connecting = sockConnect(loop, one, two.getsockname());
      await connecting;
      expect(one.getpeername()).toEqual(two.getsockname());
      await sockSendall(loop, one, Buffer.from('datagram'));
      expect(String(await sockRecv(loop, two, 100))).toBe('datagram');
    }
  }),
);

test(
  'IOCP-12 a server that is closed in the iteration in which a client arrives gives it to nobody',
  inPortLoop(async ({ loop }) => {
    let made = 0;
    const server = await createServer(loop, () => ({ connectionMade: () => void made++ }), '127.0.0.1', 0);
    const address = server.sockets[0]!.getsockname();
    await sleep(0.01); // an accept is pending
    // Blocking: when it returns the client stands in the queue, and no iteration has passed.
    using client = new Socket(AF_INET, SOCK_STREAM);
    client.connect(address);
    server.close();
    await server.waitClosed();
    client.setblocking(false);
    const end = await sockRecv(loop, client, 10).catch((error: unknown) => error);
    expect(end instanceof ConnectionResetError || (end as Buffer).length === 0).toBe(true);
    expect(made).toBe(0);
  }),
);
