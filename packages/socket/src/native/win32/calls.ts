import type { Address } from '../../address.js';
import { E } from '../errno.js';
import { koffi } from '../koffi.js';
import { SOCKADDR_MAX } from '../posix/abi.js';
import { pointerTo, Scratch } from '../posix/scratch.js';
import { decodeAddress, encodeAddress } from '../posix/sockaddr.js';
import { GATHER_MAX, type SystemCalls } from '../system-calls.js';
import {
  FIONBIO,
  HANDLE_FLAG_INHERIT,
  PROTOCOL_INFO_FAMILY,
  PROTOCOL_INFO_PROTOCOL,
  PROTOCOL_INFO_SIZE,
  PROTOCOL_INFO_TYPE,
  SO_PROTOCOL_INFOW,
  win32Abi,
  WSA_FLAG_NO_HANDLE_INHERIT,
  WSA_FLAG_OVERLAPPED,
  WSABUF_SIZE,
} from './abi.js';
import { errnoOf } from './errors.js';
import { declareWinsock } from './winsock.js';

const AF_INET = 2;
const SOCK_STREAM = 1;
/** `POLLWRNORM` of winsock. */
const POLLOUT = 0x10;
const SO_ERROR = 0x1007;
const MAX_LENGTH = 0x7ffff000;

/**
 * The calls of winsock, with the results of POSIX. Made once for a thread.
 *
 * Windows does not tell whether a socket is non-blocking, so this remembers it; a socket that somebody else made counts as blocking until
 * it is set.
 */
export class WinsockCalls implements SystemCalls {
  private readonly c = declareWinsock();
  private readonly scratch = new Scratch();
  private readonly nonblocking = new Set<number>();
  /** Memory that a call in progress uses. */
  private held: unknown = null;

  constructor() {
    const failed = this.c.startup(0x0202, Buffer.alloc(408));
    if (failed !== 0) throw new Error(`WSAStartup failed with error ${failed}`);
  }

  socket(family: number, type: number, protocol: number, nonblocking: boolean): number {
    const s = this.made(
      this.c.socket(family, type, protocol, null, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT),
    );
    return nonblocking ? this.prepared(s) : s;
  }

  /** Windows has none: two TCP sockets are connected over the loopback interface, as in Python. */
  socketpair(family: number, type: number, protocol: number, nonblocking: boolean): number | [number, number] {
    const { AF_INET6 } = win32Abi;
    if (family !== AF_INET && family !== AF_INET6) return -E.EAFNOSUPPORT;
    if (type !== SOCK_STREAM) return -E.ENOTSUP;
    const listener = this.socket(family, type, protocol, false);
    if (listener < 0) return listener;
    const pair = this.connected(listener, family, type, protocol);
    this.close(listener);
    if (typeof pair === 'number' || !nonblocking) return pair;
    for (const s of pair) {
      const failed = this.setNonblocking(s, true);
      if (failed >= 0) continue;
      for (const each of pair) this.close(each);
      return failed;
    }
    return pair;
  }

  bind(s: number, address: Uint8Array): number {
    return this.made(this.c.bind(s, address, address.length));
  }

  listen(s: number, backlog: number): number {
    return this.made(this.c.listen(s, backlog));
  }

  accept(s: number, nonblocking: boolean): number {
    const { c, scratch } = this;
    scratch.length = SOCKADDR_MAX;
    const accepted = this.made(c.accept(s, scratch.at.address, scratch.at.length));
    // Its peer has given it up: winsock says so in words of its own (the last are Wine's).
    if (accepted === -E.ECONNRESET || accepted === -E.ENOTCONN) return -E.ECONNABORTED;
    if (accepted < 0) return accepted;
    this.setCloseOnExec(accepted);
    // It has the mode of its listener.
    if (this.nonblocking.has(s)) this.nonblocking.add(accepted);
    const failed = this.setNonblocking(accepted, nonblocking);
    if (failed >= 0) return accepted;
    this.close(accepted);
    return failed;
  }

  acceptedFrom(): Address {
    return decodeAddress(this.scratch.bytes, this.scratch.length, win32Abi);
  }

  connect(s: number, address: Uint8Array): number {
    const failed = this.made(this.c.connect(s, address, address.length));
    return failed === -E.EAGAIN ? -E.EINPROGRESS : failed;
  }

  recv(s: number, address: number, length: number, flags: number): number {
    return this.made(this.c.recv(s, address, length, flags));
  }

  recvInto(s: number, into: Uint8Array, length: number, flags: number): number {
    return this.made(this.c.recvInto(s, into, length, flags));
  }

