import type { Operation } from '@tsyncio/futures-tasks';
import { FlowControlMixin, StreamReader, StreamWriter } from '@tsyncio/streams';

import type { SubprocessLoop } from './child-transport.js';
import type { SubprocessProtocolCallbacks } from './subprocess-protocol.js';
import type { SubprocessTransport } from './subprocess-transport.js';

/** The protocol of a `Process`: makes streams of the pipes. asyncio: `SubprocessStreamProtocol`. Internal. */
export class SubprocessStreamProtocol extends FlowControlMixin implements SubprocessProtocolCallbacks {
  stdin: StreamWriter | null = null;
  stdout: StreamReader | null = null;
  stderr: StreamReader | null = null;
  private transport: SubprocessTransport | null = null;
  private exited = false;
  /** Pipes that may still give something. */
  private readonly open = new Set<number>();

  constructor(
    private readonly limit: number | undefined,
    loop: SubprocessLoop,
  ) {
    super(loop);
  }

  override connectionMade(transport: SubprocessTransport): void {
    this.transport = transport;
    this.stdout = this.readerOf(transport, 1);
    this.stderr = this.readerOf(transport, 2);
    const stdin = transport.getPipeTransport(0);
    if (stdin !== null) this.stdin = new StreamWriter(stdin, this, null, this.loop);
  }

  pipeDataReceived(fd: number, data: Buffer): void {
    this.reader(fd)?.feedData(data);
  }

  pipeConnectionLost(fd: number, error: Error | null): void {
    if (fd === 0) {
      this.stdin?.close();
      this.connectionLost(error);
      this.end(error);
      return;
    }
    const reader = this.reader(fd);
    if (error === null) reader?.feedEof();
    else reader?.setException(error);
    this.open.delete(fd);
    this.closeIfOver();
  }

  processExited(): void {
    this.exited = true;
    this.closeIfOver();
  }

  override closeWaiter(): Operation<void> {
    return this.whenEnded();
  }

  private reader(fd: number): StreamReader | null {
    return fd === 1 ? this.stdout : this.stderr;
  }

  private readerOf(transport: SubprocessTransport, fd: 1 | 2): StreamReader | null {
    const pipe = transport.getPipeTransport(fd);
    if (pipe === null) return null;
    const reader = new StreamReader({ limit: this.limit, loop: this.loop });
    reader.setTransport(pipe);
    this.open.add(fd);
    return reader;
  }

  private closeIfOver(): void {
    if (!this.exited || this.open.size > 0) return;
    this.transport?.close();
    this.transport = null;
  }
}
