// The echo of the transports: of a server in one process, by the same client program for all.
import { echoMetrics, loadOf } from '../load.mjs';
import { descriptorLimit } from '../tools.mjs';

const uvloop = (ratio) => ({ metric: 'rate', peer: 'uvloop', ratio });

/**
 * `cores: 1` puts server and client on one processor: with one connection they take turns anyway, and a message from one processor to the other
 * costs more than everything that is measured here.
 */
const loads = [
  { name: '64x1', title: '64 B x 1 connection, client and server on one core', size: 64, connections: 1, cores: 1 },
  { name: '64x50', title: '64 B x 50 connections', size: 64, connections: 50, targets: [uvloop(1)] },
  {
    name: '64x50-pipelined',
    title: '64 B x 50 connections, 16 deep',
    size: 64,
    connections: 50,
    depth: 16,
    targets: [uvloop(1)],
  },
  { name: '1024x500', title: '1 KiB x 500 connections', size: 1024, connections: 500, targets: [uvloop(1.1)] },
  {
    name: '65536x10',
    title: '64 KiB x 10 connections',
    size: 65536,
    connections: 10,
    targets: [{ metric: 'rate', peer: 'node', ratio: 1.3 }],
  },
];

export const title = 'Echo of the transports';

export const notes = `TCP over the loopback interface: \`createServer\` with a protocol that writes back what it receives, Node's \`net\`, and the limit, a
small server in C. Server and client each have a processor of their own where that is possible; the processor time of the server
(user and system, all its threads) is taken around the counted seconds.`;

export const programs = ['echo-server', 'load'];

/** @param {import('../suite.mjs').Tools} tools */
export function scenarios(tools) {
  // What else a process has open.
  const most = descriptorLimit() - 64;
  return loads
    .filter(({ connections }) => connections <= most)
    .map(({ name, title: what, targets, ...load }) => ({
      name,
      title: what,
      targets,
      metrics: echoMetrics,
      measure: loadOf(tools, load, (peer) =>
        peer.key === 'c' ? [tools.binaries.get('echo-server')] : peer.program('echo'),
      ),
    }));
}