  send(s: number, data: Uint8Array, flags: number): number {
    return this.made(this.c.send(s, data, Math.min(data.length, MAX_LENGTH), flags));
  }

  gather(s: number, chunks: readonly Uint8Array[], from: number): number {
    const { c, scratch } = this;
    const { address } = koffi();
    const count = Math.min(chunks.length - from, GATHER_MAX);
    let total = 0;
    let used = 0;
    for (; used < count && total < MAX_LENGTH; used++) {
      const chunk = chunks[from + used]!;
      const length = Math.min(chunk.length, MAX_LENGTH - total);
      const at = Scratch.vector + used * WSABUF_SIZE;
      scratch.words[at / 4] = length;
      scratch.longs[at / 8 + 1] = address(chunk);
      total += length;
    }
    scratch.value = 0;
    const failed = this.made(c.gather(s, scratch.at.vector, used, scratch.at.value, 0, 0, 0));
    return failed < 0 ? failed : scratch.value;
  }

  sendto(s: number, data: Uint8Array, flags: number, address: Uint8Array): number {
    return this.made(this.c.sendto(s, data, Math.min(data.length, MAX_LENGTH), flags, address, address.length));
  }

  recvfrom(s: number, into: Uint8Array, length: number, flags: number): number {
    const { c, scratch } = this;
    scratch.length = SOCKADDR_MAX;
    const n = this.made(c.recvfrom(s, into, length, flags, scratch.at.address, scratch.at.length));
    // A datagram that did not fit is an error here; the bytes have come all the same, and elsewhere that is all one hears of it.
    return n === -E.EMSGSIZE ? length : n;
  }

  receivedFrom(): Address | null {
    const address = decodeAddress(this.scratch.bytes, this.scratch.length, win32Abi);
    return address === '' ? null : address;
  }

  /** Without control messages: Python has no `sendmsg` on Windows at all. */
  sendmsg(
    s: number,
    chunks: readonly Uint8Array[],
    control: Uint8Array | null,
    flags: number,
    address: Uint8Array | null,
  ): number {
    if (control !== null) return -E.ENOTSUP;
    const { c, scratch } = this;
    const buffers = new BigUint64Array(2 * chunks.length);
    for (const [index, chunk] of chunks.entries()) {
      buffers[2 * index] = BigInt(chunk.length);
      buffers[2 * index + 1] = pointerTo(chunk);
    }
    this.held = [buffers, chunks, address];
    scratch.value = 0;
    const at = Number(pointerTo(new Uint8Array(buffers.buffer)));
    const failed = this.made(
      c.gatherTo(s, at, chunks.length, scratch.at.value, flags, address, address?.length ?? 0, 0, 0),
    );
    this.held = null;
    return failed < 0 ? failed : scratch.value;
  }

  recvmsg(): number {
    return -E.ENOSYS;
  }

  receivedControl(): number {
    return 0;
  }

  receivedFlags(): number {
    return 0;
  }

  kindOf(s: number): number | [family: number, type: number, protocol: number] {
    const info = Buffer.alloc(PROTOCOL_INFO_SIZE);
    const failed = this.getOptionBytes(s, win32Abi.SOL_SOCKET, SO_PROTOCOL_INFOW, info);
    if (failed < 0) return failed;
    return [
      info.readInt32LE(PROTOCOL_INFO_FAMILY),
      info.readInt32LE(PROTOCOL_INFO_TYPE),
      info.readInt32LE(PROTOCOL_INFO_PROTOCOL),
    ];
  }

  shutdown(s: number, how: number): number {
    return this.made(this.c.shutdown(s, how));
  }

  getsockname(s: number): number | Address {
    const { c, scratch } = this;
    scratch.length = SOCKADDR_MAX;
    const failed = this.made(c.getsockname(s, scratch.at.address, scratch.at.length));
    return failed < 0 ? failed : decodeAddress(scratch.bytes, scratch.length, win32Abi);
  }

  getpeername(s: number): number | Address {
    const { c, scratch } = this;
    scratch.length = SOCKADDR_MAX;
    const failed = this.made(c.getpeername(s, scratch.at.address, scratch.at.length));
    return failed < 0 ? failed : decodeAddress(scratch.bytes, scratch.length, win32Abi);
  }

  getOption(s: number, level: number, name: number): { value: number } | number {
    const { c, scratch } = this;
    scratch.length = 4;
    scratch.value = 0;
    const failed = this.made(c.getsockopt(s, level, name, scratch.at.value, scratch.at.length));
    if (failed < 0) return failed;
    // SO_ERROR tells an error of winsock; whoever reads it wants one of ours.
    const isError = level === win32Abi.SOL_SOCKET && name === SO_ERROR && scratch.value !== 0;
    return { value: isError ? errnoOf(scratch.value) : scratch.value };
  }

