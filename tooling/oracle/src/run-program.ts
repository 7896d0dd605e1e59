import { asyncBody } from './async-bodies.js';
import { generatorBody } from './generator-bodies.js';
import type { Program, Trace } from './program.js';
import { World } from './world.js';

/** Runs a program on tsyncio. The same interpreter on CPython is python/run_program.py. */
export function runProgram(program: Program): Promise<Trace> {
  return new World(program, { async: asyncBody, generator: generatorBody }).run();
}
