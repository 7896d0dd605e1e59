// What the streams do: a server in one process, by the client program of the other echo servers.
import { echoMetrics, loadOf } from '../load.mjs';
import { serversOf } from '../echo/suite.mjs';

export const title = 'Streams';

export const notes = `An echo over the loopback interface by a reader and a writer: \`read\`, \`write\`, \`drain\` in a task for each connection, by \`startServer\` and
asyncio's \`start_server\`. tsyncio's second line is the same with a generator function in place of the async one. Node's is \`for await\` over its sockets with
\`once(socket, 'drain')\`; C is the plain echo server, the limit. The CPU is that of the server (user and system, all its threads).`;

export const programs = ['echo-server', 'load'];

const than = (peer, ratio) => ({ metric: 'rate', peer, ratio });

const variants = [{ key: 'tsyncio', title: 'tsyncio, generators', generators: true }];

const echoes = [
  { name: 'streams-64x50', title: '64 B x 50 connections', load: { size: 64, connections: 50 } },
  { name: 'streams-65536x10', title: '64 KiB x 10 connections', load: { size: 65536, connections: 10 } },
];

/** @param {import('../suite.mjs').Tools} tools */
export function scenarios(tools) {
  const inC = serversOf(tools)('tcp');
  return echoes.map(({ name, title: what, load }) => ({
    name,
    title: what,
    metrics: echoMetrics,
    targets: [than('uvloop', 1)],
    variants,
    measure: loadOf(tools, load, (peer) =>
      peer.key === 'c' ? inC(peer) : [...peer.program('streams'), peer.generators === true ? 'generators' : 'async'],
    ),
  }));
}
