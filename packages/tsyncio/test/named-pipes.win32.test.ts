import { leakAudit } from '@tsyncio/test-support';
import { PipeHandle, ProactorEventLoop, Protocol, type Transport } from 'tsyncio';

leakAudit();

const onWindows = process.platform === 'win32' ? test : test.skip;

class Shout extends Protocol {
  private transport!: Transport;
  override connectionMade(transport: Transport): void {
    this.transport = transport;
  }
  override dataReceived(data: Buffer): void {
    this.transport.write(Buffer.from(data.toString().toUpperCase()));
  }
}

onWindows('IOCP-17, IOCP-18 the methods of a ProactorEventLoop', async () => {
  const loop = new ProactorEventLoop();
  try {
    await loop.runUntilComplete(async () => {
      const address = `\\\\.\\pipe\\tsyncio-umbrella-${process.pid}`;
      const [server] = await loop.startServingPipe(() => new Shout(), address);
      const heard = loop.createFuture<string>();
      const lost = loop.createFuture<unknown>();
      const [transport] = await loop.createPipeConnection(
        () => ({
          dataReceived: (data: Buffer) => heard.setResult(data.toString()),
          connectionLost: (error: unknown) => lost.setResult(error),
        }),
        address,
      );
      transport.write(Buffer.from('hello'));
      expect(await heard).toBe('HELLO');
      transport.close();
      expect(await lost).toBeNull();
      server.close();
    });
  } finally {
    loop.close();
  }
});

onWindows('PIPE-01, PIPE-02 the ends of a pair as transports', async () => {
  const loop = new ProactorEventLoop();
  try {
    await loop.runUntilComplete(async () => {
      const [reader, writer] = PipeHandle.pair();
      const heard = loop.createFuture<string>();
      const lost = loop.createFuture<unknown>();
      await loop.connectReadPipe(
        () => ({
          dataReceived: (data: Buffer) => heard.setResult(data.toString()),
          connectionLost: (error: unknown) => lost.setResult(error),
        }),
        reader,
      );
      const [transport] = await loop.connectWritePipe(() => ({}), writer);
      transport.write(Buffer.from('hello'));
      expect(await heard).toBe('hello');
      transport.writeEof();
      expect(await lost).toBeNull();
      expect([reader.handle, writer.handle]).toEqual([null, null]);
    });
  } finally {
    loop.close();
  }
});
