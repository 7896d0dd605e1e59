import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { TaskLoop } from '@tsyncio/futures-tasks';
import { type SelectorIo, sockRecv } from '@tsyncio/selector-io';
import type { Socket } from '@tsyncio/socket';
import { fileCalls } from '@tsyncio/socket/native';

import type { MakeLoop } from '@tsyncio/test-support/loops/selectors';
import { inLoop, pattern, type Sockets } from './sockets.js';

/** Files of a test, in a folder that is removed at its end. */
export class Files {
  private readonly folder = mkdtempSync(join(tmpdir(), 'tsyncio-sendfile-'));
  private readonly open: number[] = [];
  private made = 0;

  /** The path of a new file with `content`. */
  path(content: Uint8Array | string): string {
    const path = join(this.folder, String(this.made++));
    writeFileSync(path, content);
    return path;
  }

  /** The descriptor of a new file with `content`. */
  descriptor(content: Uint8Array | string, flags = 'r+'): number {
    return this.keep(openSync(this.path(content), flags));
  }

  keep(fd: number): number {
    this.open.push(fd);
    return fd;
  }

  close(): void {
    for (const fd of this.open) {
      try {
        closeSync(fd);
      } catch {
        // The test has closed it.
      }
    }
    rmSync(this.folder, { recursive: true });
  }
}

/** A test inside a fresh loop, as `inLoop` makes it, with files. */
export function withLoop(
  makeLoop: MakeLoop,
  body: (loop: TaskLoop<SelectorIo>, sockets: Sockets, files: Files) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const files = new Files();
    try {
      await inLoop(makeLoop, (loop, sockets) => body(loop, sockets, files))();
    } finally {
      files.close();
    }
  };
}

/** Where the next `read` of a descriptor begins. */
export function position(fd: number): number {
  return Number(/pos:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))![1]);
}

export function seek(fd: number, to: number): void {
  fileCalls().seek(fd, to);
}

/** Receives `nbytes`, or up to the end of the stream. */
export async function receive(loop: TaskLoop<SelectorIo>, sock: Socket, nbytes = Infinity): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let left = nbytes; left > 0; left -= pieces.at(-1)!.length) {
    pieces.push(await sockRecv(loop, sock, Math.min(left, 65_536)));
    if (pieces.at(-1)!.length === 0) break;
  }
  return Buffer.concat(pieces);
}

/** More than any socket takes at once. */
export const BIG = pattern(6_000_000, 7);
