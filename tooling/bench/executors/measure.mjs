/**
 * Keeps `inFlight` calls going and prints the rate, and the times of the calls if there is one at a time: called as
 * `program.mjs kind inFlight memory seconds`.
 *
 * @param make - Given `thread` or `process`, and 0: the argument is a number, 1: a megabyte that is copied, 2: one that moves. Resolves to
 *   a function that makes one call and resolves to its result.
 */
export async function main(make) {
  const [kind, inFlight, memory, seconds] = [process.argv[2], ...process.argv.slice(3).map(Number)];
  const call = await make(kind, memory);
  if (call === null) return void console.log('null');
  await round(call, inFlight, seconds, memory);
  const before = process.cpuUsage();
  const { rate, times } = await round(call, inFlight, seconds, memory);
  const { user, system } = process.cpuUsage(before);
  times.sort((a, b) => a - b);
  const at = (part) => times[Math.floor(times.length * part)] * 1000;
  console.log(JSON.stringify({ rate, cpu: (user + system) / times.length, p50: at(0.5), p99: at(0.99) }));
}

async function round(call, inFlight, seconds, memory) {
  const times = [];
  const began = performance.now();
  const end = began + seconds * 1000;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      let argument = memory === 0 ? 0 : new Uint8Array(2 ** 20);
      for (let before = performance.now(); before < end;) {
        const result = await call(argument);
        if (memory !== 0) argument = result;
        else if (result !== argument++) throw new Error(`got ${result}`);
        const now = performance.now();
        times.push(now - before);
        before = now;
      }
    }),
  );
  return { rate: (times.length / (performance.now() - began)) * 1000, times };
}
