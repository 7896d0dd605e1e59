import { koffi } from '../koffi.js';

type Socket = number;
type Pointer = number;

/**
 * Declares the functions of winsock. A SOCKET is declared as `intptr_t`, so that it is a number and INVALID_SOCKET is -1; memory of ours is a
 * number too, memory of callers a `void *`.
 */
export function declareWinsock() {
  const winsock = koffi().load('ws2_32.dll');
  const kernel = koffi().load('kernel32.dll');
  const helper = koffi().load('iphlpapi.dll');
  const [socket, at, memory, int, u32] = ['intptr_t', 'uintptr_t', 'void *', 'int', 'uint32_t'];
  const declare = <F extends (...args: never[]) => number>(name: string, result: string, ...parameters: string[]): F =>
    winsock.func('__stdcall', name, result, parameters) as unknown as F;
  return {
    startup: declare<(version: number, data: Uint8Array) => number>('WSAStartup', int, 'uint16_t', memory),
    lastError: declare<() => number>('WSAGetLastError', int),
    socket: declare<
      (family: number, type: number, protocol: number, info: Uint8Array | null, g: number, flags: number) => Socket
    >('WSASocketW', socket, int, int, int, memory, u32, u32),
    duplicate: declare<(s: Socket, process: number, info: Uint8Array) => number>(
      'WSADuplicateSocketW',
      int,
      socket,
      u32,
      memory,
    ),
    bind: declare<(s: Socket, address: Uint8Array, length: number) => number>('bind', int, socket, memory, int),
    listen: declare<(s: Socket, backlog: number) => number>('listen', int, socket, int),
    accept: declare<(s: Socket, address: Pointer, length: Pointer) => Socket>('accept', socket, socket, at, at),
    connect: declare<(s: Socket, address: Uint8Array, length: number) => number>('connect', int, socket, memory, int),
    recv: declare<(s: Socket, buffer: Pointer, length: number, flags: number) => number>(
      'recv',
      int,
      socket,
      at,
      int,
      int,
    ),
    recvInto: declare<(s: Socket, buffer: Uint8Array, length: number, flags: number) => number>(
      'recv',
      int,
      socket,
      memory,
      int,
      int,
    ),
    send: declare<(s: Socket, data: Uint8Array, length: number, flags: number) => number>(
      'send',
      int,
      socket,
      memory,
      int,
      int,
    ),
    /** WSASend of several buffers, not overlapped. */
    gather: declare<
      (
        s: Socket,
        buffers: Pointer,
        count: number,
        sent: Pointer,
        flags: number,
        overlapped: Pointer,
        routine: Pointer,
      ) => number
    >('WSASend', int, socket, at, u32, at, u32, at, at),
    gatherTo: declare<
      (
        s: Socket,
        buffers: Pointer,
        count: number,
        sent: Pointer,
        flags: number,
        address: Uint8Array | null,
        length: number,
        overlapped: Pointer,
        routine: Pointer,
      ) => number
    >('WSASendTo', int, socket, at, u32, at, u32, memory, int, at, at),
    sendto: declare<
      (s: Socket, data: Uint8Array, length: number, flags: number, address: Uint8Array, size: number) => number
    >('sendto', int, socket, memory, int, int, memory, int),
    recvfrom: declare<
      (s: Socket, into: Uint8Array, length: number, flags: number, address: Pointer, size: Pointer) => number
    >('recvfrom', int, socket, memory, int, int, at, at),
    shutdown: declare<(s: Socket, how: number) => number>('shutdown', int, socket, int),
    getsockname: declare<(s: Socket, address: Pointer, length: Pointer) => number>('getsockname', int, socket, at, at),
    getpeername: declare<(s: Socket, address: Pointer, length: Pointer) => number>('getpeername', int, socket, at, at),
    getsockopt: declare<(s: Socket, level: number, name: number, value: Pointer, length: Pointer) => number>(
      'getsockopt',
      int,
      socket,
      int,
      int,
      at,
      at,
    ),
    getsockoptInto: declare<(s: Socket, level: number, name: number, value: Uint8Array, length: Pointer) => number>(
      'getsockopt',
      int,
      socket,
      int,
      int,
      memory,
      at,
    ),
    setsockopt: declare<(s: Socket, level: number, name: number, value: Pointer, length: number) => number>(
      'setsockopt',
      int,
      socket,
      int,
      int,
      at,
      int,
    ),
    setsockoptFrom: declare<(s: Socket, level: number, name: number, value: Uint8Array, length: number) => number>(
      'setsockopt',
      int,
      socket,
      int,
      int,
      memory,
      int,
    ),
    ioctl: declare<(s: Socket, request: number, argument: Pointer) => number>('ioctlsocket', int, socket, int, at),
    poll: declare<(entries: Pointer, count: number, milliseconds: number) => number>('WSAPoll', int, at, u32, int),
    close: declare<(s: Socket) => number>('closesocket', int, socket),
    setHandleInformation: kernel.func('__stdcall', 'SetHandleInformation', int, [socket, u32, u32]) as unknown as (
      handle: number,
      mask: number,
      flags: number,
    ) => number,
    processId: kernel.func('__stdcall', 'GetCurrentProcessId', u32, []) as unknown as () => number,
    ifNameToIndex: helper.func('__stdcall', 'if_nametoindex', u32, ['string']) as unknown as (name: string) => number,
  };
}
