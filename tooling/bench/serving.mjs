import { Child } from './children.mjs';

const START_S = 20;

/**
 * One measurement of a server by a client: both are started, and ended whatever happens.
 *
 * @param {{ command: string[], env: NodeJS.ProcessEnv }} server - Speaks as `control.mjs` says.
 * @param {(port: number) => string[]} client - Prints "ready", waits for a line, works, and prints one line of JSON.
 * @param {number} seconds - How long the work of the client may take.
 * @returns What the client says, and `cpu`: the seconds of processor time that the server spent on it. Null if the server says null: it has
 *   nothing to measure.
 */
export async function measureServer(server, client, seconds) {
  const serving = new Child(server.command, server.env);
  try {
    const told = await serving.json(START_S);
    if (told === null) return null;
    const load = new Child(client(told.port));
    try {
      await load.line(START_S + seconds);
      const before = await processorTime(serving);
      load.send('go');
      const result = await load.json(START_S + seconds);
      return { ...result, cpu: (await processorTime(serving)) - before };
    } finally {
      await load.end();
    }
  } finally {
    await serving.end();
  }
}

async function processorTime(server) {
  server.send('cpu');
  return (await server.json(START_S)).cpu;
}
