/**
 * Called as `program.mjs spawn pipes inFlight seconds` or `program.mjs cat bytes`; prints what it found.
 *
 * @param {{ spawn: (pipes: boolean) => Promise<void>, cat: (bytes: number, piece: Uint8Array) => Promise<void> }} programs - One child from
 *   its start to its end; and `cat` fed with pieces until so many bytes have come back.
 */
export async function main({ spawn, cat }) {
  const [name, ...args] = process.argv.slice(2);
  if (name === 'cat') return report(await catOf(cat, Number(args[0])));
  const [pipes, inFlight, seconds] = args.map(Number);
  await round(spawn, pipes === 1, inFlight, seconds / 4);
  const before = process.cpuUsage();
  const { count, elapsed } = await round(spawn, pipes === 1, inFlight, seconds);
  report({ rate: count / elapsed, cpu: sum(process.cpuUsage(before)) / count });
}

async function round(spawn, pipes, inFlight, seconds) {
  let count = 0;
  const began = performance.now();
  const end = began + seconds * 1000;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (performance.now() < end) {
        await spawn(pipes);
        count++;
      }
    }),
  );
  return { count, elapsed: (performance.now() - began) / 1000 };
}

async function catOf(cat, bytes) {
  const before = process.cpuUsage();
  const began = performance.now();
  await cat(bytes, Buffer.alloc(64 * 1024, 'x'));
  const elapsed = (performance.now() - began) / 1000;
  return { rate: bytes / elapsed / 1e6, cpu: sum(process.cpuUsage(before)) / 1000 };
}

const sum = ({ user, system }) => user + system;
const report = (found) => console.log(JSON.stringify(found));
