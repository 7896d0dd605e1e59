import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { isOSError } from '@tsyncio/core';
import { type Address, type AddressLike, AF_INET6, AF_UNIX, type Socket, SOCK_DGRAM } from '@tsyncio/socket';
import { systemCalls } from '@tsyncio/socket/native';

import { MemoryEnd } from './end.js';
import { Mailbox } from './mailbox.js';
import { MemorySocket } from './socket.js';
import { memoryError, Source } from './source.js';

/** A listener, and who has connected and was not accepted yet. */
export class Listening extends Source {
  readonly queue: MemorySocket[] = [];
  /** Codes of errors that the next accepts fail with. */
  readonly failures: string[] = [];

  override get readable(): boolean {
    return this.queue.length > 0 || this.failures.length > 0;
  }
  override get writable(): boolean {
    return false;
  }

  /** Whoever waits is reset, as by a kernel. */
  close(): void {
    for (const socket of this.queue.splice(0)) socket.reset();
  }
}

/** Clients that are made by hand have no descriptor to be named after. */
let nextPort = 1;

/**
 * Who can be reached under which name, without a kernel. Real sockets take part by their names: what they are bound to is a kernel's affair,
 * what is sent is not.
 */
export class MemoryNetwork {
  private readonly listeners = new Map<Socket, Listening>();
  private readonly mailboxes = new Map<Socket, Mailbox>();
  private readonly ends = new WeakMap<Socket, MemoryEnd>();

  /** What a socket that listens has in its queue; it is reachable from now on until it is closed. */
  listening(socket: Socket): Listening {
    const known = this.listeners.get(socket);
    if (known !== undefined) return known;
    const listening = new Listening();
    this.listeners.set(socket, listening);
    whenClosed(socket, () => {
      this.listeners.delete(socket);
      listening.close();
    });
    return listening;
  }

  /** The datagrams of a socket. */
  mailbox(socket: Socket): Mailbox {
    const known = this.mailboxes.get(socket);
    if (known !== undefined) return known;
    const ownName = (): Address | null => {
      if (socket.family === AF_UNIX) return socket.getsockname() === '' ? null : socket.getsockname();
      nameIt(socket);
      const [host, port, ...rest] = socket.getsockname() as readonly [string, number];
      return [WILDCARDS[host] ?? host, port, ...rest];
    };
    const mailbox = new Mailbox(socket.family, ownName, (address) => this.mailboxAt(address));
    this.mailboxes.set(socket, mailbox);
    whenClosed(socket, () => {
      this.mailboxes.delete(socket);
      mailbox.close();
    });
    return mailbox;
  }

  /** The end of a connection that `connect` has given to a socket. */
  endOf(socket: Socket): MemoryEnd | undefined {
    return socket instanceof MemorySocket ? socket.end : this.ends.get(socket);
  }

  /** Connects a real socket. Throws OSError (`ECONNREFUSED`, `ENOENT`). */
  connect(socket: Socket, address: AddressLike): void {
    systemCalls().encodeAddress(socket.family, address); // refuses what is no address of the family
    nameIt(socket);
    const name = plain(address);
    if (socket.type === SOCK_DGRAM) {
      if (socket.family === AF_UNIX && this.mailboxAt(name) === null) throw nobodyAt(name);
      this.mailbox(socket).connect(name);
    } else {
      const end = this.request(name, socket.getsockname());
      this.ends.set(socket, end);
      whenClosed(socket, () => end.close());
    }
    socket.getpeername = () => {
      if (socket.closed) throw memoryError('EBADF', 'getpeername');
      return name;
    };
  }

  /** A client to be used by hand: connected before it returns, whether or not anybody has accepted it. Throws OSError (`ECONNREFUSED`). */
  dial(address: AddressLike): MemorySocket {
    const to = plain(address);
    const from: Address = typeof to === 'string' ? '' : [String(to[0]), nextPort++];
    return new MemorySocket(this.request(to, from), [from, to], familyOf(to));
  }

  /** The next accept on this address fails with an error of this code. */
  failAccept(address: AddressLike, code: string): void {
    const listening = this.listeningAt(plain(address));
    listening.failures.push(code);
    listening.changed();
  }

  private request(address: Address, from: Address): MemoryEnd {
    const listening = this.listeningAt(address);
    const [client, server] = MemoryEnd.pair();
    listening.queue.push(new MemorySocket(server, [address, from], familyOf(address)));
    listening.changed();
    return client;
  }

  private listeningAt(address: Address): Listening {
    const found = at(this.listeners, address);
    if (found === null) throw nobodyAt(address);
    return found;
  }

  private mailboxAt(address: AddressLike): Mailbox | null {
    return at(this.mailboxes, plain(address));
  }
}

const WILDCARDS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** What the open socket of this name has. */
function at<T>(sockets: ReadonlyMap<Socket, T>, address: Address): T | null {
  const wanted = nameOf(address);
  for (const [socket, found] of sockets) {
    if (socket.closed || (socket.family === AF_UNIX) !== (typeof address === 'string')) continue;
    if (!hasName(socket)) continue;
    const own = socket.getsockname();
    if (nameOf(own) === wanted) return found;
    // One that is bound to all interfaces.
    if (typeof own !== 'string' && own[0] in WILDCARDS && own[1] === (address as readonly unknown[])[1]) return found;
  }
  return null;
}

function nameOf(address: Address): string {
  return typeof address === 'string' ? address : `${String(address[0])} ${String(address[1])}`;
}

/** Paths as text. */
function plain(address: AddressLike): Address {
  if (address instanceof URL) return fileURLToPath(address);
  return address instanceof Uint8Array ? Buffer.from(address).toString() : (address as Address);
}

function familyOf(address: Address): number {
  if (typeof address === 'string') return AF_UNIX;
  return String(address[0]).includes(':') ? AF_INET6 : 2;
}

function nobodyAt(address: Address): Error {
  const isMissing = typeof address === 'string' && !address.startsWith('\0') && !existsSync(address);
  return memoryError(isMissing ? 'ENOENT' : 'ECONNREFUSED', 'connect', address);
}

/** A kernel names a socket when it first sends. */
function nameIt(socket: Socket): void {
  if (socket.family === AF_UNIX || (hasName(socket) && (socket.getsockname() as readonly unknown[])[1] !== 0)) return;
  socket.bind([socket.family === AF_INET6 ? '::1' : '127.0.0.1', 0]);
}

/** Windows refuses to name what is not bound; elsewhere it is named after nobody. */
function hasName(socket: Socket): boolean {
  try {
    socket.getsockname();
    return true;
  } catch (error) {
    if (!socket.closed && isOSError(error) && error.code === 'EINVAL') return false;
    throw error;
  }
}

/** Closing the descriptor of a real socket also ends what it is in this world. */
function whenClosed(socket: Socket, action: () => void): void {
  const close = socket.close.bind(socket);
  socket.close = () => {
    if (!socket.closed) action();
    close();
  };
}
