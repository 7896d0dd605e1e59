import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// koffi belongs to the socket package alone, so it is asked for in its name.
const koffi = createRequire(require.resolve('@tsyncio/socket/package.json'))('koffi') as {
  load(library: string): { func(name: string, result: string, parameters: string[]): (...args: unknown[]) => number };
};

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
    if (process.platform === 'win32') return positionOnWindows(this.fd);
    return Number(/pos:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${this.fd}`, 'latin1'))![1]);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
    rmSync(this.folder, { recursive: true });
  }
}

function positionOnWindows(fd: number): number {
  const handleOf = koffi.load(process.execPath).func('uv_get_osfhandle', 'intptr_t', ['int']);
  const setPosition = koffi
    .load('kernel32.dll')
    .func('SetFilePointerEx', 'int', ['intptr_t', 'int64_t', 'void *', 'uint32_t']);
  const position = new BigInt64Array(1);
  setPosition(handleOf(fd), 0, position, 1); // FILE_CURRENT
  return Number(position[0]);
}

/** Bytes that differ from place to place. */
export function pattern(length: number): Buffer {
  const data = Buffer.alloc(length);
  for (let i = 0; i < length; i++) data[i] = (i * 31 + (i >> 8)) & 255;
  return data;
}
