import { type Address, type AddressLike, AF_UNIX } from '@tsyncio/socket';

import { memoryError, Source } from './source.js';

/** Where datagrams wait that nobody has received: more than this many bytes are lost (UDP) or not taken (Unix). */
const RECEIVE_CAPACITY = 208 * 1024;
const UDP_MAX = 65_507;
const UNIX_CAPACITY = 64 * 1024;

/** Finds whom an address stands for; null: nobody. */
type Route = (address: AddressLike) => Mailbox | null;

interface Datagram {
  readonly data: Buffer;
  readonly from: Address | null;
  readonly sender: Mailbox;
}

/**
 * A datagram socket without a kernel. Inet ones behave as UDP: what nobody waits for is lost, and a connected sender hears of it by
 * ECONNREFUSED; Unix ones lose nothing.
 *
 * `sendFailure` and `readFailure` are the faults that a test can set: the code of the error that the next call fails with.
 */
export class Mailbox extends Source {
  sendFailure: string | null = null;
  readFailure: string | null = null;
  /** Longest datagram; on Unix sockets also most bytes on their way (SO_SNDBUF). */
  limit: number;
  closed = false;
  private readonly waiting: Datagram[] = [];
  private size = 0;
  private peer: { readonly address: Address | null; readonly find: () => Mailbox | null } | null = null;

  /**
   * @param ownName - Asked when something is sent; null: it has none.
   */
  constructor(
    readonly family: number,
    private readonly ownName: () => Address | null,
    private readonly route: Route,
  ) {
    super();
    this.limit = family === AF_UNIX ? UNIX_CAPACITY : UDP_MAX;
  }

  /** From now on it receives from there alone, and sends there what has no address. */
  connect(address: Address): void {
    this.peer = { address, find: () => this.route(address) };
  }

  /** The same with another one that need not have a name, as `socketpair` does. */
  connectTo(other: Mailbox): void {
    this.peer = { address: null, find: () => other };
  }

  override get readable(): boolean {
    return this.readFailure !== null || this.waiting.length > 0;
  }

  override get writable(): boolean {
    return this.sendFailure !== null || (this.peer?.find()?.hasRoom(this, 1) ?? true);
  }

  /** @returns null if there is nothing. Throws OSError. */
  receive(): { readonly data: Buffer; readonly from: Address | null } | null {
    const { readFailure } = this;
    if (readFailure !== null) {
      this.readFailure = null;
      throw memoryError(readFailure, 'recvfrom');
    }
    const datagram = this.waiting.shift();
    if (datagram === undefined) return null;
    this.size -= datagram.data.length;
    datagram.sender.changed();
    return datagram;
  }

  /** @returns false if there is no room. Throws OSError. */
  transmit(data: Uint8Array, to: AddressLike | null): boolean {
    const syscall = to === null ? 'send' : 'sendto';
    const failure = this.sendFailure ?? (this.readFailure === 'ECONNREFUSED' ? this.readFailure : null);
    if (failure !== null) {
      this.sendFailure = this.readFailure = null;
      throw memoryError(failure, syscall);
    }
    if (data.length > this.limit) throw memoryError('EMSGSIZE', syscall);
    if (to === null && this.peer === null) throw memoryError('EDESTADDRREQ', syscall);
    const target = to === null ? this.peer!.find() : this.route(to);
    const from = this.ownName();
    if (target === null || target.closed) return this.refused(to, syscall);
    if (!target.accepts(from, this)) return true;
    if (!target.hasRoom(this, data.length)) return this.family !== AF_UNIX;
    target.waiting.push({ data: Buffer.from(data), from, sender: this });
    target.size += data.length;
    target.changed();
    return true;
  }

  close(): void {
    this.closed = true;
    for (const { sender } of this.waiting.splice(0)) sender.changed();
    this.size = 0;
  }

  private refused(to: AddressLike | null, syscall: string): true {
    if (this.family === AF_UNIX) throw memoryError('ECONNREFUSED', syscall);
    if (to === null) {
      this.readFailure = 'ECONNREFUSED'; // the answer to an earlier datagram
      this.changed();
    }
    return true;
  }

  private accepts(from: Address | null, sender: Mailbox): boolean {
    const { peer } = this;
    return peer === null || peer.find() === sender || (peer.address !== null && String(peer.address) === String(from));
  }

  private hasRoom(sender: Mailbox, nbytes: number): boolean {
    return this.size + nbytes <= (this.family === AF_UNIX ? sender.limit : RECEIVE_CAPACITY);
  }
}
