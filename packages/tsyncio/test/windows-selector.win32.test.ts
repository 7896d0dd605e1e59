import { replacePolicy } from '@tsyncio/core';
import { leakAudit } from '@tsyncio/test-support';
import {
  getRunningLoop,
  newEventLoop,
  Protocol,
  run,
  SelectorEventLoop,
  setEventLoopPolicy,
  WindowsSelectorEventLoopPolicy,
} from 'tsyncio';

leakAudit();

beforeEach(() => setEventLoopPolicy(new WindowsSelectorEventLoopPolicy()));
afterEach(() => replacePolicy(null));

class Echo extends Protocol {
  transport: { write(data: Uint8Array): void } | null = null;
  override connectionMade(transport: { write(data: Uint8Array): void }): void {
    this.transport = transport;
  }
  override dataReceived(data: Buffer): void {
    this.transport!.write(data);
  }
}

test('IOCP-01 IOCP-23 the policy makes selector loops, which have servers, connections, datagrams and readers', async () => {
  const seen = await run(async () => {
    const loop = getRunningLoop();
    expect(loop).toBeInstanceOf(SelectorEventLoop);
    expect(String(loop)).toContain('<SelectorEventLoop');
    const seen: string[] = [];
    const server = await loop.createServer(() => new Echo(), '127.0.0.1', 0);
    const answer = loop.createFuture<string>();
    const [transport] = await loop.createConnection(
      () => ({ dataReceived: (data: Buffer) => answer.setResult(String(data)) }),
      ...(server.sockets[0]!.getsockname() as [string, number]),
    );
    transport.write(Buffer.from('stream'));
    seen.push(await answer);
    transport.close();
    server.close();
    await server.waitClosed();

    const datagram = loop.createFuture<string>();
    const [receiver] = await loop.createDatagramEndpoint(
      () => ({ datagramReceived: (data: Buffer) => datagram.setResult(String(data)) }),
      { localAddr: ['127.0.0.1', 0] },
    );
    const [sender] = await loop.createDatagramEndpoint(() => ({}), {
      remoteAddr: receiver.getExtraInfo('sockname'),
    });
    sender.sendto(Buffer.from('datagram'));
    seen.push(await datagram);
    sender.close();
    receiver.close();
    return seen;
  });
  expect(seen).toEqual(['stream', 'datagram']);
});

test('IOCP-23, UNIX-18, PIPE-27 no pipes, Unix sockets and signal handlers', async () => {
  const loop = newEventLoop();
  const refused = expect.objectContaining({ name: 'NotImplementedError' }) as Error;
  expect(() => loop.addSignalHandler('SIGINT', () => undefined)).toThrow(refused);
  await loop.runUntilComplete(async () => {
    await expect(loop.createUnixServer(() => new Echo(), 'C:\\x')).rejects.toThrow(refused);
    await expect(loop.createUnixConnection(() => new Echo(), 'C:\\x')).rejects.toThrow(refused);
    await expect(loop.connectReadPipe(() => ({}), 3)).rejects.toThrow(refused);
    await expect(loop.connectWritePipe(() => ({}), 3)).rejects.toThrow(refused);
  });
  loop.close();
});
