import { E } from '../errno.js';
import { koffi } from '../koffi.js';
import type { FileCalls } from '../posix/sendfile.js';
import { errnoOf } from './errors.js';

const FILE_BEGIN = 0;

/**
 * What a file of Node's can do: its descriptors are of the C library inside its executable, which turns them into handles. A call that sends a
 * file over a socket there and then does not exist (`TransmitFile` is for completion ports).
 */
export function declareFileCalls(): FileCalls {
  const { load } = koffi();
  const handleOf = load(process.execPath).func('uv_get_osfhandle', 'intptr_t', ['int']) as unknown as (
    file: number,
  ) => number;
  const kernel = load('kernel32.dll');
  const setPosition = kernel.func('__stdcall', 'SetFilePointerEx', 'int', [
    'intptr_t',
    'int64_t',
    'uintptr_t',
    'uint32_t',
  ]) as unknown as (handle: number, position: number, moved: number, from: number) => number;
  const lastError = kernel.func('__stdcall', 'GetLastError', 'uint32_t', []) as unknown as () => number;
  return {
    sendfile: () => -E.ENOSYS,
    seek: (file, position) => (setPosition(handleOf(file), position, 0, FILE_BEGIN) === 0 ? -errnoOf(lastError()) : 0),
  };
}
