import { gather, sleep, TaskLoop, waitFor } from '@tsyncio/futures-tasks';
import { IocpProactor } from '@tsyncio/proactor-io';
import { createServer } from '@tsyncio/server';
import {
  addReader,
  AF_INET,
  removeReader,
  SOCK_DGRAM,
  SOCK_STREAM,
  sockAccept,
  sockConnect,
  Socket,
  socketpair,
  sockRecv,
  sockRecvfrom,
  sockSendall,
  sockSendto,
} from '@tsyncio/socket';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';
import { createConnection, createDatagramEndpoint, type Transport } from '@tsyncio/transports-protocols';

leakAudit();

function withLoop(body: (loop: TaskLoop<IocpProactor>) => Promise<void>): () => Promise<void> {
  return async () => {
    const loop = new TaskLoop({ backend: new IocpProactor() });
    const reports = recordExceptions(loop);
    try {
      await loop.runUntilComplete(() => body(loop));
    } finally {
      loop.close();
    }
    expect(reports).toEqual([]);
  };
}

const nonblocking = (type = SOCK_STREAM): Socket => new Socket(AF_INET, type, 0, { nonblocking: true });

test(
  'PROACTOR-01 connections, servers, datagrams and socket operations; no readers for users',
  withLoop(async (loop) => {
    const [a, b] = socketpair(undefined, undefined, 0, { nonblocking: true });
    await sockSendall(loop, a, Buffer.from('hello'));
    expect(String(await sockRecv(loop, b, 100))).toBe('hello');
    const waiting = sockRecv(loop, a, 100);
    await sleep(0.01);
    await sockSendall(loop, b, Buffer.from('later'));
    expect(String(await waiting)).toBe('later');
    expect(() => addReader(loop, a, () => undefined)).toThrow(expect.objectContaining({ name: 'NotImplementedError' }));
    expect(() => removeReader(loop, a)).toThrow(expect.objectContaining({ name: 'NotImplementedError' }));
    a.close();
    b.close();

    const listener = nonblocking();
    listener.bind(['127.0.0.1', 0]);
    listener.listen();
    const client = nonblocking();
    const [[peer]] = await gather(sockAccept(loop, listener), sockConnect(loop, client, listener.getsockname()));
    for (const socket of [listener, client, peer]) socket.close();

    const [one, two] = [nonblocking(SOCK_DGRAM), nonblocking(SOCK_DGRAM)];
    for (const socket of [one, two]) socket.bind(['127.0.0.1', 0]);
    await sockSendto(loop, one, Buffer.from('datagram'), two.getsockname());
    expect(await sockRecvfrom(loop, two, 100)).toEqual([Buffer.from('datagram'), one.getsockname()]);
    one.close();
    two.close();
  }),
);

test(
  'a server echoes messages of all sizes to several clients at once',
  withLoop(async (loop) => {
    const server = await createServer(
      loop,
      () => {
        let transport: Transport;
        return {
          connectionMade: (made: Transport) => (transport = made),
          dataReceived: (data: Buffer) => transport.write(data),
        };
      },
      '127.0.0.1',
      0,
    );
    const [, port] = server.sockets[0]!.getsockname() as [string, number];
    const ask = async (message: Buffer): Promise<void> => {
      const done = loop.createFuture<Buffer>();
      const lost = loop.createFuture<unknown>();
      const pieces: Buffer[] = [];
      let got = 0;
      const [transport] = await createConnection(
        loop,
        () => ({
          dataReceived(data: Buffer) {
            pieces.push(data);
            got += data.length;
            if (got === message.length) done.setResult(Buffer.concat(pieces));
          },
          connectionLost: (error: Error | null) => lost.setResult(error),
        }),
        '127.0.0.1',
        port,
      );
      transport.write(message);
      expect((await done).equals(message)).toBe(true);
      transport.close();
      expect(await lost).toBeNull();
    };
    const sizes = [1, 100, 16_384, 16_385, 100_000, 3_000_000];
    await gather(...sizes.map((size) => () => ask(Buffer.alloc(size, 'abcdefg'))));
    server.close();
    await waitFor(server.waitClosed(), 10);
  }),
);

test(
  'datagram endpoints',
  withLoop(async (loop) => {
    const received = loop.createFuture<string>();
    const [transport] = await createDatagramEndpoint(
      loop,
      () => ({ datagramReceived: (data: Buffer) => received.setResult(String(data)) }),
      { localAddr: ['127.0.0.1', 0] },
    );
    transport.sendto(Buffer.from('to myself'), transport.getExtraInfo('sockname'));
    expect(await received).toBe('to myself');
    transport.close();
    await sleep(0);
  }),
);
