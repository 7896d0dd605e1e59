// Both sides of the scenarios, for tsyncio and for Node: they differ in how a thread calls another.

/** Nanoseconds on the clock that all threads share. */
export const nanoseconds = () => Number(process.hrtime.bigint());

export const BURST = 50_000;

/** @param {number[]} times - Nanoseconds. */
export function print(times) {
  const sorted = times.sort((a, b) => a - b);
  const at = (part) => sorted[Math.floor(sorted.length * part)] / 1000;
  const seconds = sorted.reduce((sum, time) => sum + time, 0) / 1e9;
  console.log(JSON.stringify({ rate: sorted.length / seconds, p50: at(0.5), p99: at(0.99) }));
}

/** In the calling thread: `call` every two milliseconds for some seconds. */
export async function callNowAndThen(call, seconds) {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    call(nanoseconds());
  }
  call(0);
}

/** In the called thread: what to do for each call of {@link callNowAndThen}. */
export function collect(done) {
  const times = [];
  return (sent) => {
    if (sent === 0) done(times);
    else times.push(nanoseconds() - sent);
  };
}

/** In the called thread, for a burst. */
export function countBurst(done) {
  let calls = 0;
  let began = 0;
  return () => {
    if (calls++ === 0) began = nanoseconds();
    if (calls === BURST) done(Array.from({ length: BURST }, () => (nanoseconds() - began) / BURST));
  };
}

/** In the calling thread: `run` one after the other. */
export async function runInTurn(run, seconds) {
  const times = [];
  for (const length of [seconds / 2, seconds]) {
    times.length = 0;
    const end = performance.now() + length * 1000;
    while (performance.now() < end) {
      const before = nanoseconds();
      await run(before);
      times.push(nanoseconds() - before);
    }
  }
  return times;
}
