/**
 * The door to foreign functions: the only file that loads koffi, and it does so at the first call, so that importing the
 * package costs nothing and works on any platform.
 */
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import type * as Koffi from 'koffi';

/** What koffi exports. Never part of a public declaration (its types do not resolve everywhere). */
export type KoffiModule = typeof Koffi;

// A static import would load the addon (9 ms) with the package. `__filename` exists in CommonJS; the build gives one to the
// ES modules. The working directory is the last resort for sources that run unbuilt.
const here = typeof __filename === 'string' ? __filename : join(process.cwd(), 'index.js');

let loaded: KoffiModule | undefined;

/**
 * Gives koffi, loading it at the first call of this thread.
 *
 * @throws Error with the reason as `cause` if there is no build of koffi for this platform or it is not installed.
 */
export function koffi(): KoffiModule {
  if (loaded === undefined) {
    try {
      // After an `fstat` of a FIFO or socket, as `connectReadPipe` makes one, Node 20 to 26 resolve links of modules only half (`realpathSync` looks at
      // what the last stat has left behind), and do not find the addon in pnpm's folders. Any other stat puts that right.
      statSync(process.execPath, { throwIfNoEntry: false });
      loaded = createRequire(here)('koffi') as KoffiModule;
    } catch (cause) {
      const place = `${process.platform}-${process.arch}, Node ${process.version}`;
      throw new Error(`tsyncio needs the package 'koffi' for system calls and cannot load it (${place})`, { cause });
    }
  }
  return loaded;
}

/**
 * The address of a buffer's memory, as a number that system calls take.
 *
 * The caller must keep the memory referenced for as long as the address is in use. It takes an `ArrayBuffer` and no view, because a
 * small typed array lives on the JavaScript heap, where it moves, until its `buffer` is asked for. Virtual addresses have at most 52 bits on the supported processors.
 */
export function addressOf(memory: ArrayBufferLike): number {
  return Number(koffi().address(memory));
}
