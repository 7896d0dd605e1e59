import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file of a test, open for reading and writing; removed at the end of the block. */
export class TestFile {
  private readonly folder = mkdtempSync(join(tmpdir(), 'tsyncio-file-'));
  readonly path = join(this.folder, 'file');
  readonly fd: number;

  constructor(content: Uint8Array | string) {
    writeFileSync(this.path, content);
    this.fd = openSync(this.path, 'r+');
  }

  /** Where the next `read` begins. */
  get position(): number {
    return Number(/pos:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${this.fd}`, 'latin1'))![1]);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
    rmSync(this.folder, { recursive: true });
  }
}

/** Bytes that differ from place to place. */
export function pattern(length: number): Buffer {
  const data = Buffer.alloc(length);
  for (let i = 0; i < length; i++) data[i] = (i * 31 + (i >> 8)) & 255;
  return data;
}
