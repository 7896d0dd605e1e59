import { Protocol, type EventLoop, type Future, type Task, type TimerHandle, type Transport } from 'tsyncio';
import { RequestError, RequestParser, type RequestHead, type RequestSink } from './request-parser.js';
import { CONTINUE, LAST_CHUNK, chunkOf, encode, type Encoded, type Response } from './response.js';

/** A request with its body. */
export interface Request extends RequestHead {
  readonly body: Buffer;
}

export type Handler = (request: Request) => Response | Promise<Response>;

/** What the connections of a server share. Times are in seconds. */
export interface HttpOptions {
  readonly handler: Handler;
  /** From the first byte of a request, or the beginning of the connection, to its last byte: then 408. */
  readonly requestTimeout: number;
  /** How long a connection may wait for its next request, and how long a client may take nothing of an answer. */
  readonly idleTimeout: number;
  /** Bytes of a body: more are answered with 413. */
  readonly mostBody: number;
}

/** So many requests may wait for their answer before no more are received. */
const MOST_WAITING = 64;
/** Seconds in which the client may read the last answer of a connection that we end. */
const LINGER = 1;

/** A request that waits for its answer, or why the next one cannot be understood. */
type Waiting = Request | RequestError;

/** One connection: answers requests one after another, in the order of their arrival. */
export class HttpProtocol extends Protocol implements RequestSink {
  private transport!: Transport;
  private readonly parser = new RequestParser(this);
  private head: RequestHead | null = null;
  private body: Buffer[] = [];
  private bodySize = 0;
  private readonly waiting: Waiting[] = [];
  private answering: Task<void> | null = null;
  /** Of the request that is arriving, of the next one, of a client that does not read, or of the end. */
  private alarm: TimerHandle | null = null;
  /** Somewhere within a request. */
  private receiving = true;
  /** No more requests are taken. */
  private ending = false;
  private peerEnded = false;
  private writable: Future<void> | null = null;

  constructor(
    private readonly loop: EventLoop,
    private readonly options: HttpOptions,
    private readonly connections: Set<HttpProtocol>,
  ) {
    super();
  }

  override connectionMade(transport: Transport): void {
    this.transport = transport;
    this.connections.add(this);
    this.expect(this.options.requestTimeout, this.refuseLate);
  }

  override connectionLost(): void {
    this.connections.delete(this);
    this.alarm?.cancel();
    this.answering?.cancel();
    this.parser.free();
  }

  override dataReceived(data: Buffer): void {
    if (this.ending) return; // after the last request, or until the client sees the end
    if (!this.receiving) {
      this.receiving = true;
      if (this.writable === null) this.expect(this.options.requestTimeout, this.refuseLate);
    }
    try {
      this.parser.execute(data);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.refuse(error);
    }
    if (this.waiting.length >= MOST_WAITING) this.transport.pauseReading();
  }

  override eofReceived(): boolean {
    this.peerEnded = true;
    this.ending = true;
    // A client may end its direction and still wait for the answers.
    return this.answering !== null;
  }

  override pauseWriting(): void {
    this.writable = this.loop.createFuture<void>();
    this.expect(this.options.idleTimeout, () => this.transport.abort());
  }

  override resumeWriting(): void {
    this.writable?.setResult(undefined);
    this.writable = null;
    this.expectRequest();
  }

  /** Answers what has arrived, then ends. */
  stop(): void {
    this.ending = true;
    if (this.answering === null) this.transport.close();
  }

  // ---- Requests ---------------------------------------------------------------------------------------------------------------

  onHead(head: RequestHead): void {
    this.head = head;
    if (head.version !== '1.1' && head.version !== '1.0') throw new RequestError(505, `HTTP ${head.version}`);
    if (head.method === 'CONNECT') throw new RequestError(501, 'no tunnels');
    const host = head.headers.get('host');
    if ((host === undefined && head.version === '1.1') || host?.includes(',') === true)
      throw new RequestError(400, 'Host: one, please');
    if (Number(head.headers.get('content-length') ?? 0) > this.options.mostBody) throw this.tooLarge();
    const expects = head.headers.get('expect')?.toLowerCase() === '100-continue';
    if (expects && this.answering === null) this.transport.write(CONTINUE);
  }

