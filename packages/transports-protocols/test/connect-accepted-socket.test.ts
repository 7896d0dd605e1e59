import { CancelledError } from '@tsyncio/core';
import { AF_INET, SOCK_DGRAM, Socket } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import { connectAcceptedSocket } from '@tsyncio/transports-protocols';

import { Recorder } from '@tsyncio/test-support/loops/recorder';
import { eachBackend } from '@tsyncio/test-support/loops/backends';
import { failure } from '@tsyncio/test-support/loops/failure';
import { iterations } from '@tsyncio/test-support/loops/world';

leakAudit();

eachBackend(({ inLoop, tcpPair }) => {
  test(
    'ACCEPTED-01 wraps a connected socket, makes it non-blocking, and calls made',
    inLoop(async ({ loop }) => {
      const [ours, peer] = tcpPair();
      ours.setblocking(true);
      const [transport, protocol] = await connectAcceptedSocket(loop, () => new Recorder(loop), ours);
      expect([protocol.events, protocol.transport === transport, ours.getblocking()]).toEqual([['made'], true, false]);
      peer.send(Buffer.from('hello'));
      await protocol.bytes(5);
      transport.write(Buffer.from('back'));
      while (true) {
        try {
          expect(peer.recv(10).toString()).toBe('back');
          break;
        } catch (error) {
          if ((error as { code?: string }).code !== 'EAGAIN') throw error;
          await iterations(1);
        }
      }
      peer.close();
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'data 5', 'eof', 'lost null']);
    }),
  );

  test(
    'ACCEPTED-02 a socket that is no stream is a ValueError, and stays open',
    inLoop(async ({ loop }) => {
      using datagrams = new Socket(AF_INET, SOCK_DGRAM);
      const factory = () => new Recorder(loop);
      expect(await failure(connectAcceptedSocket(loop, factory, datagrams))).toMatchObject({ name: 'ValueError' });
      expect(datagrams.closed).toBe(false);
      expect(await failure(connectAcceptedSocket(loop, factory, 5 as never))).toBeInstanceOf(TypeError);
      expect(await failure(connectAcceptedSocket(loop, 5 as never, datagrams))).toBeInstanceOf(TypeError);
      const [ours, peer] = tcpPair();
      ours.close();
      peer.close();
      expect(await failure(connectAcceptedSocket(loop, factory, ours))).toMatchObject({ code: 'EBADF' });
    }),
  );

  test(
    'ACCEPTED-04 a factory that throws leaves the socket to the caller; a cancelled call closes the transport',
    inLoop(async ({ loop }) => {
      const [ours, peer] = tcpPair();
      const broken = () => {
        throw new Error('no protocol');
      };
      expect(await failure(connectAcceptedSocket(loop, broken, ours))).toMatchObject({ message: 'no protocol' });
      expect(ours.closed).toBe(false);
      const protocol = new Recorder(loop);
      const task = loop.createTask(() => connectAcceptedSocket(loop, () => protocol, ours));
      await iterations(1);
      task.cancel();
      expect(await failure(task)).toBeInstanceOf(CancelledError);
      await protocol.lost;
      expect(ours.closed).toBe(true);
      peer.close();
    }),
  );
});
