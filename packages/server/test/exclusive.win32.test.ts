import { AF_INET, type InetAddress, SO_REUSEADDR, Socket, SOCK_STREAM, SOL_SOCKET } from '@tsyncio/socket';
import { Protocol } from '@tsyncio/transports-protocols';
import { createServer } from '@tsyncio/server';
import { leakAudit } from '@tsyncio/test-support';
import { failure } from '@tsyncio/test-support/loops/failure';
import { inLoop } from '@tsyncio/test-support/loops/world';

leakAudit();

test(
  'nobody takes the port of a server: neither a second one, nor somebody with SO_REUSEADDR',
  inLoop(async ({ loop }) => {
    const server = await createServer(loop, () => new Protocol(), '127.0.0.1', 0);
    const [host, port] = server.sockets[0]!.getsockname() as InetAddress;
    const second = await failure(createServer(loop, () => new Protocol(), host, port));
    expect(second).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind' });
    using thief = new Socket(AF_INET, SOCK_STREAM);
    thief.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1);
    expect(() => thief.bind([host, port])).toThrow(expect.objectContaining({ code: 'EACCES' }));
    server.close();
    await server.waitClosed();
    const next = await createServer(loop, () => new Protocol(), host, port); // the port is free again
    next.close();
    await next.waitClosed();
  }),
);
