import { getRunningLoop, ProcessPoolExecutor, run, ThreadPoolExecutor } from 'tsyncio';

/** File operations can block the loop: run them in a thread. The function crosses as its text, and fetches for itself what it uses. */
function blockingIo(): Uint8Array {
  const { closeSync, openSync, readSync } = process.getBuiltinModule('node:fs');
  const bytes = new Uint8Array(100);
  const fd = openSync('/dev/urandom', 'r');
  try {
    readSync(fd, bytes);
  } finally {
    closeSync(fd);
  }
  return bytes;
}

/** What computes for long blocks the loop too: a thread or a process keeps it free. */
function cpuBound(n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += i * i;
  return sum;
}

/** Runs functions in the loop's own threads, in a pool of threads and in a pool of processes. */
export async function runInExecutor(): Promise<void> {
  await run(async () => {
    const loop = getRunningLoop();

    const bytes = await loop.runInExecutor(null, blockingIo);
    console.log('default thread pool', bytes.length, 'bytes');

    await using threads = new ThreadPoolExecutor();
    console.log('custom thread pool', await loop.runInExecutor(threads, cpuBound, 10_000_000));

    await using processes = new ProcessPoolExecutor();
    console.log('custom process pool', await loop.runInExecutor(processes, cpuBound, 10_000_000));
  });
}
