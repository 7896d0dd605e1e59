// The echo of the transports over sizes and numbers of connections.
import * as echo from '../echo/suite.mjs';
import { echoMetrics, loadOf } from '../load.mjs';
import { descriptorLimit } from '../tools.mjs';

export const title = 'Echo of the transports, by size and number of connections';

export const notes = `As [echo](echo.md), TCP: messages of three sizes over 1 to 1,000 connections, one message on its way for each connection, or 16. Of 100 KiB only one:
16 would measure the socket buffers. With one connection, client and server are on one core.`;

export const programs = ['echo-server', 'load'];

const SIZES = [
  { size: 64, name: '64 B', depths: [1, 16] },
  { size: 1024, name: '1 KiB', depths: [1, 16] },
  { size: 100 * 1024, name: '100 KiB', depths: [1] },
];
const CONNECTIONS = [1, 10, 100, 1000];

/** @param {import('../suite.mjs').Tools} tools */
export function scenarios(tools) {
  const most = descriptorLimit() - 64;
  const command = echo.serversOf(tools)('tcp');
  return SIZES.flatMap(({ size, name, depths }) =>
    depths.flatMap((depth) =>
      CONNECTIONS.filter((connections) => connections <= most).map((connections) => ({
        name: `${size}x${connections}${depth === 1 ? '' : '-pipelined'}`,
        title: `${name} x ${connections}${depth === 1 ? '' : `, ${depth} deep`}`,
        metrics: echoMetrics,
        measure: loadOf(tools, { size, connections, depth, cores: connections === 1 ? 1 : 2 }, command),
      })),
    ),
  );
}
