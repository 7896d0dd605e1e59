// One port, all cores: each worker thread has a loop and a listening socket of its own, and the kernel spreads the connections.
//
//   npm start -- multi-core --port 8888 --workers 4
//   for i in 1 2 3 4 5 6; do nc 127.0.0.1 8888; done
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker, isMainThread, parentPort, threadId, workerData, type MessagePort } from 'node:worker_threads';
import { SOL_SOCKET, SO_REUSEPORT, Socket, connectLoop, gather, getRunningLoop, run, type Transport } from 'tsyncio';
import { announce } from '../support/announce.js';
import { interrupted } from '../support/interrupted.js';
import { options } from '../support/options.js';

interface Place {
  readonly host: string;
  readonly port: number;
}

/** The main thread: starts the workers, and ends them. */
async function supervise(): Promise<void> {
  const { host, port, workers } = options({ host: '127.0.0.1', port: '8888', workers: String(availableParallelism()) });
  const loop = getRunningLoop();
  // Bound, but not listening: it holds the port for the workers and gets no connections itself.
  using place = new Socket();
  place.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1);
  place.bind([host, Number(port)]);
  const [, bound] = place.getsockname() as [string, number];
  const threads = Array.from({ length: Number(workers) }, () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { host, port: bound } satisfies Place });
    return { ended: once(worker, 'exit'), ready: once(worker, 'message') as Promise<[MessagePort]> };
  });
  const ports = await gather(...threads.map(({ ready }) => ready));
  announce(`${threads.length} workers`, [place]);
  await interrupted(loop);
  for (const [worker] of ports) connectLoop(worker).call('stop'); // runs in the worker's loop
  await gather(...threads.map(({ ended }) => ended));
}

/** A worker: serves until it is told to stop. */
async function serve({ host, port }: Place): Promise<void> {
  const loop = getRunningLoop();
  const server = await loop.createServer(() => new Greeter(), host, port, { reusePort: true });
  const stopped = loop.createFuture<void>();
  const door = loop.threadsafe.open({ stop: () => stopped.setResult(undefined) });
  parentPort!.postMessage(door, [door]);
  await stopped;
  server.close();
}

class Greeter {
  connectionMade(transport: Transport): void {
    transport.write(Buffer.from(`worker ${threadId}\n`));
    transport.close();
  }
}

await run(isMainThread ? supervise : () => serve(workerData as Place));
