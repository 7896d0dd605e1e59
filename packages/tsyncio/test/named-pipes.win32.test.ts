import { leakAudit } from '@tsyncio/test-support';
import { ProactorEventLoop, Protocol, type Transport } from 'tsyncio';

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