  onBody(part: Buffer): void {
    this.bodySize += part.length;
    if (this.bodySize > this.options.mostBody) throw this.tooLarge();
    this.body.push(part);
  }

  onEnd(): void {
    if (this.ending) return; // pipelined after the last one
    const body = this.body.length === 1 ? this.body[0]! : Buffer.concat(this.body);
    const request = { ...this.head!, body };
    this.body = [];
    this.bodySize = 0;
    this.receiving = false;
    if (this.writable === null) this.alarm?.cancel();
    if (!request.keepAlive) this.ending = true;
    this.answerSoon(request);
  }

  private tooLarge(): RequestError {
    return new RequestError(413, `at most ${this.options.mostBody} bytes`);
  }

  /** Nothing of what follows can be understood: the answer is the last one. */
  private refuse(error: RequestError): void {
    if (this.ending) return;
    this.ending = true;
    this.body = [];
    this.answerSoon(error);
  }

  private readonly refuseLate = (): void => {
    this.refuse(new RequestError(408, 'too slow'));
  };

  // ---- Answers ----------------------------------------------------------------------------------------------------------------

  private answerSoon(waiting: Waiting): void {
    this.waiting.push(waiting);
    this.answering ??= this.loop.createTask(() => this.answerAll());
  }

  private async answerAll(): Promise<void> {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      const last = this.ending && this.waiting.length === 0;
      if (!(await this.answer(next, !last))) {
        this.waiting.length = 0;
        this.ending = true;
      }
      if (this.waiting.length < MOST_WAITING / 2) this.transport.resumeReading();
    }
    this.answering = null;
    if (this.ending) this.end();
    else this.expectRequest();
  }

  /** @returns Whether the connection stays. */
  private async answer(next: Waiting, mayKeepAlive: boolean): Promise<boolean> {
    const { transport } = this;
    const { head, body, pieces, chunked, keepAlive } = await this.responseTo(next, mayKeepAlive);
    transport.writelines(body === null ? [head] : [head, body]);
    if (this.writable !== null) await this.writable;
    if (pieces === null) return keepAlive;
    for (const piece of pieces) {
      if (piece.length === 0) continue; // would be the last chunk
      if (chunked) transport.writelines(chunkOf(piece));
      else transport.write(piece);
      if (this.writable !== null) await this.writable;
    }
    if (chunked) transport.write(LAST_CHUNK);
    return keepAlive;
  }

  private async responseTo(next: Waiting, mayKeepAlive: boolean): Promise<Encoded> {
    if (next instanceof RequestError) return encode({ status: next.status, body: `${next.message}\n` }, null, false);
    try {
      const result = this.options.handler(next);
      return encode(result instanceof Promise ? await result : result, next, mayKeepAlive);
    } catch (exception) {
      this.loop.callExceptionHandler({ message: 'the handler of a request failed', exception, protocol: this });
      return encode({ status: 500, body: 'an error of the server\n' }, next, mayKeepAlive);
    }
  }

  /**
   * Ends the connection after what was sent. To close with something unread would reset it, and the client might lose the answer: the rest is
   * received and thrown away until the client ends as well.
   */
  private end(): void {
    if (this.peerEnded) {
      this.transport.close();
      return;
    }
    this.transport.resumeReading();
    this.transport.writeEof();
    this.expect(LINGER, () => this.transport.abort());
  }

  // ---- Time -------------------------------------------------------------------------------------------------------------------

  private expectRequest(): void {
    this.alarm?.cancel();
    if (this.ending) return;
    if (this.receiving) this.expect(this.options.requestTimeout, this.refuseLate);
    else if (this.answering === null) this.expect(this.options.idleTimeout, () => this.transport.close());
  }

  private expect(seconds: number, otherwise: () => void): void {
    this.alarm?.cancel();
    this.alarm = this.loop.callLater(seconds, otherwise);
  }
}
