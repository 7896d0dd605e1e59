import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * What every server of the benchmarks does: tells where it listens; each line on its standard input asks for its processor time, the line
 * "collect" after a collection of garbage; the end of the input ends it, so that none outlives the run.
 *
 * @param {number | string} port - Of the loopback interface; or an address as `program.h` says.
 */
export function serveControl(port) {
  process.stdin.on('data', (line) => {
    if (String(line).startsWith('collect')) collect();
    const { userCPUTime, systemCPUTime } = process.resourceUsage();
    console.log(JSON.stringify({ cpu: (userCPUTime + systemCPUTime) / 1e6 }));
  });
  process.stdin.on('end', () => process.exit());
  console.log(JSON.stringify({ port }));
}

let gc = null;

function collect() {
  if (gc === null) {
    setFlagsFromString('--expose-gc');
    gc = runInNewContext('gc');
  }
  // What the first one finds dead may own memory that a second one lets go of.
  gc();
  gc();
}
