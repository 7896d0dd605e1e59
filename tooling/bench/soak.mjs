// Short connections against our server in another process, then many idle ones:
//   npm run soak                                    # 1,000,000 short connections, 10,000 idle ones
//   npm run soak -- --connections 200000 --idle 0
// Memory and descriptors of the server are looked at 20 times, while no connection is open. Exit code 1: they were not flat, or something was lost.
// Linux, with a C compiler. Memory is flat if the last quarter holds at most 5 % or 4 MB more than the second, descriptors if the number never changes.
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Child } from './children.mjs';
import { compile, descriptorLimit, pinning } from './tools.mjs';

const { values: options } = parseArgs({
  options: {
    connections: { type: 'string', default: '1000000' },
    'at-once': { type: 'string', default: '100' },
    idle: { type: 'string', default: '10000' },
  },
});
const PARTS = 20;
const PATIENCE_S = 600;
const connections = Number(options.connections);
const idle = Number(options.idle);
const binaries = compile(['soak', 'load']);
if (process.platform !== 'linux' || binaries.size === 0) {
  console.error('the soak needs Linux and a C compiler');
  process.exit(2);
}
if (idle + 64 > descriptorLimit()) {
  console.error(`--idle ${idle} needs more descriptors than ulimit -n allows: ${descriptorLimit()}`);
  process.exit(2);
}

// Server and client of the idle connections take turns on one processor: a message between two costs more than what is measured.
const pin = pinning();
const MB = 1e6;
const failures = [];
if (connections > 0) await withServer(shortConnections, (command) => command);
if (idle > 0) await withServer(idleConnections, (command) => pin(0, command));
for (const failure of failures) console.log(`NOT FLAT: ${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;

async function withServer(work, placed) {
  const program = fileURLToPath(new URL('soak-server.mjs', import.meta.url));
  const server = new Child(placed([process.execPath, '--expose-gc', program]));
  try {
    const { port } = await server.json(20);
    await work(port, server);
  } finally {
    await server.end();
  }
}

/** What the server holds, once it has seen the end of all connections but `open`. */
async function look(server, open) {
  for (let tries = 100; ; tries--) {
    server.send('look');
    const state = await server.json(20);
    if (state.open === open || tries === 0) return state;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function shortConnections(port, server) {
  const args = [port, connections, options['at-once'], PARTS].map(String);
  const client = new Child([binaries.get('soak'), ...args]);
  const states = [];
  let seconds = 0;
  try {
    console.log('| connections | per second | RSS MB | heap MB | external MB | descriptors |');
    console.log('| --- | --- | --- | --- | --- | --- |');
    for (let part = 1; part <= PARTS; part++) {
      const told = await client.json(PATIENCE_S);
      const state = await look(server, 0);
      states.push(state);
      seconds += told.seconds;
      const rate = Math.round(connections / PARTS / told.seconds);
      const memory = [state.rss, state.heapUsed, state.external].map((bytes) => (bytes / MB).toFixed(1));
      console.log(`| ${[told.done, rate, ...memory, state.fds].join(' | ')} |`);
      client.send('go');
    }
  } finally {
    await client.end();
  }
  const last = states.at(-1);
  const perConnection = ((last.cpu / connections) * 1e6).toFixed(1);
  console.log(
    `\n${connections} connections in ${seconds.toFixed(1)} s, ${perConnection} us of server CPU for each (garbage collections at the looks included)`,
  );
  if (last.open !== 0) failures.push(`${last.open} connections are still open`);
  if (last.lost !== connections) failures.push(`the server saw ${last.lost} connections of ${connections}`);
  for (const key of ['rss', 'heapUsed', 'external']) flat(key, states);
  const counts = new Set(states.map(({ fds }) => fds));
  if (counts.size > 1) failures.push(`descriptors: ${[...counts].join(', ')}`);
}

/** The first quarter is for warming up. */
function flat(key, states) {
  const most = (from) => Math.max(...states.slice(from, from + PARTS / 4).map((state) => state[key]));
  const before = most(PARTS / 4);
  const after = most((PARTS / 4) * 3);
  const grown = after - before;
  const is = grown <= Math.max(before * 0.05, 4 * MB);
  console.log(`${key}: ${(before / MB).toFixed(1)} MB, then ${(after / MB).toFixed(1)} MB: ${is ? 'flat' : 'grows'}`);
  if (!is) failures.push(`${key} has grown by ${(grown / MB).toFixed(1)} MB`);
}

async function idleConnections(port, server) {
  const alone = await pingPong(port, server);
  const before = await look(server, 0);
  const client = new Child([binaries.get('soak'), String(port), String(idle)]);
  let during;
  let among;
  try {
    await client.json(PATIENCE_S);
    during = await look(server, idle);
    among = await pingPong(port, server);
  } finally {
    await client.end();
  }
  const after = await look(server, 0);
  const each = (key) => Math.round((during[key] - before[key]) / idle);
  console.log(`\n${during.open} idle connections; each takes of the server, in bytes:`);
  console.log(`RSS ${each('rss')}, JavaScript heap ${each('heapUsed')}, external ${each('external')}`);
  const show = ({ rate, p50, cpu }) =>
    `${Math.round(rate)} messages/s, p50 ${p50} us, ${cpu.toFixed(2)} us of server CPU`;
  console.log(`one busy connection alone:      ${show(alone)}`);
  console.log(`one busy connection among them: ${show(among)}`);
  console.log(`afterwards: RSS ${(after.rss / MB).toFixed(1)} MB (${(before.rss / MB).toFixed(1)} MB before)`);
  if (during.open !== idle) failures.push(`${during.open} of ${idle} idle connections were accepted`);
  if (after.open !== 0) failures.push(`${after.open} idle connections were never lost`);
  if (after.fds !== before.fds) failures.push(`descriptors: ${before.fds} before, ${after.fds} after`);
}

/** 64 bytes to and fro on one connection for two seconds. */
async function pingPong(port, server) {
  const load = new Child(pin(0, [binaries.get('load'), ...[port, 1, 64, 1, 0, 1, 2].map(String)]));
  try {
    await load.line(20);
    server.send('look');
    const before = await server.json(20);
    load.send('go');
    const result = await load.json(20);
    server.send('look');
    const { cpu } = await server.json(20);
    return { ...result, cpu: ((cpu - before.cpu) / result.messages) * 1e6 };
  } finally {
    await load.end();
  }
}
