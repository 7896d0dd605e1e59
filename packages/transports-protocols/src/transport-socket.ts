import { ValueError } from '@tsyncio/core';
import type { Address, Socket } from '@tsyncio/socket';

/**
 * What a transport or a server shows of its socket: everything that does not disturb the owner. asyncio: `asyncio.trsock.TransportSocket`.
 */
export class TransportSocket {
  readonly #socket: Socket;

  /** @param socket - Stays its owner's. */
  constructor(socket: Socket) {
    this.#socket = socket;
    Object.freeze(this);
  }

  /** Address family. */
  get family(): number {
    return this.#socket.family;
  }

  /** Socket type. */
  get type(): number {
    return this.#socket.type;
  }

  /** Protocol number. */
  get proto(): number {
    return this.#socket.proto;
  }

  /** The descriptor; -1 once its owner has closed it. */
  fileno(): number {
    return this.#socket.fileno();
  }

  /** A socket of its own on a duplicate of the descriptor, which the caller must close. */
  dup(): Socket {
    return this.#socket.dup();
  }

  /** As {@link Socket.shutdown}. */
  shutdown(how: number): void {
    this.#socket.shutdown(how);
  }

  /** As {@link Socket.getsockopt}. */
  getsockopt(level: number, name: number): number;
  getsockopt(level: number, name: number, length: number): Buffer;
  getsockopt(level: number, name: number, length?: number): number | Buffer {
    return length === undefined ? this.#socket.getsockopt(level, name) : this.#socket.getsockopt(level, name, length);
  }

  /** As {@link Socket.setsockopt}. */
  setsockopt(level: number, name: number, value: number | boolean | Uint8Array): void {
    this.#socket.setsockopt(level, name, value);
  }

  /** Our address. Throws OSError once closed. */
  getsockname(): Address {
    return this.#socket.getsockname();
  }

  /** The peer's address. Throws OSError (`ENOTCONN`, `EBADF`). */
  getpeername(): Address {
    return this.#socket.getpeername();
  }

  /** Sockets of a loop are non-blocking and stay so: anything but false throws ValueError. */
  setblocking(blocking: boolean): void {
    if (blocking) throw new ValueError('the socket of a transport cannot be blocking');
  }

  /** A view is of use in its own process alone: TypeError. */
  toJSON(): never {
    throw new TypeError('a TransportSocket cannot be serialized');
  }

  /** `<TransportSocket fd=7 family=2 type=1 proto=6>` */
  toString(): string {
    return `<TransportSocket fd=${this.fileno()} family=${this.family} type=${this.type} proto=${this.proto}>`;
  }
}
