/**
 * Runs one scenario of a JavaScript peer and prints what it found as one line of JSON: called as `program.mjs name scale`.
 *
 * @param programs - By name: a function of a count that resolves to seconds, and the count of a full round.
 */
export async function main(programs) {
  const [name, scale = '1'] = process.argv.slice(2);
  const program = programs[name];
  if (program === undefined) {
    console.log('null');
    return;
  }
  const [count, run] = program;
  const n = Math.max(100, Math.round(count * Number(scale)));
  // The first repetitions warm up the compiler.
  await repeat(() => run(n));
  const seconds = (await repeat(() => run(n))).map((took) => took / n).sort((a, b) => a - b);
  console.log(JSON.stringify({ median: seconds[seconds.length >> 1], best: seconds[0] }));
}

const LEAST_REPETITIONS = 3;
const LEAST_SECONDS = 0.3;

async function repeat(run) {
  const seconds = [];
  const end = now() + LEAST_SECONDS;
  while (seconds.length < LEAST_REPETITIONS || now() < end) seconds.push(await run());
  return seconds;
}

/** Seconds, monotonic. */
export const now = () => performance.now() / 1000;

/** Deadlines that are the same in every run: a linear congruential generator. @returns Numbers in [0, 1). */
export function randoms(seed = 1) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
