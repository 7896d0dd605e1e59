import { asyncBody } from './async-bodies.js';
import { generatorBody } from './generator-bodies.js';
import type { Program, Trace } from './program.js';
import { World } from './world.js';

/** How to run. */
export interface RunOptions {
  /** Gives Node its turn as often as the loop allows, in the middle of batches too: the trace must stay the same. */
  readonly cutTurns?: boolean;
}

/** Runs a program on tsyncio. The same interpreter on CPython is python/run_program.py. */
export function runProgram(program: Program, { cutTurns = false }: RunOptions = {}): Promise<Trace> {
  return new World(program, { async: asyncBody, generator: generatorBody }, cutTurns).run();
}
