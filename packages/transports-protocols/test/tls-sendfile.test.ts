import { leakAudit } from '@tsyncio/test-support';
import { sendfile } from '@tsyncio/transports-protocols';

import { pattern, TestFile } from '@tsyncio/test-support/loops/files';
import { eachEngineAndBackend } from './support/memory-tls.js';
import { Recorder } from '@tsyncio/test-support/loops/recorder';
import { abortBoth, tlsPair } from '@tsyncio/test-support/loops/tls-pair';
import { iterations } from '@tsyncio/test-support/loops/world';
import { failure } from '@tsyncio/test-support/loops/failure';

leakAudit();

eachEngineAndBackend((_engine, { inLoop }) => {
  test(
    'SENDFILE-21 over TLS a file is read and written, between what is written before and after it',
    inLoop(async (world) => {
      using file = new TestFile(pattern(1_000_000));
      const both = await tlsPair(world);
      const { transport } = both.client;
      transport.write(Buffer.from('before'));
      const sending = sendfile(world.loop, transport, file.fd, 10, 900_000);
      expect(() => transport.write(Buffer.from('x'))).toThrow(/while a file is being sent/);
      expect(() => transport.writelines([Buffer.from('x')])).toThrow(/while a file is being sent/);
      expect(await sending).toBe(900_000);
      transport.write(Buffer.from('after'));
      const received = await both.server.bytes(900_011);
      expect(
        received.equals(
          Buffer.concat([Buffer.from('before'), pattern(1_000_000).subarray(10, 900_010), Buffer.from('after')]),
        ),
      ).toBe(true);
      expect([file.position, transport.isReading(), transport.getProtocol()]).toEqual([900_010, true, both.client]);
      await abortBoth(both);
    }),
  );

  test(
    'SENDFILE-21 SENDFILE-27 without the fallback, and with wrong numbers, nothing is sent',
    inLoop(async (world) => {
      using file = new TestFile('text');
      const both = await tlsPair(world);
      const { transport } = both.client;
      const refused = await failure(sendfile(world.loop, transport, file.fd, 0, null, { fallback: false }));
      expect(refused.name).toBe('RuntimeError');
      expect(await failure(sendfile(world.loop, transport, file.fd, 0, 0))).toMatchObject({ name: 'ValueError' });
      expect(await failure(sendfile(world.loop, transport, file.fd, -1))).toMatchObject({ name: 'ValueError' });
      transport.write(Buffer.from('still'));
      await both.server.bytes(5);
      expect(both.server.received).toBe('still');
      await abortBoth(both);
    }),
  );

  test(
    'SENDFILE-22 a slow reader pauses the transfer, and the protocol hears of what it is to know',
    inLoop(async (world) => {
      using file = new TestFile(pattern(4_000_000));
      const both = await tlsPair(world);
      const { transport } = both.client;
      both.server.transport.pauseReading();
      const sending = sendfile(world.loop, transport, file.fd);
      for (let i = 0; i < 50; i++) await iterations(5);
      expect(sending.done()).toBe(false);
      expect(transport.getWriteBufferSize()).toBeLessThan(1_000_000);
      both.server.transport.resumeReading();
      expect(await sending).toBe(4_000_000);
      expect((await both.server.bytes(4_000_000)).equals(pattern(4_000_000))).toBe(true);
      expect(both.client.events.filter((event) => event === 'pause' || event === 'resume')).toEqual([]);
      await abortBoth(both);
    }),
  );

  test(
    'SENDFILE-26 the protocol gets its connectionLost when the peer goes in the middle',
    inLoop(async (world) => {
      using file = new TestFile(pattern(4_000_000));
      const client = new Recorder(world.loop);
      const both = await tlsPair(world, { client });
      both.server.transport.pauseReading();
      const sending = failure(sendfile(world.loop, client.transport, file.fd));
      await iterations(20);
      both.server.transport.abort();
      const error = await sending;
      expect(['ConnectionError', 'ConnectionResetError', 'BrokenPipeError']).toContain(error.name);
      await client.lost;
      await both.server.lost;
      expect(client.events.filter((event) => event.startsWith('lost'))).toHaveLength(1);
    }),
  );
});
