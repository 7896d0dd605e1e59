import { brand, NotImplementedError } from '@tsyncio/core';
import type { Address, AddressLike } from '@tsyncio/socket';
import type { PeerCertificate } from '@tsyncio/socket/native';

import type { PipeLike } from './pipe-descriptor.js';
import type { BaseProtocolCallbacks } from './protocol.js';
import type { Ssl } from './tls/options.js';
import type { TlsInfo } from './tls/session.js';
import type { TransportSocket } from './transport-socket.js';

/** What `getExtraInfo` knows by name. Transports of other packages may add to it by declaration merging. */
export interface ExtraInfo {
  /** A view of the transport's socket; its descriptor is -1 after the connection is lost. */
  socket: TransportSocket;
  /** The peer's address. */
  peername: Address;
  /** Our address. */
  sockname: Address;
  /** What was given to `connectReadPipe` or `connectWritePipe`. */
  pipe: PipeLike;
  /** TLS: what was given as `ssl`. */
  sslcontext: Ssl;
  /** TLS: the peer's certificate as Node's `getPeerCertificate` gives it. Empty if it was not verified; null if there is none. */
  peercert: PeerCertificate | Record<string, never>;
  /** TLS: the cipher's name, the protocol that defined it, and the bits of its key. */
  cipher: readonly [name: string, version: string, bits: number];
  /** TLS: null, there is none. */
  compression: string;
  /** TLS: all that is known about the connection. */
  sslObject: TlsInfo;
}

/** The water marks of a write buffer, in bytes. */
export interface WriteBufferLimits {
  /** `pauseWriting` is called when the buffer holds more. Default four times `low`, or 65,536. */
  readonly high?: number | null | undefined;
  /** `resumeWriting` is called when it holds no more than this again. Default a quarter of `high`. */
  readonly low?: number | null | undefined;
}

function refuse(method: string): never {
  throw new NotImplementedError(`${method}() is not implemented by this transport`);
}

/** Base of all transports. Its methods throw `NotImplementedError` until overridden. asyncio: `asyncio.BaseTransport`. */
export class BaseTransport {
  static {
    brand(this.prototype, 'BaseTransport');
  }

  /** @param extra - What {@link getExtraInfo} looks in: this object itself, not a copy. */
  constructor(private readonly extra: Readonly<Record<string, unknown>> = {}) {}

  /**
   * Tells something about the transport or what is below it. asyncio: `get_extra_info`.
   *
   * @param name - See {@link ExtraInfo}.
   * @param fallback - What to give for an unknown name; default null. What is known to be missing is null, whatever this says.
   */
  getExtraInfo<K extends keyof ExtraInfo>(name: K): ExtraInfo[K] | null;
  getExtraInfo<K extends keyof ExtraInfo, D>(name: K, fallback: D): ExtraInfo[K] | D | null;
  getExtraInfo(name: string, fallback?: unknown): unknown;
  getExtraInfo(name: string, fallback: unknown = null): unknown {
    const found = this.lookUp(name);
    return found === undefined ? fallback : found;
  }

  /** What there is under a name; undefined if the name is unknown. For subclasses that make some of it at the first need. */
  protected lookUp(name: string): unknown {
    return Object.hasOwn(this.extra, name) ? this.extra[name] : undefined;
  }

  /** Whether the transport is closing or closed. asyncio: `is_closing`. */
  isClosing(): boolean {
    return refuse('isClosing');
  }

  /** Closes the transport: what is buffered is sent first, then `connectionLost(null)` is called. asyncio: `close`. */
  close(): void {
    refuse('close');
  }

  /** Replaces the protocol, from the next callback on. asyncio: `set_protocol`. */
  setProtocol(_protocol: BaseProtocolCallbacks<never>): void {
    refuse('setProtocol');
  }

  /** The protocol; null once the connection is lost. asyncio: `get_protocol`. */
  getProtocol(): BaseProtocolCallbacks<never> | null {
    return refuse('getProtocol');
  }

  /** Closes the transport: `using transport = ...`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** A transport that receives. asyncio: `asyncio.ReadTransport`. */
export class ReadTransport extends BaseTransport {
  static {
    brand(this.prototype, 'ReadTransport');
  }

  /** Whether data is being received: not paused, not closing. asyncio: `is_reading`. */
  isReading(): boolean {
    return refuse('isReading');
  }

  /** No more data callbacks until {@link resumeReading}; what arrives stays in the kernel. Idempotent. asyncio: `pause_reading`. */
  pauseReading(): void {
    refuse('pauseReading');
  }

