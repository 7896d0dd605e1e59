import { darwinAbi, freebsdAbi } from './bsd/abi.js';
import { darwinConstants, freebsdConstants } from './bsd/constants.js';
import { darwinNetdb, freebsdNetdb } from './bsd/netdb.js';
import { E } from './errno.js';
import { linuxAbi } from './linux/abi.js';
import { linuxConstants, type SocketConstants } from './linux/constants.js';
import { linuxNetdb } from './linux/netdb.js';
import type { Abi } from './posix/abi.js';
import { PosixCalls } from './posix/calls.js';
import type { Netdb } from './posix/netdb.js';
import { Resolver } from './posix/resolver.js';
import type { SystemCalls } from './system-calls.js';
import { win32Abi } from './win32/abi.js';
import { WinsockCalls } from './win32/calls.js';
import { win32Constants } from './win32/constants.js';
import { win32Netdb } from './win32/netdb.js';

/** What we know of an operating system. */
interface System {
  readonly abi: Abi;
  readonly constants: Partial<SocketConstants>;
  readonly netdb: Netdb;
}

const systems: Readonly<Partial<Record<string, System>>> = {
  linux: { abi: linuxAbi, constants: linuxConstants, netdb: linuxNetdb },
  darwin: { abi: darwinAbi, constants: darwinConstants, netdb: darwinNetdb },
  freebsd: { abi: freebsdAbi, constants: freebsdConstants, netdb: freebsdNetdb },
  win32: { abi: win32Abi, constants: win32Constants, netdb: win32Netdb },
};

/** The table of this system; Linux's where there is none, so that importing the package works anywhere. */
export const systemAbi: Abi = (systems[process.platform] ?? systems['linux']!).abi;

/** The public constants of this system; Linux's where there are none. Those that a system does not have are undefined. */
export const socketConstants = (systems[process.platform] ?? systems['linux']!).constants as SocketConstants;

/** Flags and error codes of name resolution on this system; Linux's where there are none. */
export const netdbConstants = (systems[process.platform] ?? systems['linux']!).netdb.constants;

let calls: SystemCalls | undefined;
let resolving: Resolver | undefined;

/**
 * The system calls of this platform; loads koffi at the first call of a thread.
 *
 * @throws Error on a platform without an implementation.
 */
export function systemCalls(): SystemCalls {
  if (calls === undefined) {
    const { platform, arch } = process;
    if (!systems[platform]?.abi.architectures.includes(arch)) {
      const known = Object.entries(systems).map(
        ([name, system]) => `${name} (${system!.abi.architectures.join(', ')})`,
      );
      throw new Error(`tsyncio has no sockets for ${platform}-${arch} yet: only for ${known.join(', ')}`);
    }
    calls = platform === 'win32' ? new WinsockCalls() : new PosixCalls(systemAbi);
  }
  return calls;
}

/** The name resolution of this platform, as {@link systemCalls}. */
export function resolver(): Resolver {
  if (resolving === undefined) {
    systemCalls(); // throws on a platform without an implementation
    resolving = new Resolver(systemAbi, systems[process.platform]!.netdb);
  }
  return resolving;
}

/**
 * Throws unless this is a Linux whose layouts are known. Called at the first use, never at import.
 *
 * @param what - The subject of the message: 'EpollSelector'.
 */
export function requireLinux(what: string): void {
  const { platform, arch } = process;
  if (platform === 'linux' && linuxAbi.architectures.includes(arch)) return;
  throw new Error(
    `tsyncio has no ${what} for ${platform}-${arch}: only for Linux (${linuxAbi.architectures.join(', ')})`,
  );
}

/** The negated error numbers that hot paths compare with. */
export const WOULD_BLOCK = -E.EAGAIN;
