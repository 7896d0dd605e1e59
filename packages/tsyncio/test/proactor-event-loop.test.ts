import { leakAudit } from '@tsyncio/test-support';
import {
  EpollSelector,
  explainBackend,
  getRunningLoop,
  NotImplementedError,
  probeIoUring,
  ProactorEventLoop,
  Protocol,
  run,
  SelectorEventLoop,
} from 'tsyncio';

leakAudit();

const possible = probeIoUring();
const onUring = possible.available ? test : test.skip;
const where = possible.available ? '' : ` (skipped: ${possible.reason})`;

onUring(`an echo of a server and a client on a ProactorEventLoop${where}`, async () => {
  const received = await run(
    async () => {
      const loop = getRunningLoop();
      expect(loop).toBeInstanceOf(ProactorEventLoop);
      class Echo extends Protocol {
        transport: { write(data: Uint8Array): void } | null = null;
        override connectionMade(transport: { write(data: Uint8Array): void }): void {
          this.transport = transport;
        }
        override dataReceived(data: Buffer): void {
          this.transport!.write(data);
        }
      }
      const server = await loop.createServer(() => new Echo(), '127.0.0.1', 0);
      const answer = loop.createFuture<string>();
      const [transport] = await loop.createConnection(
        () => ({
          dataReceived(data: Buffer) {
            answer.setResult(data.toString());
          },
        }),
        '127.0.0.1',
        (server.sockets[0]!.getsockname() as [string, number])[1],
      );
      transport.write(Buffer.from('hello'));
      const text = await answer;
      transport.close();
      server.close();
      await server.waitClosed();
      return text;
    },
    { loopFactory: () => new ProactorEventLoop() },
  );
  expect(received).toBe('hello');
});

test('explainBackend tells the default selector, and whether there is a proactor', () => {
  const { default: name, proactor, text } = explainBackend();
  expect(name).toBe('EpollSelector');
  expect(proactor).toBe(possible.available);
  expect(text).toMatch(/^Loops run on EpollSelector by default\. ProactorEventLoop is (not )?available/);
});

test('switched off, it says so, and a ProactorEventLoop is a RuntimeError with the reason', () => {
  process.env['TSYNCIO_IO_URING'] = '0';
  try {
    expect(explainBackend()).toMatchObject({
      proactor: false,
      text: expect.stringContaining('TSYNCIO_IO_URING is 0') as unknown,
    });
    expect(() => new ProactorEventLoop()).toThrow('TSYNCIO_IO_URING is 0');
    new SelectorEventLoop(new EpollSelector()).close();
  } finally {
    delete process.env['TSYNCIO_IO_URING'];
  }
});

onUring(`named pipes are of Windows${where}`, async () => {
  const loop = new ProactorEventLoop();
  try {
    await loop.runUntilComplete(async () => {
      const address = '\\\\.\\pipe\\tsyncio-none';
      await expect(loop.startServingPipe(() => new Protocol(), address)).rejects.toThrow(NotImplementedError);
      await expect(loop.createPipeConnection(() => new Protocol(), address)).rejects.toThrow(NotImplementedError);
    });
  } finally {
    loop.close();
  }
});
