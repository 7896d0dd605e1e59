import { koffi } from '../koffi.js';
import { systemCalls } from '../platform.js';

type Handle = number;
type Pointer = number;

const handle = 'intptr_t';
const at = 'uintptr_t';
const int = 'int';
const u32 = 'uint32_t';
const status = 'int32_t';

/** The calls around I/O completion ports. Results are those of Windows. */
export interface CompletionCalls {
  createPort(file: Handle, port: Handle, key: number, threads: number): Handle;
  takeEntries(port: Handle, entries: Pointer, count: number, taken: Pointer, ms: number, alertable: number): number;
  /** The same on a thread of libuv's pool. */
  awaitEntries(
    port: Handle,
    entries: Pointer,
    count: number,
    taken: Pointer,
    ms: number,
    done: (error: Error | null, taken: number) => void,
  ): void;
  post(port: Handle, bytes: number, key: number, overlapped: Pointer): number;
  cancel(file: Handle, overlapped: Pointer): number;
  setNotificationModes(file: Handle, modes: number): number;
  closeHandle(file: Handle): number;
  lastError(): number;
  allocate(address: Pointer, length: number, type: number, protection: number): Pointer;
  free(address: Pointer, length: number, type: number): number;
  createFile(
    file: Pointer,
    access: number,
    attributes: Pointer,
    status: Pointer,
    size: Pointer,
    fileAttributes: number,
    share: number,
    disposition: number,
    options: number,
    extended: Pointer,
    length: number,
  ): number;
  control(
    file: Handle,
    event: Handle,
    routine: Pointer,
    context: Pointer,
    result: Pointer,
    code: number,
    input: Pointer,
    inputLength: number,
    output: Pointer,
    outputLength: number,
  ): number;
  dosError(status: number): number;
  readFile(file: Handle, into: Pointer, length: number, read: Pointer, overlapped: Pointer): number;
  writeFile(file: Handle, from: Pointer, length: number, written: Pointer, overlapped: Pointer): number;
  connectNamedPipe(pipe: Handle, overlapped: Pointer): number;
  transmitFile(
    s: Handle,
    file: Handle,
    length: number,
    perSend: number,
    overlapped: Pointer,
    around: Pointer,
    flags: number,
  ): number;
  /** The handle of a descriptor of Node's; -1 or -2: it has none. */
  handleOf(file: number): Handle;
  receive(
    s: Handle,
    buffers: Pointer,
    count: number,
    received: Pointer,
    flags: Pointer,
    overlapped: Pointer,
    routine: Pointer,
  ): number;
  receiveFrom(
    s: Handle,
    buffers: Pointer,
    count: number,
    received: Pointer,
    flags: Pointer,
    from: Pointer,
    fromLength: Pointer,
    overlapped: Pointer,
    routine: Pointer,
  ): number;
}

let calls: CompletionCalls | undefined;

/** Declares them at the first call of a thread. */
export function completionCalls(): CompletionCalls {
  return (calls ??= declare());
}

function declare(): CompletionCalls {
  systemCalls(); // starts winsock
  const { load } = koffi();
  const [kernel, nt, winsock] = [load('kernel32.dll'), load('ntdll.dll'), load('ws2_32.dll')];
  const take = kernel.func('__stdcall', 'GetQueuedCompletionStatusEx', int, [handle, at, u32, at, u32, int]);
  const of = <N extends keyof CompletionCalls>(
    library: typeof kernel,
    name: string,
    result: string,
    parameters: string[],
  ): CompletionCalls[N] => library.func('__stdcall', name, result, parameters);
  return {
    createPort: of<'createPort'>(kernel, 'CreateIoCompletionPort', handle, [handle, handle, at, u32]),
    takeEntries: take,
    awaitEntries(port, entries, count, taken, ms, done) {
      take.async(port, entries, count, taken, ms, 0, done);
    },
    post: of<'post'>(kernel, 'PostQueuedCompletionStatus', int, [handle, u32, at, at]),
    cancel: of<'cancel'>(kernel, 'CancelIoEx', int, [handle, at]),
    setNotificationModes: of<'setNotificationModes'>(kernel, 'SetFileCompletionNotificationModes', int, [
      handle,
      'uint8_t',
    ]),
    closeHandle: of<'closeHandle'>(kernel, 'CloseHandle', int, [handle]),
    lastError: of<'lastError'>(kernel, 'GetLastError', u32, []),
    allocate: of<'allocate'>(kernel, 'VirtualAlloc', handle, [handle, at, u32, u32]),
    free: of<'free'>(kernel, 'VirtualFree', int, [handle, at, u32]),
    createFile: of<'createFile'>(nt, 'NtCreateFile', status, [at, u32, at, at, at, u32, u32, u32, u32, at, u32]),
    control: of<'control'>(nt, 'NtDeviceIoControlFile', status, [handle, handle, at, at, at, u32, at, u32, at, u32]),
    dosError: of<'dosError'>(nt, 'RtlNtStatusToDosError', u32, [status]),
    readFile: of<'readFile'>(kernel, 'ReadFile', int, [handle, at, u32, at, at]),
    writeFile: of<'writeFile'>(kernel, 'WriteFile', int, [handle, at, u32, at, at]),
    connectNamedPipe: of<'connectNamedPipe'>(kernel, 'ConnectNamedPipe', int, [handle, at]),
    transmitFile: of<'transmitFile'>(load('mswsock.dll'), 'TransmitFile', int, [handle, handle, u32, u32, at, at, u32]),
    handleOf: of<'handleOf'>(load(process.execPath), 'uv_get_osfhandle', handle, [int]),
    receive: of<'receive'>(winsock, 'WSARecv', int, [handle, at, u32, at, at, at, at]),
    receiveFrom: of<'receiveFrom'>(winsock, 'WSARecvFrom', int, [handle, at, u32, at, at, at, at, at, at]),
  };
}
