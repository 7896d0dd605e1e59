// Watching descriptors, asyncio's raw socket operations, and sendfile.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Child } from '../children.mjs';
import { echoMetrics, loadOf } from '../load.mjs';
import { measureServer } from '../serving.mjs';
import { micros, rate } from '../suite-report.mjs';
import { descriptorLimit, temporaryFolder } from '../tools.mjs';

export const title = 'Descriptors';

export const notes = `\`addReader\` within one process: descriptors that are always ready, and a byte that goes to and fro in pairs of sockets, where the
latency is that from the send to the callback. Between two processes: an echo on \`addReader\`, with pauses in which the server sleeps. The
echo of \`sockRecv\` and \`sockSendall\` is that of one task for each connection (Node: its own sockets; C: epoll); tsyncio's second line is the same in
generators. \`sendfile\`: a file in the page cache to one reader (Node: \`createReadStream().pipe(socket)\`). An iteration: one descriptor is ready,
the others are watched for nothing. A peer without a line has nothing to compare.`;

export const programs = ['echo-server', 'load', 'sendfile-server', 'reader'];

const SECONDS = 1;
const callbacks = { title: 'callbacks/s', more: true, show: rate };
const cpu = { title: 'CPU each', show: micros };
const { p50, p99 } = echoMetrics;

/** @param {import('../suite.mjs').Tools} tools */
export function scenarios(tools) {
  return [...watching(tools), ...wakeUps(tools), ...sockEchoes(tools), ...sendfile(tools), ...iterations(tools)];
}

/** Peers with a loop to watch descriptors in. */
const hasLoop = ({ key }) => ['tsyncio', 'uvloop', 'cpython'].includes(key);

/** One process that prints what it found; null if it has nothing to compare. */
async function measured(tools, peer, seconds, ...args) {
  if (!hasLoop(peer)) return null;
  const child = new Child(
    tools.pin(0, [...peer.program('descriptors'), ...args.map(String), String(seconds)]),
    peer.env,
  );
  try {
    return await child.json(30 + seconds);
  } finally {
    await child.end();
  }
}

function watching(tools) {
  const list = [];
  for (const n of [1, 50]) {
    const some = n === 1 ? '1 descriptor' : `${n} descriptors`;
    list.push({
      name: `ready-${n}`,
      title: `addReader, ${some} always ready`,
      metrics: { rate: callbacks, cpu },
      measure: (peer, scale) => measured(tools, peer, SECONDS * scale, 'ready', n),
    });
  }
  for (const n of [1, 50]) {
    list.push({
      name: `ping-pong-${n}`,
      title: `addReader, a byte to and fro in ${n === 1 ? '1 pair' : `${n} pairs`} of sockets`,
      metrics: { rate: callbacks, p50, p99, cpu },
      measure: (peer, scale) => measured(tools, peer, SECONDS * scale, 'ping-pong', n),
    });
  }
  return list;
}

function wakeUps(tools) {
  const server = (peer) => {
    if (peer.key === 'c') return [tools.binaries.get('echo-server')];
    return hasLoop(peer) ? [...peer.program('descriptors'), 'readers'] : null;
  };
  return [
    {
      name: 'wake-up',
      title: 'addReader, echo of a byte after 200 us of sleep, client and server on one core',
      metrics: { p50, p99, cpu: echoMetrics.cpu },
      measure: loadOf(tools, { size: 1, connections: 1, pause: 200, cores: 1 }, server),
    },
  ];
}

function sockEchoes(tools) {
  const server = (peer) => {
    if (peer.key === 'c') return [tools.binaries.get('echo-server')];
    return [...peer.program('descriptors'), 'sock', peer.variant ?? 'async'];
  };
  const loads = [
    { name: '64x1', what: '64 B x 1 connection, client and server on one core', size: 64, connections: 1, cores: 1 },
    { name: '64x50', what: '64 B x 50 connections', size: 64, connections: 50 },
    { name: '65536x10', what: '64 KiB x 10 connections', size: 65536, connections: 10 },
  ];
  return loads.map(({ name, what, ...load }) => ({
    name: `sock-${name}`,
    title: `sockRecv and sockSendall, echo, ${what}`,
    metrics: echoMetrics,
    variants: [{ key: 'tsyncio', title: 'tsyncio, generators', variant: 'generator' }],
    measure: loadOf(tools, load, server),
  }));
}

const FILE_SIZE = 256 * 1024 * 1024;

function sendfile(tools) {
  // The reader exists in C only: one in Python would be the limit.
  if (!tools.binaries.has('reader')) return [];
  let file = null;
  const server = (peer) => {
    if (peer.key === 'c') return [tools.binaries.get('sendfile-server'), file];
    return [...peer.program('descriptors'), 'sendfile', file];
  };
  const measure = async (peer, scale) => {
    file ??= fileOf(FILE_SIZE);
    const times = Math.max(1, Math.round(6 * scale));
    const client = (port) => tools.pin(1, [tools.binaries.get('reader'), ...[port, FILE_SIZE, times].map(String)]);
    const sample = await measureServer({ command: tools.pin(0, server(peer)), env: peer.env }, client, 20);
    return sample === null ? null : { rate: sample.rate, cpu: (sample.cpu / sample.bytes) * 1e9 };
  };
  const metrics = {
    rate: { title: 'MB/s', more: true, show: (n) => n.toFixed(0) },
    cpu: { title: 'server CPU per GB', show: (n) => `${(n * 1000).toFixed(0)} ms` },
  };
  const targets = [{ metric: 'rate', peer: 'c', ratio: 1 }];
  return [{ name: 'sendfile', title: 'sockSendfile, 256 MiB over TCP', metrics, targets, measure }];
}

function fileOf(size) {
  const file = path.join(temporaryFolder(), 'data');
  writeFileSync(file, Buffer.alloc(size, 'tsyncio'));
  return file;
}

function iterations(tools) {
  const limit = descriptorLimit() - 64;
  const sizes = { epoll: [10, 1000, 10_000], poll: [10, 1000, 10_000], select: [10, 900] };
  return Object.entries(sizes).flatMap(([selector, counts]) =>
    counts
      .filter((n) => n <= limit)
      .map((n) => ({
        name: `iteration-${selector}-${n}`,
        title: `one iteration, ${selector}, ${n.toLocaleString('en')} descriptors`,
        metrics: { cost: { title: 'time', show: micros }, cpu },
        measure: (peer, scale) => measured(tools, peer, SECONDS * scale, 'scaling', selector, n),
      })),
  );
}