  getOptionBytes(s: number, level: number, name: number, into: Uint8Array): number {
    const { c, scratch } = this;
    scratch.length = into.length;
    const failed = this.made(c.getsockoptInto(s, level, name, into, scratch.at.length));
    return failed < 0 ? failed : scratch.length;
  }

  setOption(s: number, level: number, name: number, value: number): number {
    const { c, scratch } = this;
    scratch.value = value;
    return this.made(c.setsockopt(s, level, name, scratch.at.value, 4));
  }

  setOptionBytes(s: number, level: number, name: number, value: Uint8Array): number {
    return this.made(this.c.setsockoptFrom(s, level, name, value, value.length));
  }

  setNonblocking(s: number, nonblocking: boolean): number {
    if (nonblocking && this.nonblocking.has(s)) return 0;
    const { c, scratch } = this;
    scratch.value = Number(nonblocking);
    const failed = this.made(c.ioctl(s, FIONBIO, scratch.at.value));
    if (failed < 0) return failed;
    if (nonblocking) this.nonblocking.add(s);
    else this.nonblocking.delete(s);
    return 0;
  }

  isNonblocking(s: number): number {
    const type = this.getOption(s, win32Abi.SOL_SOCKET, win32Abi.SO_TYPE); // closed?
    return typeof type === 'number' ? type : Number(this.nonblocking.has(s));
  }

  setCloseOnExec(s: number): number {
    return this.c.setHandleInformation(s, HANDLE_FLAG_INHERIT, 0) === 0 ? -errnoOf(this.c.lastError()) : 0;
  }

  dup(s: number): number {
    const info = Buffer.alloc(PROTOCOL_INFO_SIZE);
    const failed = this.made(this.c.duplicate(s, this.c.processId(), info));
    if (failed < 0) return failed;
    const [family, type, protocol] = [PROTOCOL_INFO_FAMILY, PROTOCOL_INFO_TYPE, PROTOCOL_INFO_PROTOCOL].map((at) =>
      info.readInt32LE(at),
    ) as [number, number, number];
    const copy = this.made(
      this.c.socket(family, type, protocol, info, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT),
    );
    if (copy >= 0 && this.nonblocking.has(s)) this.nonblocking.add(copy);
    return copy;
  }

  close(s: number): number {
    this.nonblocking.delete(s);
    return this.made(this.c.close(s));
  }

  waitWritable(s: number): number {
    const { c, scratch } = this;
    // struct WSAPOLLFD { SOCKET fd; SHORT events; SHORT revents; }, where nothing else of the scratch memory is in use
    scratch.longs[Scratch.vector / 8] = BigInt(s);
    scratch.words[Scratch.vector / 4 + 2] = POLLOUT;
    return this.made(c.poll(scratch.at.vector, 1, -1));
  }

  encodeAddress(family: number, address: unknown): Uint8Array {
    return encodeAddress(family, address, (name) => this.c.ifNameToIndex(name), win32Abi);
  }

  /** A connection of `listener`, which is bound to nothing yet. */
  private connected(listener: number, family: number, type: number, protocol: number): number | [number, number] {
    const host = family === AF_INET ? '127.0.0.1' : '::1';
    let failed = this.bind(listener, this.encodeAddress(family, [host, 0]));
    if (failed >= 0) failed = this.listen(listener, 1);
    if (failed < 0) return failed;
    const name = this.getsockname(listener);
    if (typeof name === 'number') return name;
    const client = this.socket(family, type, protocol, false);
    if (client < 0) return client;
    failed = this.connect(client, this.encodeAddress(family, name));
    const server = failed < 0 ? failed : this.accept(listener, false);
    if (server < 0) {
      this.close(client);
      return server;
    }
    // Anybody on the machine could have connected first.
    if (String(this.acceptedFrom()) === String(this.getsockname(client))) return [server, client];
    this.close(server);
    this.close(client);
    return -E.ECONNABORTED;
  }

  private prepared(s: number): number {
    if (s < 0) return s;
    const failed = this.setNonblocking(s, true);
    if (failed >= 0) return s;
    this.close(s);
    return failed;
  }

  /** Turns SOCKET_ERROR and INVALID_SOCKET into the negated error number. Must be the first thing after the call. */
  private made(result: number): number {
    return result === -1 ? -errnoOf(this.c.lastError()) : result;
  }
}
