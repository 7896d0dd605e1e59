import { addressOf, koffi } from '../koffi.js';
import { errnoMemory } from '../posix/errno-memory.js';
import * as abi from './abi.js';

type Fd = number;

function declareEpoll() {
  const libc = koffi().load(null);
  const declare = <F extends (...args: never[]) => number>(name: string, ...parameters: string[]): F =>
    libc.func(name, 'int', parameters) as unknown as F;
  return {
    create: declare<(flags: number) => Fd>('epoll_create1', 'int'),
    control: declare<(epoll: Fd, operation: number, fd: Fd, event: number) => number>(
      'epoll_ctl',
      'int',
      'int',
      'int',
      'uintptr_t',
    ),
    wait: declare<(epoll: Fd, events: number, count: number, timeoutMs: number) => number>(
      'epoll_wait',
      'int',
      'uintptr_t',
      'int',
      'int',
    ),
    close: declare<(fd: Fd) => number>('close', 'int'),
    errno: errnoMemory(),
  };
}

let declared: ReturnType<typeof declareEpoll> | undefined;

/**
 * An epoll descriptor with the memory its events land in. Interest and events are the kernel's bits (`EPOLLIN`, ...).
 *
 * Methods return the negated error number on failure, like {@link SystemCalls}. `close` it once.
 */
export class Epoll {
  readonly fd: number;
  private readonly c = (declared ??= declareEpoll());
  private readonly layout = abi.epollEventLayout(process.arch);
  private capacity = 64;
  private events = this.allocate();
  private eventsAt = addressOf(this.events.buffer);
  private readonly interest = new Int32Array(new ArrayBuffer(16));
  private readonly interestAt = addressOf(this.interest.buffer);

  /** @param fail - Turns the error of `epoll_create1` into what to throw. */
  constructor(fail: (negated: number) => Error) {
    const fd = this.c.create(abi.EPOLL_CLOEXEC);
    if (fd < 0) throw fail(-this.c.errno[0]!);
    this.fd = fd;
  }

  add(fd: number, interest: number): number {
    return this.control(abi.EPOLL_CTL_ADD, fd, interest);
  }

  modify(fd: number, interest: number): number {
    return this.control(abi.EPOLL_CTL_MOD, fd, interest);
  }

  remove(fd: number): number {
    return this.control(abi.EPOLL_CTL_DEL, fd, 0);
  }

  /**
   * Waits for events and leaves them in memory: `fdAt(0)`, `eventsAt(0)` and so on, until the next call.
   *
   * @param atMost - How many to take (at least 1).
   * @param timeoutMs - 0 does not wait, -1 waits for ever.
   * @returns how many there are, or the negated error number (`EINTR` too).
   */
  wait(atMost: number, timeoutMs: number): number {
    if (atMost > this.capacity) {
      while (this.capacity < atMost) this.capacity *= 2;
      this.events = this.allocate();
      this.eventsAt = addressOf(this.events.buffer);
    }
    const n = this.c.wait(this.fd, this.eventsAt, atMost, timeoutMs);
    return n < 0 ? -this.c.errno[0]! : n;
  }

  /** The descriptor of event `index` of the last wait. */
  fdAt(index: number): number {
    return this.events[index * this.layout.words + this.layout.dataWord]!;
  }

  /** The kernel's bits of event `index` of the last wait. */
  bitsAt(index: number): number {
    return this.events[index * this.layout.words]!;
  }

  close(): void {
    this.c.close(this.fd);
  }

  private control(operation: number, fd: number, interest: number): number {
    this.interest[0] = interest;
    this.interest[this.layout.dataWord] = fd;
    return this.c.control(this.fd, operation, fd, this.interestAt) < 0 ? -this.c.errno[0]! : 0;
  }

  private allocate(): Int32Array<ArrayBuffer> {
    return new Int32Array(new ArrayBuffer(this.capacity * this.layout.words * 4));
  }
}
