import { brand, hasBrand, isStep, repr } from '@tsyncio/core';
import type { Address } from '@tsyncio/socket';

import type { BaseTransport, DatagramTransport, Transport } from './transport.js';

/**
 * What a transport of any kind calls. Every member is optional: a plain object with some of them is a protocol.
 *
 * The callbacks run in the async context in which the transport was made, each from the loop's ready queue but for `pauseWriting`, which
 * is called inside `write`. A callback may be an async function: what follows it waits for its step, not for its end.
 */
export interface BaseProtocolCallbacks<T extends BaseTransport = BaseTransport> {
  /** The connection stands. Called once, first. asyncio: `connection_made`. */
  connectionMade?(transport: T): unknown;
  /**
   * The connection is over; called once, last. asyncio: `connection_lost`.
   *
   * @param error - The very error that ended it; null after an orderly end, a `close` or an `abort` of our own.
   */
  connectionLost?(error: Error | null): unknown;
  /** The write buffer has grown above the high-water mark: stop writing. asyncio: `pause_writing`. */
  pauseWriting?(): unknown;
  /** The write buffer has shrunk to the low-water mark. asyncio: `resume_writing`. */
  resumeWriting?(): unknown;
}

/** The callbacks of a streaming protocol: `connectionMade`, `dataReceived` any number of times, `eofReceived`, `connectionLost`. */
export interface ProtocolCallbacks extends BaseProtocolCallbacks<Transport> {
  /**
   * Data arrived, in pieces of any size, never empty. asyncio: `data_received`.
   *
   * @param data - Belongs to the receiver: nobody writes to its memory again. A small piece that is kept may keep a block of up to 64 KiB.
   */
  dataReceived?(data: Buffer): unknown;
  /**
   * The peer will send no more. asyncio: `eof_received`.
   *
   * @returns True to keep the connection open for writing; anything falsy, or nothing, closes it. Of an async function the promised
   *   value counts.
   */
  eofReceived?(): unknown;
}

/** The callbacks of a protocol that provides the memory to receive into. */
export interface BufferedProtocolCallbacks extends BaseProtocolCallbacks<Transport> {
  /**
   * Gives the memory for the next piece of data. asyncio: `get_buffer`.
   *
   * @param sizeHint - The size that would be good, in bytes; -1 if any will do.
   * @returns Memory of at least one byte. Giving the same memory every time is allowed.
   */
  getBuffer(sizeHint: number): Uint8Array;
  /**
   * The memory that `getBuffer` gave last was written to. asyncio: `buffer_updated`.
   *
   * @param nbytes - How many bytes, from its start.
   */
  bufferUpdated?(nbytes: number): unknown;
  /** As {@link ProtocolCallbacks.eofReceived}. */
  eofReceived?(): unknown;
}

/** The callbacks of a datagram protocol. */
export interface DatagramProtocolCallbacks extends BaseProtocolCallbacks<DatagramTransport> {
  /**
   * A datagram arrived. asyncio: `datagram_received`.
   *
   * @param data - The whole of it, perhaps empty; belongs to the receiver.
   * @param address - Who sent it; null for a Unix socket without a name.
   */
  datagramReceived?(data: Buffer, address: Address | null): unknown;
  /**
   * Sending or receiving failed, for example `ECONNREFUSED` because nobody listens there. The transport goes on. asyncio:
   * `error_received`.
   */
  errorReceived?(error: Error): unknown;
}

/** Whatever serves a stream transport as its protocol. */
export type StreamProtocol = ProtocolCallbacks | BufferedProtocolCallbacks;

/** Base of the protocol classes: callbacks that do nothing. asyncio: `asyncio.BaseProtocol`. */
export class BaseProtocol implements BaseProtocolCallbacks {
  static {
    brand(this.prototype, 'BaseProtocol');
  }
  /** See {@link BaseProtocolCallbacks.connectionMade}. */
  connectionMade(_transport: BaseTransport): unknown {
    return undefined;
  }
  /** See {@link BaseProtocolCallbacks.connectionLost}. */
  connectionLost(_error: Error | null): unknown {
    return undefined;
  }
  /** See {@link BaseProtocolCallbacks.pauseWriting}. */
  pauseWriting(): unknown {
    return undefined;
  }
  /** See {@link BaseProtocolCallbacks.resumeWriting}. */
  resumeWriting(): unknown {
    return undefined;
  }
}

/**
 * Base for streaming protocols: override what is needed. asyncio: `asyncio.Protocol`.
 *
 * @example
 * class Echo extends Protocol {
 *   private transport!: Transport;
 *   override connectionMade(transport: Transport) { this.transport = transport; }
 *   override dataReceived(data: Buffer) { this.transport.write(data); }
 * }
 */
export class Protocol extends BaseProtocol implements ProtocolCallbacks {
  static {
    brand(this.prototype, 'Protocol');
  }
  override connectionMade(_transport: Transport): unknown {
    return undefined;
  }
  /** See {@link ProtocolCallbacks.dataReceived}. */
  dataReceived(_data: Buffer): unknown {
    return undefined;
  }
  /** See {@link ProtocolCallbacks.eofReceived}. */
  eofReceived(): unknown {
    return undefined;
  }
}

/** Base for streaming protocols that provide the memory to receive into. asyncio: `asyncio.BufferedProtocol`. */
export class BufferedProtocol extends BaseProtocol implements BufferedProtocolCallbacks {
  static {
    brand(this.prototype, 'BufferedProtocol');
  }
  override connectionMade(_transport: Transport): unknown {
    return undefined;
  }
  /** See {@link BufferedProtocolCallbacks.getBuffer}. To be overridden: one that gives nothing ends the connection. */
  getBuffer(_sizeHint: number): Uint8Array {
    return undefined as never;
  }
  /** See {@link BufferedProtocolCallbacks.bufferUpdated}. */
  bufferUpdated(_nbytes: number): unknown {
    return undefined;
  }
  /** See {@link ProtocolCallbacks.eofReceived}. */
  eofReceived(): unknown {
    return undefined;
  }
}

/** Base for datagram protocols: override what is needed. asyncio: `asyncio.DatagramProtocol`. */
export class DatagramProtocol extends BaseProtocol implements DatagramProtocolCallbacks {
  static {
    brand(this.prototype, 'DatagramProtocol');
  }
  override connectionMade(_transport: DatagramTransport): unknown {
    return undefined;
  }
  /** See {@link DatagramProtocolCallbacks.datagramReceived}. */
  datagramReceived(_data: Buffer, _address: Address | null): unknown {
    return undefined;
  }
  /** See {@link DatagramProtocolCallbacks.errorReceived}. */
  errorReceived(_error: Error): unknown {
    return undefined;
  }
}

/** Which way of receiving a protocol wants: its class says so, of other objects the presence of `getBuffer`. Internal. */
export function isBufferedProtocol(protocol: StreamProtocol): protocol is BufferedProtocolCallbacks {
  if (hasBrand(protocol, 'BufferedProtocol')) return true;
  if (hasBrand(protocol, 'Protocol')) return false;
  return typeof (protocol as Partial<BufferedProtocolCallbacks>).getBuffer === 'function';
}

/** @throws TypeError unless `protocol` is an object that can have callbacks. Internal. */
export function checkProtocol(method: string, protocol: unknown): void {
  if (typeof protocol === 'object' && protocol !== null && !isStep(protocol)) return;
  throw new TypeError(`${method}: a protocol must be an object with callbacks, got ${repr(protocol)}`);
}
