import { TimeoutError, getRunningLoop, run, waitFor, type Server } from 'tsyncio';
import { interrupted } from '../support/interrupted.js';
import { HttpProtocol, type HttpOptions } from './http-protocol.js';
import { route } from './routes.js';

/** Seconds in which open requests may be answered at the end. */
const GRACE = 5;

export interface HttpServerOptions extends Pick<HttpOptions, 'requestTimeout' | 'idleTimeout'> {
  readonly host: string;
  readonly port: number;
  /** Serves on this path instead. */
  readonly unix: string | undefined;
}

/** Serves HTTP until Ctrl+C, then answers what has arrived and ends. */
export async function httpServer({ host, port, unix, ...times }: HttpServerOptions): Promise<void> {
  await run(async () => {
    const loop = getRunningLoop();
    const options: HttpOptions = { handler: route, mostBody: 64 * 1024 * 1024, ...times };
    const connections = new Set<HttpProtocol>();
    const factory = (): HttpProtocol => new HttpProtocol(loop, options, connections);
    const serving = { backlog: 1024 };
    const server =
      unix === undefined
        ? await loop.createServer(factory, host, port, serving)
        : await loop.createUnixServer(factory, unix, serving);
    for (const socket of server.sockets) console.log(`Serving on ${nameOf(socket.getsockname())}, Ctrl+C ends it`);
    const signal = await interrupted(loop);
    await stop(server, connections);
    console.log(`${signal}: closed`);
  });
}

async function stop(server: Server, connections: ReadonlySet<HttpProtocol>): Promise<void> {
  server.close();
  for (const connection of [...connections]) connection.stop();
  try {
    await waitFor(server.waitClosed(), GRACE);
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    server.abortClients();
  }
}

function nameOf(address: unknown): string {
  if (!Array.isArray(address)) return `unix:${String(address)}`;
  const [host, port] = address as [string, number];
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}/`;
}
