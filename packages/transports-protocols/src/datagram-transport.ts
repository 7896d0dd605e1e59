import { brand, isOSError, isStep, repr, ValueError } from '@tsyncio/core';
import type { Future, TaskLoop } from '@tsyncio/futures-tasks';
import type { Address, AddressLike, DatagramChannel, DatagramIo, DatagramSink, Socket } from '@tsyncio/socket';

import { checkBytes } from './bytes.js';
import type { DatagramProtocolCallbacks } from './protocol.js';
import { adoptStep, callProtocol } from './protocol-calls.js';
import { SocketTransport } from './socket-transport.js';
import type { DatagramTransport } from './transport.js';

const READ_FAILED = 'Fatal read error on datagram transport';
const WRITE_FAILED = 'Fatal write error on datagram transport';

/** How a {@link SocketDatagramTransport} is made. */
export interface DatagramTransportOptions {
  /** Completed when `connectionMade` was called and reading has begun. */
  readonly waiter?: Future<void> | undefined;
  /** The one peer of this endpoint: where datagrams without an address go, and no other address is allowed. */
  readonly remote?: AddressLike | null | undefined;
}

/** A datagram that the kernel had no room for. */
interface Waiting {
  readonly data: Buffer;
  /** As {@link DatagramChannel.encode} made it. */
  readonly address: Uint8Array | null;
}

/**
 * The transport of datagram sockets, UDP and Unix: protocol callbacks, queue and flow control over a channel of any backend. asyncio:
 * `_SelectorDatagramTransport`.
 *
 * Users get it from `createDatagramEndpoint`, as a {@link DatagramTransport}.
 */
export class SocketDatagramTransport
  extends SocketTransport<DatagramProtocolCallbacks>
  implements DatagramTransport, DatagramSink
{
  static {
    brand(this.prototype, 'DatagramTransport');
  }
  protected readonly readFailed = READ_FAILED;
  protected override readonly channel: DatagramChannel;
  private readonly remote: AddressLike | null;
  /** Where a datagram without an address goes; null if the kernel knows, or if nobody does. */
  private readonly remoteEncoded: Uint8Array | null;
  private readonly connected: boolean;
  /** What the kernel had no room for, oldest first; those before `next` are gone. */
  private queue: Waiting[] = [];
  private next = 0;
  /** Bytes in the queue. */
  private size = 0;

  /**
   * Takes over a bound or connected socket. The protocol's callbacks run in the async context of this call.
   *
   * @throws As `StreamTransport`.
   */
  constructor(
    loop: TaskLoop<DatagramIo>,
    socket: Socket,
    protocol: DatagramProtocolCallbacks,
    options: DatagramTransportOptions = {},
  ) {
    super(loop, socket, protocol, null);
    this.remote = options.remote ?? null;
    this.connected = this.getExtraInfo('peername') !== null;
    this.channel = loop.backend.openDatagram(socket, this, loop);
    this.remoteEncoded = this.remote === null || this.connected ? null : this.channel.encode(this.remote);
    this.begin(options.waiter ?? null);
  }

  // ---- Receiving ------------------------------------------------------------------------------------------------------------

  /** Internal. */
  onDatagram(data: Buffer, peer: Address | null): unknown {
    const protocol = this.protocol!;
    try {
      const result = protocol.datagramReceived?.(data, peer);
      return isStep(result) ? adoptStep(this, result, 'datagramReceived', protocol) : undefined;
    } catch (error) {
      this.protocolFailed(error, 'datagramReceived', protocol);
      return undefined;
    }
  }

  /** Internal. */
  onError(error: Error): unknown {
    return callProtocol(this, this.protocol!, 'errorReceived', error);
  }

  // ---- Sending --------------------------------------------------------------------------------------------------------------

  override getWriteBufferSize(): number {
    return this.size;
  }

  sendto(data: Uint8Array, address: AddressLike | null = null): void {
    checkBytes('sendto: data', data);
    const target = this.target(address);
    if (this.lostWrites > 0) {
      this.ignoreWrite();
      return;
    }
    if (!this.hasOutput()) {
      try {
        if (this.channel.send(data, target)) return;
        this.channel.watchWritable();
      } catch (error) {
        if (isOSError(error)) this.onError(error);
        else this.fatalError(error, WRITE_FAILED);
        return;
      }
    }
    this.queue.push({ data: Buffer.from(data), address: target });
    this.size += data.length;
    this.maybePauseProtocol();
  }

  /** Internal: sends as many of the queue as there is room for. */
  onWritable(): void {
    if (this.lostWrites > 0) return;
    try {
      while (this.hasOutput()) {
        const { data, address } = this.queue[this.next]!;
        if (!this.channel.send(data, address)) break;
        this.dequeue(data);
      }
    } catch (error) {
      // Only this datagram is lost; the rest is tried in the next iteration.
      this.dequeue(this.queue[this.next]!.data);
      if (isOSError(error)) this.onError(error);
      else this.fatalError(error, WRITE_FAILED);
    }
    if (this.lostWrites > 0) return;
    // The protocol may send, close or abort in here.
    this.maybeResumeProtocol();
    if (this.lostWrites > 0 || this.hasOutput()) return;
    this.channel.unwatchWritable();
    if (this.closing) this.loseNow();
  }

  /** `<SocketDatagramTransport fd=7 read=polling write=<idle, bufsize=0>>`, also with `closing` or `closed`. */
  override toString(): string {
    return this.describe(!this.closing);
  }

  protected override hasOutput(): boolean {
    return this.next < this.queue.length;
  }

  protected override discardOutput(): void {
    this.queue = [];
    this.next = 0;
    this.size = 0;
  }

  private dequeue(data: Buffer): void {
    this.size -= data.length;
    this.next++;
    // Moves what is left only when that is less than what is gone.
    if (2 * this.next < this.queue.length) return;
    this.queue.splice(0, this.next);
    this.next = 0;
  }

  /** Where a datagram goes: null on a connected socket. */
  private target(address: AddressLike | null): Uint8Array | null {
    const { remote } = this;
    if (remote === null) {
      if (address !== null) return this.channel.encode(address);
      if (this.connected) return null;
      throw new TypeError('sendto: an endpoint without a remote address needs the address of the receiver');
    }
    if (address !== null && !isSameAddress(address, remote)) {
      throw new ValueError(`sendto: the address must be null or ${repr(remote)}, got ${repr(address)}`);
    }
    return this.remoteEncoded;
  }
}

function isSameAddress(a: AddressLike, b: AddressLike): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((part, i) => part === b[i]);
  return String(a) === String(b);
}
