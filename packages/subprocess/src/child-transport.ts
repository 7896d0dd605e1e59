import { Handle, logger, osError } from '@tsyncio/core';
import type { CoroutineGenerator, Future, TaskLoop } from '@tsyncio/futures-tasks';
import type { ChildStatus, PipeIo, ProcessIo } from '@tsyncio/socket';
import { E } from '@tsyncio/socket/native';
import {
  checkProtocol,
  type ReadTransport,
  ReadPipeTransport,
  type WriteTransport,
  WritePipeTransport,
} from '@tsyncio/transports-protocols';

import type { Child } from './child.js';
import { OutputProtocol, type PipeOwner, StdinProtocol } from './child-pipes.js';
import { adoptChild, forgetChild } from './children-of-loop.js';
import { signalNumber } from './subprocess-options.js';
import type { OurEnds } from './our-ends.js';
import type { SubprocessProtocolCallbacks } from './subprocess-protocol.js';
import { type Signal, SubprocessTransport } from './subprocess-transport.js';

const SIGKILL = 9;
const SIGTERM = 15;
/** What CPython reports of a child that somebody else has reaped. */
const UNKNOWN_STATUS = 255;

type PipeTransport = ReadPipeTransport | WritePipeTransport;

/** `getExtraInfo('subprocess')`. */
export interface ChildProcessInfo {
  readonly pid: number;
  /** As `getReturncode()`. */
  readonly returncode: number | null;
}

/** The loops that can have children. */
export type SubprocessLoop = TaskLoop<PipeIo & ProcessIo>;

/** The transport of a child process. asyncio: `_UnixSubprocessTransport`. Users get it from `subprocessExec`, as a {@link SubprocessTransport}. */
export class ChildTransport extends SubprocessTransport implements PipeOwner {
  private protocol: SubprocessProtocolCallbacks | null;
  private returncode: number | null = null;
  private closed = false;
  /** The pipes to the child, by its descriptors. They stay here when they are closed. */
  private readonly pipes = new Map<number, PipeTransport>();
  private openPipes = 0;
  /** The protocol was told that the connection stands, or will be. */
  private connected = false;
  private readonly exitWaiters = new Set<Future<number>>();
  private readonly child: Child;

  /** @throws OSError if the child cannot be watched; it is killed and reaped then. */
  constructor(
    private readonly loop: SubprocessLoop,
    protocol: SubprocessProtocolCallbacks,
    child: Child,
  ) {
    const info = { pid: child.pid, returncode: null as number | null };
    super({ subprocess: info });
    Object.defineProperty(info, 'returncode', { get: () => this.returncode });
    this.protocol = protocol;
    this.child = child;
    try {
      child.watch((status) => this.childEnded(status));
    } catch (error) {
      child.discard();
      throw error;
    }
    adoptChild(loop, this);
  }

  /**
   * Opens the pipes, then queues `connectionMade`, then whoever made the transport goes on. Internal.
   *
   * @throws What the pipes throw; the transport must be closed then.
   */
  connect(stdio: OurEnds, waiter: Future<void>): void {
    const { loop, pipes } = this;
    for (const fd of [0, 1, 2]) {
      const pipe = stdio.end(fd);
      if (pipe === null) continue;
      const transport =
        fd === 0
          ? new WritePipeTransport(loop, pipe, new StdinProtocol(this, pipe), null, stdio.io)
          : new ReadPipeTransport(loop, pipe, new OutputProtocol(this, fd, pipe), null, stdio.io);
      stdio.take(fd);
      pipes.set(fd, transport);
      this.openPipes++;
    }
    this.connected = true;
    // Nothing is polled before these have run: no other callback can come first.
    this.call('connectionMade', this);
    loop.enqueue(
      new Handle(
        () => {
          if (!waiter.done()) waiter.setResult();
        },
        [],
        loop,
      ),
    );
  }

  // ---- SubprocessTransport ----------------------------------------------------------------------------------------------------

  override getPid(): number {
    return this.child.pid;
  }

  override getReturncode(): number | null {
    return this.returncode;
  }

  override getPipeTransport(fd: 0): WriteTransport | null;
  override getPipeTransport(fd: 1 | 2): ReadTransport | null;
  override getPipeTransport(fd: number): WriteTransport | ReadTransport | null;
  override getPipeTransport(fd: number): WriteTransport | ReadTransport | null {
    return this.pipes.get(fd) ?? null;
  }

  override sendSignal(signal: Signal): void {
    this.signal(() => signalNumber('sendSignal', signal));
  }

  override terminate(): void {
    this.signal(() => SIGTERM);
  }

  override kill(): void {
    this.signal(() => SIGKILL);
  }

  override isClosing(): boolean {
    return this.closed;
  }

