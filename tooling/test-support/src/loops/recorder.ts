import type { Future, TaskLoop } from '@tsyncio/futures-tasks';
import type { Socket, StreamIo } from '@tsyncio/socket';
import { StreamTransport, type ProtocolCallbacks, type Transport } from '@tsyncio/transports-protocols';

/** A protocol that writes down its calls, and can be waited for. */
export class Recorder implements ProtocolCallbacks {
  /** `made`, `data 3`, `eof`, `pause`, `resume`, `lost null`. */
  readonly events: string[] = [];
  readonly pieces: Buffer[] = [];
  transport!: Transport;
  error: Error | null | undefined = undefined;
  keepOpen: unknown = false;
  /** Done when the connection is lost. */
  readonly lost: Future<void>;
  private waiter: { readonly future: Future<void>; readonly count: number } | null = null;

  constructor(private readonly loop: TaskLoop<StreamIo>) {
    this.lost = loop.createFuture<void>();
  }

  get received(): string {
    return Buffer.concat(this.pieces).toString();
  }

  /** Waits until so many bytes have been received. */
  async bytes(count: number): Promise<Buffer> {
    this.waiter = { future: this.loop.createFuture<void>(), count };
    this.check();
    await this.waiter.future;
    return Buffer.concat(this.pieces);
  }

  connectionMade(transport: Transport): unknown {
    this.transport = transport;
    this.events.push('made');
    return undefined;
  }

  dataReceived(data: Buffer): unknown {
    this.pieces.push(data);
    this.events.push(`data ${data.length}`);
    this.check();
    return undefined;
  }

  eofReceived(): unknown {
    this.events.push('eof');
    return this.keepOpen;
  }

  pauseWriting(): void {
    this.events.push('pause');
  }

  resumeWriting(): void {
    this.events.push('resume');
  }

  connectionLost(error: Error | null): void {
    this.error = error;
    this.events.push(error === null ? 'lost null' : `lost ${error.name}`);
    this.lost.setResult(undefined);
  }

  private check(): void {
    const got = this.pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (this.waiter !== null && got >= this.waiter.count && !this.waiter.future.done()) {
      this.waiter.future.setResult(undefined);
    }
  }
}

/** A transport that is made, and receiving. */
export async function open<P extends ProtocolCallbacks>(
  loop: TaskLoop<StreamIo>,
  socket: Socket,
  protocol: P,
): Promise<StreamTransport> {
  const waiter = loop.createFuture<void>();
  const transport = new StreamTransport(loop, socket, protocol, { waiter });
  await waiter;
  return transport;
}
