import { gather, getRunningLoop, Protocol, run, type Future, type Transport } from 'tsyncio';
import { EchoProtocol } from './echo-protocol.js';

const CLIENTS = 100;
const MESSAGES = 200;
const MESSAGE_SIZE = 1024;

/** Sends messages one after another and compares every byte that comes back. */
class VerifyingClient extends Protocol {
  private transport: Transport | null = null;
  private readonly message: Buffer;
  private matched = 0;
  private sent = 0;

  constructor(
    id: number,
    private readonly finished: Future<number>,
  ) {
    super();
    // Another content for each client, so that mixed-up connections would be seen.
    this.message = Buffer.alloc(MESSAGE_SIZE, `client ${id}, `);
  }

  override connectionMade(transport: Transport): void {
    this.transport = transport;
    this.send();
  }

  override dataReceived(data: Buffer): void {
    const expected = this.message.subarray(this.matched, this.matched + data.length);
    if (!expected.equals(data)) {
      this.finished.setException(new Error('the echo differs from what was sent'));
      this.transport!.abort();
      return;
    }
    this.matched += data.length;
    if (this.matched < MESSAGE_SIZE) return;
    if (this.sent < MESSAGES) this.send();
    else this.transport!.close();
  }

  override connectionLost(error: unknown): void {
    if (this.finished.done()) return;
    if (error !== null) this.finished.setException(error);
    else this.finished.setResult(this.sent);
  }

  private send(): void {
    this.matched = 0;
    this.sent++;
    this.transport!.write(this.message);
  }
}

/** A server and a hundred clients in one loop, over real sockets. */
export async function hundredClients(): Promise<void> {
  await run(async () => {
    const loop = getRunningLoop();
    const server = await loop.createServer(() => new EchoProtocol(), '127.0.0.1', 0);
    const [host, port] = server.sockets[0]!.getsockname() as [string, number];
    const begun = loop.time();
    const client = async (id: number): Promise<number> => {
      const finished = loop.createFuture<number>();
      await loop.createConnection(() => new VerifyingClient(id, finished), host, port);
      return finished;
    };
    const counts = await gather(...Array.from({ length: CLIENTS }, (_, id) => () => client(id)));
    const seconds = loop.time() - begun;
    server.close();
    await server.waitClosed();

    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total !== CLIENTS * MESSAGES) throw new Error(`${total} messages of ${CLIENTS * MESSAGES} came back`);
    const rate = Math.round(total / seconds).toLocaleString('en-US');
    console.log(`${CLIENTS} clients, ${total} messages of ${MESSAGE_SIZE} bytes echoed and verified`);
    console.log(`${seconds.toFixed(2)} s, ${rate} messages/s, clients and server in one thread`);
  });
}
