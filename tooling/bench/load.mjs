import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child } from './children.mjs';
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

/** What `connections.c` finds out. */
export const connectionMetrics = {
  rate: { ...echoMetrics.rate, title: 'connections/s' },
  p50: echoMetrics.p50,
  p99: echoMetrics.p99,
  cpu: { ...echoMetrics.cpu, title: 'server CPU per connection' },
};

/** What {@link idleOf} finds out. */
export const idleMetrics = {
  bytes: { title: 'memory per connection (RSS)', show: (n) => `${(n / 1000).toFixed(2)} kB` },
};

/** What a program that moves bytes finds out. */
export const streamMetrics = {
  rate: { title: 'MB/s', more: true, show: (n) => n.toFixed(0) },
  cpu: { title: 'server CPU per GB', show: (n) => `${(n * 1000).toFixed(0)} ms` },
};

/**
 * How a scenario measures an echo server.
 *
 * @param {import('./suite.mjs').Tools} tools
 * @param {{ size: number, connections: number, depth?: number, pause?: number, cores?: number, tls?: boolean }} load - Bytes of a message; how
 *   many are on their way for each connection (default 1); microseconds between them (default 0); processors for server and client (default
 *   2); whether over TLS.
 * @param {(peer: import('./peers.mjs').Peer) => string[] | null} commandOf - The server of a peer.
 */
export function loadOf({ binaries, pin }, load, commandOf) {
  const { size, connections, depth = 1, pause = 0, cores = 2, tls = false } = load;
  // Without a compiler there is a client in Python. It is slower than most servers, but the same for all.
  const client = binaries.has('load')
    ? [binaries.get(tls ? 'load-tls' : 'load')]
    : ['python3', fileURLToPath(new URL('load.py', import.meta.url))];
  return perMessage(pin, commandOf, (address, warmUp, seconds) =>
    pin(cores - 1, [...client, ...[address, connections, size, depth, pause, warmUp, seconds].map(String)]),
  );
}

/**
 * How a scenario measures how fast a server takes connections that live for one byte.
 *
 * @param {{ atOnce: number, tls?: boolean }} load
 */
export function connectionsOf({ binaries, pin }, { atOnce, tls = false }, commandOf) {
  const client = binaries.get(tls ? 'connections-tls' : 'connections');
  return perMessage(pin, commandOf, (address, warmUp, seconds) =>
    pin(1, [client, ...[address, atOnce, warmUp, seconds].map(String)]),
  );
}

/** A client that counts messages. */
function perMessage(pin, commandOf, clientOf) {
  return async (peer, scale) => {
    const command = commandOf(peer);
    if (command === null) return null;
    const seconds = SECONDS * scale;
    const warmUp = Math.max(WARM_UP_S * scale, 0.2);
    const result = await measureServer(
      { command: pin(0, command), env: peer.env },
      (address) => clientOf(address, warmUp, seconds),
      seconds + warmUp,
    );
    if (result === null) return null;
    const { cpu, messages, ...sample } = result;
    return { ...sample, cpu: (cpu / messages) * 1e6 };
  };
}

/**
 * How a scenario measures a server by a client that tells `rate` and `bytes`.
 *
 * @param {(address: string | number, scale: number) => string[]} clientOf
 */
export function bytesOf({ pin }, commandOf, clientOf) {
  return async (peer, scale) => {
    const command = commandOf(peer);
    if (command === null) return null;
    const client = (address) => pin(1, clientOf(address, scale));
    const result = await measureServer({ command: pin(0, command), env: peer.env }, client, 20);
    return result === null ? null : { rate: result.rate, cpu: (result.cpu / result.bytes) * 1e9 };
  };
}

/**
 * How a scenario measures what an idle connection takes of a server: of its resident memory, before and after, each time after a collection.
 *
 * @param {{ connections: number, tls?: boolean }} load - A few are opened and closed before, so that what is needed once is there.
 */
export function idleOf({ binaries, pin }, { connections, tls = false }, commandOf) {
  const program = binaries.get(tls ? 'hold-tls' : 'hold');
  return async (peer) => {
    const command = commandOf(peer);
    if (command === null) return null;
    const server = new Child(pin(0, command), peer.env);
    try {
      const told = await server.json(START_S);
      if (told === null) return null;
      const hold = (count) => new Child(pin(1, [program, String(told.port), String(count)]));
      const first = hold(WARM_UP_CONNECTIONS);
      await first.line(HOLD_S);
      await first.end();
      const before = await residentMemory(server);
      const client = hold(connections);
      try {
        await client.line(HOLD_S);
        return { bytes: ((await residentMemory(server)) - before) / connections };
      } finally {
        await client.end();
      }
    } finally {
      await server.end();
    }
  };
}

const START_S = 20;
const HOLD_S = 60;
const WARM_UP_CONNECTIONS = 50;

/** Bytes, after a collection. Linux. */
async function residentMemory(server) {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    server.send('collect');
    await server.json(START_S);
  }
  const status = readFileSync(`/proc/${server.child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)[1]) * 1024;
}
