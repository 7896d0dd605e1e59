import { fileURLToPath } from 'node:url';
import { measureServer } from './serving.mjs';
import { micros, rate } from './suite-report.mjs';

/** What the client of the echo benchmarks finds out. */
export const echoMetrics = {
  rate: { title: 'messages/s', more: true, show: rate },
  p50: { title: 'p50', show: micros },
  p99: { title: 'p99', show: micros },
  cpu: { title: 'server CPU per message', show: micros },
};

const WARM_UP_S = 1;
const SECONDS = 2;

/**
 * How a scenario measures an echo server.
 *
 * @param {import('./suite.mjs').Tools} tools
 * @param {{ size: number, connections: number, depth?: number, pause?: number, cores?: number }} load - Bytes of a message; how many are on
 *   their way for each connection (default 1); microseconds between them (default 0); processors for server and client (default 2).
 * @param {(peer: import('./peers.mjs').Peer) => string[] | null} commandOf - The server of a peer.
 */
export function loadOf({ binaries, pin }, { size, connections, depth = 1, pause = 0, cores = 2 }, commandOf) {
  // Without a compiler there is a client in Python. It is slower than most servers, but the same for all.
  const client = binaries.has('load')
    ? [binaries.get('load')]
    : ['python3', fileURLToPath(new URL('load.py', import.meta.url))];
  return async (peer, scale) => {
    const command = commandOf(peer);
    if (command === null) return null;
    const seconds = SECONDS * scale;
    const warmUp = Math.max(WARM_UP_S * scale, 0.2);
    const result = await measureServer(
      { command: pin(0, command), env: peer.env },
      (port) => pin(cores - 1, [...client, ...[port, connections, size, depth, pause, warmUp, seconds].map(String)]),
      seconds + warmUp,
    );
    if (result === null) return null;
    const { cpu, messages, ...sample } = result;
    return { ...sample, cpu: (cpu / messages) * 1e6 };
  };
}