  override close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const pipe of this.pipes.values()) pipe.close();
    if (this.returncode !== null || this.child.hasEnded()) return;
    if (this.loop.getDebug()) logger.warning(`Close running child process: kill ${String(this)}`);
    try {
      this.child.sendSignal(SIGKILL);
    } catch {
      // It has ended just now, or has become somebody that we may not kill.
    }
  }

  override setProtocol(protocol: SubprocessProtocolCallbacks): void {
    checkProtocol('setProtocol', protocol);
    if (this.protocol !== null) this.protocol = protocol;
  }

  override getProtocol(): SubprocessProtocolCallbacks | null {
    return this.protocol;
  }

  /** `<ChildTransport pid=4711 running stdin=<...> stdout=<...>>`, also with `closed` or `returncode=0`. */
  override toString(): string {
    const parts = [this.constructor.name];
    if (this.closed) parts.push('closed');
    parts.push(`pid=${this.child.pid}`, this.returncode === null ? 'running' : `returncode=${this.returncode}`);
    for (const [fd, name] of ['stdin', 'stdout', 'stderr'].entries()) {
      const pipe = this.pipes.get(fd);
      if (pipe !== undefined) parts.push(`${name}=${String(pipe)}`);
    }
    return `<${parts.join(' ')}>`;
  }

  /** Waits for the end of the child. asyncio: `_wait`. Internal. */
  *wait(): CoroutineGenerator<number> {
    if (this.returncode !== null) return this.returncode;
    const waiter = this.loop.createFuture<number>();
    this.exitWaiters.add(waiter);
    try {
      return yield* waiter;
    } finally {
      this.exitWaiters.delete(waiter);
    }
  }

  // ---- What happens -----------------------------------------------------------------------------------------------------------

  /** Internal: see {@link PipeOwner}. */
  pipeDataReceived(fd: number, data: Buffer): unknown {
    return this.connected ? this.protocol?.pipeDataReceived?.(fd, data) : undefined;
  }

  /** Internal: see {@link PipeOwner}. */
  pipeLost(fd: number, error: Error | null): void {
    this.call('pipeConnectionLost', fd, error);
    this.openPipes--;
    this.tryFinish();
  }

  /** Internal: see {@link PipeOwner}. */
  pauseWriting(): unknown {
    return this.protocol?.pauseWriting?.();
  }

  /** Internal: see {@link PipeOwner}. */
  resumeWriting(): unknown {
    return this.protocol?.resumeWriting?.();
  }

  /** Internal: see {@link PipeOwner}. */
  callbackFailed(callback: string, error: unknown): void {
    const { protocol } = this;
    this.loop.callExceptionHandler({
      message: `protocol.${callback}() failed`,
      exception: error,
      transport: this,
      protocol,
    });
  }

  /** The loop was closed before the child has ended. Internal. */
  loopClosed(): void {
    const { loop, child } = this;
    child.abandon(() => logger.warning(`Loop ${String(loop)} that handles pid ${child.pid} is closed`));
  }

  private childEnded(status: ChildStatus): void {
    const { loop, child } = this;
    forgetChild(loop, this);
    if (status === null) {
      logger.warning(`Unknown child process pid ${child.pid}, will report returncode ${UNKNOWN_STATUS}`);
    }
    const returncode = status ?? UNKNOWN_STATUS;
    if (loop.getDebug()) logger.info(`${String(this)} exited with return code ${returncode}`);
    this.returncode = returncode;
    this.call('processExited');
    this.tryFinish();
    // After `connectionLost`, if that is due: whoever waited finds the transport as it will stay.
    for (const waiter of this.exitWaiters) if (!waiter.done()) waiter.setResult(returncode);
  }

  private tryFinish(): void {
    if (this.returncode === null || this.openPipes > 0) return;
    const connectionLost = (): unknown => this.loseConnection(); // named in a report
    this.loop.enqueue(new Handle(connectionLost, [], this.loop));
  }

  private loseConnection(): unknown {
    const protocol = this.protocol!;
    try {
      return this.connected ? protocol.connectionLost?.(null) : undefined;
    } finally {
      this.protocol = null;
    }
  }

  /** Queues a callback of the protocol. */
  private call(name: keyof SubprocessProtocolCallbacks, ...args: unknown[]): void {
    const { protocol, loop } = this;
    if (!this.connected || protocol === null) return;
    const callback = Reflect.get(protocol, name) as ((...args: unknown[]) => unknown) | undefined;
    if (callback !== undefined) loop.enqueue(new Handle(callback.bind(protocol), args, loop));
  }

  private signal(number: () => number): void {
    if (this.protocol === null) throw osError({ code: 'ESRCH', errno: -E.ESRCH, syscall: 'kill' });
    if (this.returncode === null) this.child.sendSignal(number());
  }
}
