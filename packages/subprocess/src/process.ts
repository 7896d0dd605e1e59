import { brand, hasBrand, logger, repr } from '@tsyncio/core';
import { finishedOperation, gather, operation, type CoroutineGenerator, type Operation } from '@tsyncio/futures-tasks';
import type { StreamReader, StreamWriter } from '@tsyncio/streams';
import { types } from 'node:util';

import type { ChildTransport, SubprocessLoop } from './child-transport.js';
import type { SubprocessStreamProtocol } from './subprocess-stream-protocol.js';
import type { Signal } from './subprocess-transport.js';

/** What a child has written: null for what was no pipe. */
export type ProcessOutput = [stdout: Buffer | null, stderr: Buffer | null];

/**
 * A child process and the streams to it. Made by `createSubprocessExec` and `createSubprocessShell`. asyncio: `asyncio.subprocess.Process`.
 *
 * @example
 * const process = await createSubprocessExec('sort', [], { stdin: PIPE, stdout: PIPE });
 * const [sorted] = await process.communicate(Buffer.from('b\na\n'));
 */
export class Process {
  static {
    brand(this.prototype, 'Process');
  }
  /** To the child's stdin; null unless that is a pipe. */
  readonly stdin: StreamWriter | null;
  /** From the child's stdout; null unless that is a pipe. */
  readonly stdout: StreamReader | null;
  /** From the child's stderr; null unless that is a pipe. */
  readonly stderr: StreamReader | null;
  /** The child's process id. */
  readonly pid: number;

  /** Internal: use `createSubprocessExec`. */
  constructor(
    private readonly transport: ChildTransport,
    { stdin, stdout, stderr }: SubprocessStreamProtocol,
    private readonly loop: SubprocessLoop,
  ) {
    this.stdin = stdin;
    this.stdout = stdout;
    this.stderr = stderr;
    this.pid = transport.getPid();
  }

  /** How the child has ended: its exit code, or minus the number of the signal that ended it. Null while it runs. */
  get returncode(): number | null {
    return this.transport.getReturncode();
  }

  /**
   * Waits until the child has ended, whoever still holds its pipes. asyncio: `wait`. It does not read: a child with more to say than a pipe and
   * the reader hold waits for a reader.
   *
   * @returns The {@link returncode}.
   */
  wait(): Operation<number> {
    return operation(this.loop, this.transport.wait());
  }

  /**
   * Sends `input` to the child, closes its stdin, reads all of its stdout and stderr, and waits for its end. asyncio: `communicate`.
   *
   * @param input - Only where stdin is a pipe. That the child does not read it all is no error.
   * @returns What it has written, null where there is no pipe.
   * @throws Through the operation: TypeError for input that is no Uint8Array, or without a pipe; errors of the pipes; CancelledError, and then
   *   the child goes on and what was read is lost.
   */
  communicate(input: Uint8Array | null = null): Operation<ProcessOutput> {
    return operation(this.loop, this.communicating(input));
  }

  /**
   * Sends a signal to the child, by name or number; does nothing when it is known to have ended. asyncio: `send_signal`.
   *
   * @throws ProcessLookupError when the child and its pipes are gone. TypeError or ValueError for what is no signal.
   */
  sendSignal(signal: Signal): void {
    this.transport.sendSignal(signal);
  }

  /** Sends SIGTERM: please end. asyncio: `terminate`. */
  terminate(): void {
    this.transport.terminate();
  }

  /** Sends SIGKILL, which ends the child without asking it. asyncio: `kill`. */
  kill(): void {
    this.transport.kill();
  }

  /** Kills the child if it still runs, closes the pipes, and waits for its end: `await using`. */
  [Symbol.asyncDispose](): PromiseLike<void> {
    this.transport.close();
    return operation(this.loop, this.ending());
  }

  /** `<Process 4711>` */
  toString(): string {
    return `<${this.constructor.name} ${this.pid}>`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  private *ending(): CoroutineGenerator<void> {
    yield* this.transport.wait();
  }

  private *communicating(input: Uint8Array | null): CoroutineGenerator<ProcessOutput> {
    const { stdin, stdout, stderr, loop } = this;
    if (input !== null) {
      if (!types.isUint8Array(input)) {
        throw new TypeError(`communicate: input must be a Uint8Array or null, got ${repr(input)}`);
      }
      if (stdin === null) throw new TypeError('communicate: there is input, but stdin is no pipe');
    }
    const [, out, err] = yield* gather(
      stdin === null ? finishedOperation(loop, null) : operation(loop, this.feed(stdin, input)),
      stdout === null ? finishedOperation(loop, null) : operation(loop, this.readAll(stdout, 1)),
      stderr === null ? finishedOperation(loop, null) : operation(loop, this.readAll(stderr, 2)),
      { loop },
    );
    yield* this.transport.wait();
    return [out, err];
  }

  private *feed(stdin: StreamWriter, input: Uint8Array | null): CoroutineGenerator<null> {
    const debug = this.loop.getDebug();
    if (debug && input !== null) logger.debug(`${String(this)} communicate: feed stdin (${input.length} bytes)`);
    try {
      if (input !== null) stdin.write(input);
      yield* stdin.drain();
    } catch (error) {
      if (!hasBrand(error, 'BrokenPipeError') && !hasBrand(error, 'ConnectionResetError')) throw error;
      if (debug) logger.debug(`${String(this)} communicate: stdin got ${repr(error)}`);
    }
    if (debug) logger.debug(`${String(this)} communicate: close stdin`);
    stdin.close();
    return null;
  }

  private *readAll(reader: StreamReader, fd: 1 | 2): CoroutineGenerator<Buffer> {
    const output = yield* reader.read();
    this.transport.getPipeTransport(fd)?.close();
    return output;
  }
}
