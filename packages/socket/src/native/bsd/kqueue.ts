import { addressOf, koffi } from '../koffi.js';
import { errnoMemory } from '../posix/errno-memory.js';

/** Filters and actions, the same on macOS and FreeBSD. */
export const EVFILT_READ = -1;
export const EVFILT_WRITE = -2;
export const EV_ADD = 0x1;
export const EV_DELETE = 0x2;

/**
 * The bytes of a `struct kevent { uintptr_t ident; short filter; u_short flags; u_int fflags; int64_t data; void *udata; }` of a
 * 64-bit system, by `process.platform`. FreeBSD has had `uint64_t ext[4]` at its end since release 12. Others are unknown here.
 */
const KEVENT_SIZES: Readonly<Record<string, number>> = { darwin: 32, freebsd: 64 };

/** True on the systems whose kqueue is known here. */
export function hasKqueue(platform: string): boolean {
  return Object.hasOwn(KEVENT_SIZES, platform);
}

/**
 * Throws where there is no kqueue. Called at the first use, never at import.
 *
 * @param what - The subject of the message: 'KqueueSelector'.
 */
export function requireKqueue(what: string, platform: string = process.platform): void {
  if (hasKqueue(platform)) return;
  throw new Error(`tsyncio has no ${what} for ${platform}: it needs kqueue(2), of macOS or FreeBSD`);
}

/** An array of `struct kevent` in memory of ours. */
export class KeventArray {
  readonly memory: ArrayBuffer;
  private readonly view: DataView;

  /** @param platform - A system that {@link hasKqueue}. */
  constructor(
    readonly length: number,
    private readonly platform: string,
  ) {
    this.memory = new ArrayBuffer(length * this.size);
    this.view = new DataView(this.memory);
  }

  /** Writes a change: what is to be done (`EV_ADD`, `EV_DELETE`) with a filter of a descriptor. */
  encode(index: number, fd: number, filter: number, flags: number): void {
    const at = index * this.size;
    new Uint8Array(this.memory, at, this.size).fill(0);
    this.view.setUint32(at, fd, true); // the lower half of ident
    this.view.setInt16(at + 8, filter, true);
    this.view.setUint16(at + 10, flags, true);
  }

  /** The descriptor of an event. */
  fdAt(index: number): number {
    return this.view.getInt32(index * this.size, true);
  }

  /** The filter of an event: `EVFILT_READ` or `EVFILT_WRITE`. */
  filterAt(index: number): number {
    return this.view.getInt16(index * this.size + 8, true);
  }

  private get size(): number {
    return KEVENT_SIZES[this.platform]!;
  }
}

/** Writes a `struct timespec { time_t sec; long nsec; }` of a 64-bit system, rounded up to a nanosecond. */
export function encodeTimespec(into: DataView, seconds: number): void {
  let whole = Math.floor(seconds);
  let nanos = Math.ceil((seconds - whole) * 1e9);
  if (nanos === 1e9) [whole, nanos] = [whole + 1, 0];
  into.setBigInt64(0, BigInt(whole), true);
  into.setBigInt64(8, BigInt(nanos), true);
}

/** What a selector asks of a kqueue. Methods return the negated error number on failure. */
export interface KernelQueue {
  readonly fd: number;
  /** Adds (`EV_ADD`) or deletes (`EV_DELETE`) a filter of a descriptor. */
  control(fd: number, filter: number, flags: number): number;
  /**
   * Waits for events and leaves them to be read by `fdAt(0)`, `filterAt(0)` and so on, until the next call.
   *
   * @param atMost - How many to take (at least 1).
   * @param seconds - 0 does not wait.
   * @returns how many there are, or the negated error number (`EINTR` too).
   */
  wait(atMost: number, seconds: number): number;
  fdAt(index: number): number;
  filterAt(index: number): number;
  close(): void;
}

/**
 * A kqueue descriptor with the memory its events land in. `close` it once. The kernel does not hand it to children (`fork`).
 *
 * Written from the manuals and the headers; never run by us.
 */
export class Kqueue implements KernelQueue {
  readonly fd: number;
  private readonly kevent: Kevent;
  private readonly closeDescriptor: (fd: number) => number;
  private readonly errno = errnoMemory();
  private readonly changes = new KeventArray(1, process.platform);
  private readonly changesAt = addressOf(this.changes.memory);
  private readonly timespec = new DataView(new ArrayBuffer(16));
  private readonly timespecAt = addressOf(this.timespec.buffer);
  private events = new KeventArray(64, process.platform);
  private eventsAt = addressOf(this.events.memory);

  /** @param fail - Turns the error of `kqueue` into what to throw. */
  constructor(fail: (negated: number) => Error) {
    const libc = koffi().load(null);
    const pointer = 'uintptr_t';
    this.kevent = libc.func('kevent', 'int', ['int', pointer, 'int', pointer, 'int', pointer]);
    this.closeDescriptor = libc.func('close', 'int', ['int']);
    const fd = (libc.func('kqueue', 'int', []) as unknown as () => number)();
    if (fd < 0) throw fail(-this.errno[0]!);
    this.fd = fd;
  }

  control(fd: number, filter: number, flags: number): number {
    this.changes.encode(0, fd, filter, flags);
    return this.kevent(this.fd, this.changesAt, 1, 0, 0, 0) < 0 ? -this.errno[0]! : 0;
  }

  wait(atMost: number, seconds: number): number {
    if (atMost > this.events.length) {
      this.events = new KeventArray(Math.max(atMost, 2 * this.events.length), process.platform);
      this.eventsAt = addressOf(this.events.memory);
    }
    encodeTimespec(this.timespec, seconds);
    const n = this.kevent(this.fd, 0, 0, this.eventsAt, atMost, this.timespecAt);
    return n < 0 ? -this.errno[0]! : n;
  }

  fdAt(index: number): number {
    return this.events.fdAt(index);
  }

  filterAt(index: number): number {
    return this.events.filterAt(index);
  }

  close(): void {
    this.closeDescriptor(this.fd);
  }
}

/** `kevent(kq, changes, nchanges, events, nevents, timeout)`. */
type Kevent = (kq: number, changes: number, count: number, events: number, room: number, timeout: number) => number;
