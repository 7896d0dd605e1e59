// An orderly end: on SIGTERM (or Ctrl+C) no more connections are taken, requests that run may finish, and what takes too long is cancelled.
//
//   npm start -- shutdown --port 8888 --grace 5
//   (echo 2; cat) | nc 127.0.0.1 8888      # a request that takes two seconds; now stop the server
import { currentTask, getRunningLoop, isCancelled, run, sleep, startServer, wait, type Task } from 'tsyncio';
import { announce } from '../support/announce.js';
import { interrupted } from '../support/interrupted.js';
import { options } from '../support/options.js';

const { host, port, grace } = options({ host: '127.0.0.1', port: '8888', grace: '5' });

/** The connections that are being answered right now. */
const busy = new Set<Task>();

/** Takes as many seconds as it is told. */
async function work(line: string): Promise<string> {
  try {
    await sleep(Math.min(Number(line) || 0, 60));
    return 'done\n';
  } catch (error) {
    if (isCancelled(error)) console.log(`cancelled: ${line}`);
    throw error;
  }
}

await run(async () => {
  let ending = false;
  const server = await startServer(
    async (reader, writer) => {
      await using client = writer;
      for await (const line of reader) {
        busy.add(currentTask()!);
        try {
          client.write(Buffer.from(await work(line.toString().trim())));
          await client.drain();
        } finally {
          busy.delete(currentTask()!);
        }
        if (ending) return; // this request was the last one
      }
    },
    host,
    Number(port),
  );
  announce('Serving', server.sockets);

  console.log(`${await interrupted(getRunningLoop())}: ending`);
  ending = true;
  server.close(); // no more connections; those that stand go on
  console.log(`${busy.size} at work`);
  if (busy.size > 0) await wait([...busy], { timeout: Number(grace) });
  console.log(`${busy.size} took too long`);
  // The end of `run` cancels them, with the clients that are idle, and waits until their `finally` is over.
});
console.log('closed');
