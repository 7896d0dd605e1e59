import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { quiet } from './quiet.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Full collections, with turns in between for the finalizers, until `done` says so; at most 50. @returns What `done` said last. */
export async function collectGarbage(done: () => boolean): Promise<boolean> {
  for (let round = 0; round < 50 && !done(); round++) {
    collect();
    await quiet();
  }
  return done();
}
