import { AF_INET, IPPROTO_UDP, Socket, SOCK_DGRAM, SOCK_STREAM } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import {
  connectAcceptedSocket,
  createDatagramEndpoint,
  type DatagramOptions,
  startTls,
  TransportSocket,
} from '@tsyncio/transports-protocols';

import { eachBackend } from '@tsyncio/test-support/loops/backends';
import { failure } from '@tsyncio/test-support/loops/failure';
import { iterations } from '@tsyncio/test-support/loops/world';

leakAudit();

const valueError = expect.objectContaining({ name: 'ValueError' });
const factory = (): object => ({});

eachBackend(({ inLoop, pair }) => {
  test(
    'NETARG-10 a sock that is no datagram socket, or comes with what it decides itself, is refused',
    inLoop(async ({ loop }) => {
      using stream = new Socket(AF_INET, SOCK_STREAM);
      await expect(createDatagramEndpoint(loop, factory, { sock: stream })).rejects.toEqual(valueError);
      using sock = new Socket(AF_INET, SOCK_DGRAM);
      const others: DatagramOptions[] = [
        { localAddr: ['127.0.0.1', 0] },
        { remoteAddr: ['127.0.0.1', 9] },
        { family: AF_INET },
        { proto: IPPROTO_UDP },
        { flags: 1 },
        { reusePort: true },
        { allowBroadcast: true },
      ];
      for (const other of others) {
        await expect(createDatagramEndpoint(loop, factory, { sock, ...other })).rejects.toEqual(valueError);
      }
      expect([stream.closed, sock.closed]).toEqual([false, false]);
    }),
  );

  test(
    'DGRAM-07 an IP literal is not looked up, and the socket is one of datagrams and UDP',
    inLoop(async ({ loop }) => {
      Object.assign(loop, {
        getaddrinfo: () => {
          throw new Error('looked up');
        },
      });
      const [transport] = await createDatagramEndpoint(loop, factory, { localAddr: ['127.0.0.1', 0] });
      const socket = transport.getExtraInfo('socket') as TransportSocket;
      expect([socket.family, socket.type, socket.proto]).toEqual([AF_INET, SOCK_DGRAM, IPPROTO_UDP]);
      transport.close();
    }),
  );

  test(
    'NETARG-14 a socket of datagrams was never accepted; a timeout needs ssl; startTls needs a context and a stream',
    inLoop(async ({ loop }) => {
      using sock = new Socket(AF_INET, SOCK_DGRAM);
      await expect(connectAcceptedSocket(loop, factory, sock)).rejects.toEqual(valueError);
      expect(sock.closed).toBe(false);
      const [ours, peer] = pair();
      const timeout = { sslHandshakeTimeout: 1 };
      await expect(connectAcceptedSocket(loop, factory, ours, timeout)).rejects.toEqual(valueError);
      expect(ours.closed).toBe(false);
      const [stream] = await connectAcceptedSocket(loop, factory, ours);
      for (const context of [null, undefined, true, false, 7, 'context']) {
        expect(await failure(startTls(loop, stream, {}, context as never))).toBeInstanceOf(TypeError);
      }
      const [datagrams] = await createDatagramEndpoint(loop, factory, { sock });
      for (const transport of [null, {}, datagrams, sock]) {
        expect(await failure(startTls(loop, transport as never, {}, { ca: '' }))).toBeInstanceOf(TypeError);
      }
      expect([stream.isClosing(), datagrams.isClosing()]).toEqual([false, false]);
      stream.abort();
      datagrams.abort();
      await iterations(2);
      peer.close();
    }),
  );

  test('TRSOCK-01 TRSOCK-03 the view passes on what does not disturb the owner, and stays non-blocking', () => {
    const [socket, peer] = pair();
    const view = new TransportSocket(socket);
    expect([view.family, view.type, view.proto, view.fileno()]).toEqual([
      socket.family,
      socket.type,
      socket.proto,
      socket.fileno(),
    ]);
    expect([view.getsockname(), view.getpeername()]).toEqual([socket.getsockname(), socket.getpeername()]);
    view.setsockopt(1, 9, true); // SO_KEEPALIVE
    expect(view.getsockopt(1, 9)).toBe(1);
    const copy = view.dup();
    expect(copy.fileno()).not.toBe(socket.fileno());
    copy.close();
    view.setblocking(false);
    expect(() => view.setblocking(true)).toThrow(valueError);
    expect(socket.getblocking()).toBe(false);
    view.shutdown(1);
    expect(peer.recv(1)).toHaveLength(0);
    socket.close();
    peer.close();
  });

  test('TRSOCK-02 TRSOCK-04 the view has no operations on data or life, and shows what it is', () => {
    const [socket, peer] = pair();
    const view = new TransportSocket(socket);
    for (const name of ['send', 'recv', 'connect', 'bind', 'listen', 'accept', 'close', 'detach']) {
      expect(name in view).toBe(false);
    }
    expect(String(view)).toBe(`<TransportSocket fd=${socket.fileno()} family=1 type=1 proto=0>`);
    socket.close();
    peer.close();
  });

  test('TRSOCK-05 nothing can be set on the view, and it does not go into JSON', () => {
    const [socket, peer] = pair();
    const view = new TransportSocket(socket) as TransportSocket & Record<string, unknown>;
    for (const name of ['fresh', 'fileno', 'family']) {
      expect(() => (view[name] = 1)).toThrow(TypeError);
    }
    expect(view.fileno()).toBe(socket.fileno());
    expect(() => JSON.stringify({ view })).toThrow(TypeError);
    expect(structuredClone(view)).toEqual({}); // nothing of the socket
    socket.close();
    peer.close();
  });
});
