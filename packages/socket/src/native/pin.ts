import { koffi } from './koffi.js';
import { systemAbi } from './platform.js';
import { RTLD_NOW } from './posix/abi.js';

let pinned = false;

/**
 * Keeps koffi's addon in memory for the life of the process. Must come before the first poll of a thread.
 *
 * Node unloads an addon when the last thread that loaded it ends. libuv then still calls back into it to free the poll handles of
 * the ended worker, and the process dies (SIGSEGV, Node 20 to 26). One more `dlopen` of the same file with RTLD_NODELETE prevents the
 * unloading; doing it again in each thread is harmless. Windows has a call for just this.
 *
 * The module is found by an address inside the addon, the trampoline of a callback: `dladdr` gives its path.
 *
 * @throws Error if the addon cannot be pinned: better no loop than a process that dies later.
 */
export function pinAddon(): void {
  if (pinned) return;
  const { register, unregister, pointer, proto } = koffi();
  const inside = register(() => undefined, pointer(proto('void', [])));
  try {
    if (process.platform === 'win32') pinOnWindows(inside);
    else pinOnPosix(inside);
  } finally {
    unregister(inside);
  }
  pinned = true;
}

function pinOnPosix(inside: bigint): void {
  const { decode, load } = koffi();
  const libc = load(null);
  const dladdr = libc.func('dladdr', 'int', ['void *', 'void *']) as unknown as (
    at: bigint,
    info: Uint8Array,
  ) => number;
  const dlopen = libc.func('dlopen', 'void *', ['string', 'int']) as unknown as (
    path: string,
    flags: number,
  ) => unknown;
  const info = Buffer.alloc(32); // Dl_info: const char *fname, void *fbase, const char *sname, void *saddr
  const found = dladdr(inside, info) !== 0;
  const path = found ? (decode.string(info.readBigUInt64LE(0)) as string | null) : null;
  if (path === null || !dlopen(path, RTLD_NOW | systemAbi.RTLD_NODELETE)) {
    throw new Error(`cannot keep koffi's addon loaded (${path ?? 'its file is unknown'})`);
  }
}

/** Flags of `GetModuleHandleExW`: for ever, and the module that an address is in. */
const PIN_BY_ADDRESS = 1 | 4;

function pinOnWindows(inside: bigint): void {
  const kernel = koffi().load('kernel32.dll');
  const getModuleHandle = kernel.func('__stdcall', 'GetModuleHandleExW', 'int', [
    'uint32_t',
    'void *',
    'void *',
  ]) as unknown as (flags: number, at: bigint, module: Uint8Array) => number;
  if (getModuleHandle(PIN_BY_ADDRESS, inside, Buffer.alloc(8)) === 0) {
    throw new Error("cannot keep koffi's addon loaded (GetModuleHandleExW failed)");
  }
}
