import { koffi } from '../koffi.js';
import { errnoOf } from './errors.js';

const PIPE_ACCESS_INBOUND = 1;
const PIPE_ACCESS_DUPLEX = 3;
const FILE_FLAG_OVERLAPPED = 0x40000000;
const FILE_FLAG_FIRST_PIPE_INSTANCE = 0x80000;
/** Messages, sent and received; an instance waits for its client. */
const MESSAGE_MODE = 4 | 2;
const UNLIMITED_INSTANCES = 255;
const SIZE = 64 * 1024;
const GENERIC_READ_WRITE = 0xc0000000;
const GENERIC_WRITE = 0x40000000;
const OPEN_EXISTING = 3;
const FILE_TYPE_PIPE = 3;

function declare() {
  const kernel = koffi().load('kernel32.dll');
  const [handle, at, u32, int] = ['intptr_t', 'uintptr_t', 'uint32_t', 'int'];
  const declared = <F extends (...args: never[]) => number>(name: string, result: string, ...parameters: string[]): F =>
    kernel.func('__stdcall', name, result, parameters) as unknown as F;
  type Create = (
    name: string,
    open: number,
    mode: number,
    instances: number,
    out: number,
    into: number,
    timeout: number,
    security: number,
  ) => number;
  type Open = (
    name: string,
    access: number,
    share: number,
    security: number,
    disposition: number,
    flags: number,
    template: number,
  ) => number;
  return {
    create: declared<Create>('CreateNamedPipeW', handle, 'str16', u32, u32, u32, u32, u32, u32, at),
    open: declared<Open>('CreateFileW', handle, 'str16', u32, u32, at, u32, u32, handle),
    close: declared<(pipe: number) => number>('CloseHandle', int, handle),
    fileType: declared<(pipe: number) => number>('GetFileType', u32, handle),
    lastError: declared<() => number>('GetLastError', u32),
  };
}

let calls: ReturnType<typeof declare> | undefined;

/** Named pipes, overlapped. Each gives a handle or the negated error number. */
export const namedPipes = {
  /** An instance of a server; the first one fails if there is a server already (`EACCES`). */
  create(name: string, first: boolean): number {
    calls ??= declare();
    const flags = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0);
    return made(calls.create(name, flags, MESSAGE_MODE, UNLIMITED_INSTANCES, SIZE, SIZE, 0, 0));
  },
  /** The end of a client: `ENOENT` if there is no server, `EBUSY` while no instance is free. It can be written, and read if it is duplex. */
  open(name: string, duplex = true): number {
    calls ??= declare();
    const access = duplex ? GENERIC_READ_WRITE : GENERIC_WRITE;
    return made(calls.open(name, access, 0, 0, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, 0));
  },
  /** The only instance of a server, for bytes; the client's end is that of the writer. */
  createReader(name: string, duplex: boolean): number {
    calls ??= declare();
    const access = duplex ? PIPE_ACCESS_DUPLEX : PIPE_ACCESS_INBOUND;
    return made(
      calls.create(name, access | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE, 0, 1, SIZE, SIZE, 0, 0),
    );
  },
  /** Whether it is open on a pipe: 1 or 0, or the negated error number. (Windows takes a socket for one.) */
  isPipe(handle: number): number {
    calls ??= declare();
    const type = calls.fileType(handle);
    const error = type === 0 ? calls.lastError() : 0;
    return error === 0 ? Number(type === FILE_TYPE_PIPE) : -errnoOf(error);
  },
  close(pipe: number): void {
    calls ??= declare();
    calls.close(pipe);
  },
};

function made(pipe: number): number {
  return pipe === -1 ? -errnoOf(calls!.lastError()) : pipe;
}
