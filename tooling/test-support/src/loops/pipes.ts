/** Descriptors for the tests of pipes, and protocols that write down their calls. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { IoBackend } from '@tsyncio/core';
import type { Future, TaskLoop } from '@tsyncio/futures-tasks';
import type { BaseTransport, ReadTransport, WriteTransport } from '@tsyncio/transports-protocols';

const { O_RDWR, O_NONBLOCK, O_NOCTTY } = constants;
const O_CLOEXEC = 0o2000000;

// koffi belongs to the socket package alone, so it is asked for in its name.
const koffi = createRequire(require.resolve('@tsyncio/socket/package.json'))('koffi') as {
  load(file: null): { func(name: string, result: string, parameters: string[]): (...args: unknown[]) => number };
};

/** A FIFO in a folder of its own. */
export class Fifo {
  private readonly folder = mkdtempSync(join(tmpdir(), 'tsyncio-fifo-'));
  readonly path = join(this.folder, 'fifo');
  constructor() {
    execFileSync('mkfifo', [this.path]);
  }
  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** The two ends of a pipe. Programs want theirs blocking. */
export function pipe(nonblocking = true): [readEnd: number, writeEnd: number] {
  const pair = new Int32Array(2);
  koffi.load(null).func('pipe2', 'int', ['void *', 'int'])(pair, (nonblocking ? O_NONBLOCK : 0) | O_CLOEXEC);
  return [pair[0]!, pair[1]!];
}

/** Master and slave of a new pseudo-terminal, the slave in raw mode. */
export function pseudoTerminal(): [master: number, slave: number] {
  const libc = koffi.load(null);
  const master = openSync('/dev/ptmx', O_RDWR | O_NOCTTY | O_NONBLOCK);
  libc.func('grantpt', 'int', ['int'])(master);
  libc.func('unlockpt', 'int', ['int'])(master);
  const name = Buffer.alloc(64);
  libc.func('ptsname_r', 'int', ['int', 'void *', 'size_t'])(master, name, name.length);
  const path = name.subarray(0, name.indexOf(0)).toString();
  const slave = openSync(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
  execFileSync('stty', ['-F', path, 'raw', '-echo']);
  return [master, slave];
}

export function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

/** One end of a pipe: for a transport, or to be used by hand. */
export interface PipeFile {
  /** How often `close` was called. */
  readonly closings: number;
  readonly isOpen: boolean;
  fileno(): number;
  close(): void;
  /** @returns how many bytes were read, 0 at the end. Throws `EAGAIN`. */
  read(into: Uint8Array): number;
  write(data: Uint8Array): number;
}

/** An end of a real pipe. */
export class KernelPipe implements PipeFile {
  closings = 0;
  constructor(private readonly fd: number) {}
  get isOpen(): boolean {
    return isOpen(this.fd);
  }
  fileno(): number {
    return this.fd;
  }
  close(): void {
    this.closings++;
    closeSync(this.fd);
  }
  read(into: Uint8Array): number {
    return readSync(this.fd, into);
  }
  write(data: Uint8Array): number {
    return writeSync(this.fd, data);
  }
}

/** Writes until there is no room. @returns How much went in. */
export function fillPipe(pipe: PipeFile): number {
  const piece = Buffer.alloc(4096, 'f');
  for (let total = 0; ;) {
    try {
      total += pipe.write(piece);
    } catch {
      return total;
    }
  }
}

/** Reads what there is; null at the end. */
export function drainPipe(pipe: PipeFile, limit = Infinity): Buffer | null {
  const pieces: Buffer[] = [];
  for (let got = 0; got < limit;) {
    const piece = Buffer.alloc(Math.min(64 * 1024, limit - got));
    let n: number;
    try {
      n = pipe.read(piece);
    } catch (error) {
      if ((error as { code?: string }).code !== 'EAGAIN') throw error;
      break;
    }
    if (n === 0) return pieces.length === 0 ? null : Buffer.concat(pieces);
    got += n;
    pieces.push(piece.subarray(0, n));
  }
  return Buffer.concat(pieces);
}

/** Writes down what a pipe transport calls, and can be waited for. */
export class PipeRecorder {
  /** `made`, `data 3`, `eof`, `pause`, `resume`, `lost null`. */
  readonly events: string[] = [];
  readonly pieces: Buffer[] = [];
  size = 0;
  error: Error | null | undefined = undefined;
  transport!: BaseTransport;
  readonly lost: Future<void>;
  private waiter: { readonly future: Future<void>; readonly size: number } | null = null;

  constructor(private readonly loop: TaskLoop<IoBackend>) {
    this.lost = loop.createFuture<void>();
  }

  /** Waits until so many bytes have come. */
  async bytes(size: number): Promise<string> {
    if (this.size < size) {
      this.waiter = { future: this.loop.createFuture<void>(), size };
      await this.waiter.future;
    }
    return Buffer.concat(this.pieces).toString();
  }

  connectionMade(transport: ReadTransport | WriteTransport): void {
    this.transport = transport;
    this.events.push('made');
  }
  dataReceived(data: Buffer): unknown {
    this.pieces.push(data);
    this.size += data.length;
    this.events.push(`data ${data.length}`);
    if (this.waiter !== null && this.size >= this.waiter.size && !this.waiter.future.done()) {
      this.waiter.future.setResult(undefined);
    }
    return undefined;
  }
  eofReceived(): unknown {
    this.events.push('eof');
    return true;
  }
  pauseWriting(): void {
    this.events.push('pause');
  }
  resumeWriting(): void {
    this.events.push('resume');
  }
  connectionLost(error: Error | null): void {
    this.error = error;
    this.events.push(`lost ${error === null ? 'null' : error.name}`);
    this.lost.setResult(undefined);
  }
}
