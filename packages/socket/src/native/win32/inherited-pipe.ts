import { threadId } from 'node:worker_threads';

import { E } from '../errno.js';
import { koffi } from '../koffi.js';
import { errnoOf } from './errors.js';

const PIPE_ACCESS_INBOUND = 1;
const FILE_FLAG_OVERLAPPED = 0x40000000;
const FILE_FLAG_FIRST_PIPE_INSTANCE = 0x80000;
const GENERIC_WRITE = 0x40000000;
const OPEN_EXISTING = 3;
const SIZE = 64 * 1024;

function declare() {
  const { load } = koffi();
  const kernel = load('kernel32.dll');
  const node = load(process.execPath);
  const [handle, at, u32, int] = ['intptr_t', 'uintptr_t', 'uint32_t', 'int'];
  return {
    createNamedPipe: kernel.func('__stdcall', 'CreateNamedPipeW', handle, [
      'str16',
      u32,
      u32,
      u32,
      u32,
      u32,
      u32,
      at,
    ]) as unknown as (
      name: string,
      open: number,
      mode: number,
      instances: number,
      out: number,
      into: number,
      timeout: number,
      security: number,
    ) => number,
    createFile: kernel.func('__stdcall', 'CreateFileW', handle, [
      'str16',
      u32,
      u32,
      at,
      u32,
      u32,
      handle,
    ]) as unknown as (
      name: string,
      access: number,
      share: number,
      security: number,
      disposition: number,
      flags: number,
      template: number,
    ) => number,
    close: kernel.func('__stdcall', 'CloseHandle', int, [handle]) as unknown as (handle: number) => number,
    lastError: kernel.func('__stdcall', 'GetLastError', u32, []) as unknown as () => number,
    openDescriptor: node.func('uv_open_osfhandle', int, [handle]) as unknown as (handle: number) => number,
  };
}

let calls: ReturnType<typeof declare> | undefined;
let made = 0;

/**
 * A pipe from children, as descriptors of Node's, which closes them: ours is overlapped, the children's is not, as programs expect.
 *
 * @returns the two, or the negated error number.
 */
export function makeInheritedPipe(): number | [ours: number, childs: number] {
  calls ??= declare();
  const { createNamedPipe, createFile, close, lastError, openDescriptor } = calls;
  const name = `\\\\.\\pipe\\tsyncio-${process.pid}-${threadId}-${made++}`;
  const flags = PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE;
  const handles = [createNamedPipe(name, flags, 0, 1, SIZE, SIZE, 0, 0)];
  let error = lastError();
  if (handles[0] !== -1) {
    handles.push(createFile(name, GENERIC_WRITE, 0, 0, OPEN_EXISTING, 0, 0));
    error = lastError();
  }
  if (handles.includes(-1)) {
    for (const each of handles) if (each !== -1) close(each);
    return -errnoOf(error);
  }
  const [ours, childs] = handles.map((each) => openDescriptor(each)) as [number, number];
  if (ours >= 0 && childs >= 0) return [ours, childs];
  // A descriptor owns its handle: what has become none is closed as a handle. Whoever has run out of them has lost the other one, too.
  for (const [index, fd] of [ours, childs].entries()) if (fd < 0) close(handles[index]!);
  return -E.EMFILE;
}