  /** Receives again, from a later iteration on. Idempotent. asyncio: `resume_reading`. */
  resumeReading(): void {
    refuse('resumeReading');
  }
}

/** The sending half of a transport. asyncio: `asyncio.WriteTransport`. */
export class WriteTransport extends BaseTransport {
  static {
    brand(this.prototype, 'WriteTransport');
  }

  /**
   * Sets the water marks. Sizes already above the new high mark pause the protocol at once. asyncio: `set_write_buffer_limits`.
   *
   * @throws ValueError unless high >= low >= 0; nothing changes then.
   */
  setWriteBufferLimits(_limits?: WriteBufferLimits): void {
    refuse('setWriteBufferLimits');
  }

  /** Bytes that wait to be handed to the kernel. asyncio: `get_write_buffer_size`. */
  getWriteBufferSize(): number {
    return refuse('getWriteBufferSize');
  }

  /** The water marks in bytes, low first. asyncio: `get_write_buffer_limits`. */
  getWriteBufferLimits(): readonly [low: number, high: number] {
    return refuse('getWriteBufferLimits');
  }

  /**
   * Sends data, or buffers what the kernel does not take. Never waits and throws no I/O error. asyncio: `write`.
   *
   * @param data - Belongs to the caller again when the call returns.
   * @throws TypeError if it is no Uint8Array. RuntimeError after {@link writeEof}.
   */
  write(_data: Uint8Array): void {
    refuse('write');
  }

  /** Sends several pieces, by one {@link write} of all together. asyncio: `writelines`. */
  writelines(pieces: Iterable<Uint8Array>): void {
    this.write(Buffer.concat([...pieces]));
  }

  /** Ends the sending direction once everything is sent; receiving goes on. asyncio: `write_eof`. */
  writeEof(): void {
    refuse('writeEof');
  }

  /** Whether {@link writeEof} is possible. asyncio: `can_write_eof`. */
  canWriteEof(): boolean {
    return refuse('canWriteEof');
  }

  /** Closes at once: what is buffered is lost. `connectionLost(null)` is called. asyncio: `abort`. */
  abort(): void {
    refuse('abort');
  }
}

/** A transport of datagrams: what `createDatagramEndpoint` gives. asyncio: `asyncio.DatagramTransport`. */
export class DatagramTransport extends BaseTransport {
  static {
    brand(this.prototype, 'DatagramTransport');
  }

  /**
   * Sends one datagram, or queues it if the kernel has no room. Never waits; what the network refuses goes to the protocol's `errorReceived`.
   * asyncio: `sendto`.
   *
   * @param data - May be empty. Belongs to the caller again when the call returns.
   * @param address - The receiver; left out (or null) on an endpoint with a remote address.
   * @throws TypeError if `data` is no Uint8Array, or there is no address. ValueError for another address than that of the endpoint.
   *   TypeError, ValueError or GaiError for what is no address of the socket's family; names are not looked up here.
   */
  sendto(_data: Uint8Array, _address?: AddressLike | null): void {
    refuse('sendto');
  }

  /** As {@link WriteTransport.setWriteBufferLimits}. */
  setWriteBufferLimits(_limits?: WriteBufferLimits): void {
    refuse('setWriteBufferLimits');
  }

  /** Bytes that wait to be handed to the kernel: the sum over the queued datagrams. asyncio: `get_write_buffer_size`. */
  getWriteBufferSize(): number {
    return refuse('getWriteBufferSize');
  }

  /** As {@link WriteTransport.getWriteBufferLimits}. */
  getWriteBufferLimits(): readonly [low: number, high: number] {
    return refuse('getWriteBufferLimits');
  }

  /** Closes at once: what is queued is lost. `connectionLost(null)` is called. asyncio: `abort`. */
  abort(): void {
    refuse('abort');
  }
}

/** A transport of both directions: what `connectionMade` gets. asyncio: `asyncio.Transport`. */
export class Transport extends ReadTransport implements WriteTransport {
  static {
    brand(this.prototype, 'WriteTransport');
    brand(this.prototype, 'Transport');
  }

  setWriteBufferLimits(_limits?: WriteBufferLimits): void {
    refuse('setWriteBufferLimits');
  }
  getWriteBufferSize(): number {
    return refuse('getWriteBufferSize');
  }
  getWriteBufferLimits(): readonly [low: number, high: number] {
    return refuse('getWriteBufferLimits');
  }
  write(_data: Uint8Array): void {
    refuse('write');
  }
  writelines(pieces: Iterable<Uint8Array>): void {
    this.write(Buffer.concat([...pieces]));
  }
  writeEof(): void {
    refuse('writeEof');
  }
  canWriteEof(): boolean {
    return refuse('canWriteEof');
  }
  abort(): void {
    refuse('abort');
  }
}
