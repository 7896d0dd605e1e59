import type { Address } from '../../address.js';
import type { DatagramBatch } from '../datagram-batch.js';
import { E } from '../errno.js';
import { addressOf, koffi } from '../koffi.js';
import {
  IOVEC_SIZE,
  MSGHDR_IOV,
  MSGHDR_IOVLEN,
  MSGHDR_NAME,
  MSGHDR_NAMELEN,
  MSGHDR_SIZE,
  SOCKADDR_MAX,
} from '../posix/abi.js';
import { errnoMemory } from '../posix/errno-memory.js';
import { decodeAddress } from '../posix/sockaddr.js';
import { linuxAbi } from './abi.js';

/**
 * How many datagrams one call takes: what a socket may get before others have their turn. (libuv: 32.)
 *
 * Each has room for the longest one. That is memory that the kernel gives when it is written to: short datagrams touch a page each.
 */
const COUNT = 32;

/** `struct mmsghdr { struct msghdr header; unsigned length; }` */
const MMSGHDR_LENGTH = MSGHDR_SIZE;
const MMSGHDR_SIZE = MSGHDR_SIZE + 8;

type Recvmmsg = (fd: number, messages: number, count: number, flags: number, timeout: number) => number;

/** `recvmmsg(2)`: a call for all datagrams that have arrived, in place of one for each. */
export class MessageBatch implements DatagramBatch {
  readonly takesMany = true;
  private readonly recvmmsg: Recvmmsg;
  private readonly errno = errnoMemory();
  private readonly memory: ArrayBuffer;
  private readonly headers = new ArrayBuffer(COUNT * (MMSGHDR_SIZE + IOVEC_SIZE));
  private readonly words = new Uint32Array(this.headers);
  private readonly headersAt = addressOf(this.headers);
  private readonly senders = new Uint8Array(new ArrayBuffer(COUNT * SOCKADDR_MAX));
  private used = COUNT;

  /** @param room - For each datagram, in bytes. */
  constructor(private readonly room: number) {
    const libc = koffi().load(null);
    const parameters = ['int', 'uintptr_t', 'int', 'int', 'uintptr_t'];
    this.recvmmsg = libc.func('recvmmsg', 'int', parameters);
    // Not zeroed: the pages of an `ArrayBuffer` of its own would all be there at once.
    this.memory = Buffer.allocUnsafeSlow(COUNT * room).buffer;
    const longs = new BigUint64Array(this.headers);
    const [memoryAt, sendersAt] = [addressOf(this.memory), addressOf(this.senders.buffer)];
    for (let i = 0; i < COUNT; i++) {
      const header = i * MMSGHDR_SIZE;
      const vector = COUNT * MMSGHDR_SIZE + i * IOVEC_SIZE;
      longs[(header + MSGHDR_NAME) / 8] = BigInt(sendersAt + i * SOCKADDR_MAX);
      longs[(header + MSGHDR_IOV) / 8] = BigInt(this.headersAt + vector);
      longs[(header + MSGHDR_IOVLEN) / 8] = 1n;
      longs[vector / 8] = BigInt(memoryAt + i * room);
      longs[vector / 8 + 1] = BigInt(room);
    }
  }

  receive(fd: number): number {
    const { words } = this;
    // The kernel has written how long the addresses are where it reads how long they may be.
    for (let i = 0; i < this.used; i++) words[(i * MMSGHDR_SIZE + MSGHDR_NAMELEN) / 4] = SOCKADDR_MAX;
    this.used = 0;
    for (;;) {
      const n = this.recvmmsg(fd, this.headersAt, COUNT, 0, 0);
      if (n >= 0) return (this.used = n);
      const errno = this.errno[0]!;
      if (errno !== E.EINTR) return -errno;
    }
  }

  data(index: number): Buffer {
    const length = this.words[(index * MMSGHDR_SIZE + MMSGHDR_LENGTH) / 4]!;
    const data = Buffer.allocUnsafe(length);
    data.set(new Uint8Array(this.memory, index * this.room, length));
    return data;
  }

  sender(index: number): Address | null {
    const length = this.words[(index * MMSGHDR_SIZE + MSGHDR_NAMELEN) / 4]!;
    const address = decodeAddress(this.senders, length, linuxAbi, index * SOCKADDR_MAX);
    return address === '' ? null : address;
  }
}
