import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type workerpool from 'workerpool';

// A static import would load the library, and with it Node's child processes and sockets, with the package: a quarter of what importing
// everything costs. `__filename` exists in CommonJS; the build gives one to the ES modules. The working directory is for sources that run
// unbuilt.
const here = typeof __filename === 'string' ? __filename : join(process.cwd(), 'index.js');

let loaded: typeof workerpool | undefined;

/** Gives the pool library, loading it at the first call of this thread. Internal. */
export function loadWorkerpool(): typeof workerpool {
  if (loaded === undefined) {
    // After an `fstat` of a FIFO or socket, Node 20 to 26 resolve links of modules only half, until any other stat.
    statSync(process.execPath, { throwIfNoEntry: false });
    loaded = createRequire(here)('workerpool') as typeof workerpool;
  }
  return loaded;
}
