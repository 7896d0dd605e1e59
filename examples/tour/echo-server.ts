import { getRunningLoop, run } from 'tsyncio';
import { EchoProtocol } from './echo-protocol.js';

/** Serves until Ctrl+C. */
export async function echoServer(host: string, port: number): Promise<void> {
  await run(async () => {
    const loop = getRunningLoop();
    const server = await loop.createServer(() => new EchoProtocol(), host, port);
    const stop = (): void => server.close();
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    for (const socket of server.sockets) console.log(`Serving on ${String(socket.getsockname())}, Ctrl+C ends it`);
    await server.waitClosed();
    console.log('Closed.');
  });
}
