import { getRunningLoop, run } from 'tsyncio';
import { interrupted } from '../support/interrupted.js';
import { EchoProtocol } from './echo-protocol.js';

/** Serves until Ctrl+C. */
export async function echoServer(host: string, port: number): Promise<void> {
  await run(async () => {
    const loop = getRunningLoop();
    const server = await loop.createServer(() => new EchoProtocol(), host, port);
    for (const socket of server.sockets) {
      const [address, boundPort] = socket.getsockname() as [string, number];
      console.log(`Serving on ${address} port ${boundPort}, Ctrl+C ends it`);
    }
    // Does not wait for the clients to leave: the end of the run closes their connections.
    console.log(`${await interrupted(loop)}: closed`);
    server.close();
  });
}
