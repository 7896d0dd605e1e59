// What the transports do: of a server in one process, by the same client program for all.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  bytesOf,
  connectionMetrics,
  connectionsOf,
  echoMetrics,
  idleMetrics,
  idleOf,
  loadOf,
  streamMetrics,
} from '../load.mjs';
import { certificateFiles, descriptorLimit, temporaryFolder } from '../tools.mjs';

export const title = 'Echo of the transports';

export const notes = `Over the loopback interface: \`createServer\` and its kin with a protocol that writes back what it receives, Node's \`net\`, \`tls\` and \`dgram\`, and
the limits, small servers in C on epoll and, where liburing is installed, on io_uring. Server and client each have a processor of their own
where that is possible; the processor time of the server (user and system, all its threads) is taken around the counted seconds: it hardly
moves with what else the machine does, the other figures do. New connections send one byte, get it back and close. Memory is that which
the server's process grows by (RSS), after a collection. A pipe has a writer in C: "small" is 4 KiB, "big" 256 KiB a piece. A peer without a
line has nothing to compare.`;

const STREAM_PROGRAMS = ['echo-server', 'load', 'connections', 'hold'];
export const programs = [
  ...STREAM_PROGRAMS,
  ...STREAM_PROGRAMS.map((name) => `${name}-tls`),
  ...['uring-server', 'udp-server', 'feeder', 'pipe-reader', 'sendfile-server', 'reader'],
];

/** So much better than a peer; the line with the key `own`, if it is not tsyncio's first. */
const than = (peer, ratio, own) => ({ metric: 'rate', peer, ratio, own });
const onIoUring = (peer, ratio) => than(peer, ratio, 'proactor');

/**
 * `cores: 1` puts server and client on one processor: with one connection they take turns anyway, and a message from one processor to the other
 * costs more than everything that is measured here.
 */
const echoes = [
  {
    name: '64x1',
    title: '64 B x 1 connection, client and server on one core',
    load: { size: 64, connections: 1, cores: 1 },
  },
  {
    name: '64x50',
    title: '64 B x 50 connections',
    load: { size: 64, connections: 50 },
    targets: [than('uvloop', 1), onIoUring('c', 1)],
  },
  {
    name: '64x50-pipelined',
    title: '64 B x 50 connections, 16 deep',
    load: { size: 64, connections: 50, depth: 16 },
    targets: [than('uvloop', 1), onIoUring('c', 1)],
  },
  {
    name: '1024x500',
    title: '1 KiB x 500 connections',
    load: { size: 1024, connections: 500 },
    targets: [than('uvloop', 1.1), onIoUring('c', 1)],
  },
  {
    name: '65536x10',
    title: '64 KiB x 10 connections',
    load: { size: 65536, connections: 10 },
    targets: [than('node', 1.3), onIoUring('c', 1)],
  },
  {
    name: '1048576x4',
    title: '1 MiB x 4 connections',
    load: { size: 1024 * 1024, connections: 4 },
    targets: [than('cpython', 1), onIoUring('c', 1)],
  },
  {
    name: 'buffered-64x50',
    title: 'BufferedProtocol, 64 B x 50 connections',
    server: 'buffered',
    load: { size: 64, connections: 50 },
    targets: [than('node', 1.2)],
  },
  {
    name: 'buffered-65536x10',
    title: 'BufferedProtocol, 64 KiB x 10 connections',
    server: 'buffered',
    load: { size: 65536, connections: 10 },
    targets: [than('cpython', 1)],
  },
  {
    name: 'unix-64x50',
    title: 'Unix, 64 B x 50 connections',
    server: 'unix',
    load: { size: 64, connections: 50 },
    targets: [than('uvloop', 1.1), onIoUring('c', 0.9)],
  },
  {
    name: 'udp-64x50',
    title: 'UDP, 64 B x 50 clients',
    server: 'udp',
    load: { size: 64, connections: 50 },
    targets: [than('uvloop', 1.3), onIoUring('c', 0.9)],
  },
  {
    name: 'tls-64x50',
    title: 'TLS, 64 B x 50 connections',
    server: 'tls',
    load: { size: 64, connections: 50, tls: true },
    targets: [than('uvloop', 1.15), than('node', 1.25)],
  },
  {
    name: 'tls-65536x10',
    title: 'TLS, 64 KiB x 10 connections',
    server: 'tls',
    load: { size: 65536, connections: 10, tls: true },
    targets: [than('uvloop', 1.15), than('node', 1.25)],
  },
];

const taken = [
  { name: 'new-tcp', title: 'New TCP connections', load: { atOnce: 50 }, targets: [than('node', 1.2)] },
  {
    name: 'new-unix',
    title: 'New Unix connections',
    server: 'unix',
    load: { atOnce: 50 },
    targets: [than('node', 1.5)],
  },
  {
    name: 'new-tls',
    title: 'TLS handshakes, 1.3, P-256, none resumed',
    server: 'tls',
    load: { atOnce: 20, tls: true },
    targets: [than('c', 0.95)],
  },
];

const kept = [
  { name: 'idle-tcp', title: 'Idle TCP connections', load: { connections: 10_000 } },
  { name: 'idle-tls', title: 'Idle TLS connections', server: 'tls', load: { connections: 2000, tls: true } },
];

/** @param {import('../suite.mjs').Tools} tools */
export function scenarios(tools) {
  const { binaries } = tools;
  const server = serversOf(tools);
  // What else a process has open.
  const most = descriptorLimit() - 64;
  const possible = ({ load, server: kind }) =>
    (load.connections ?? 0) <= most && (kind === undefined || binaries.size > 0) && (!load.tls || hasTls(binaries));
  const scenario = (metrics, measureOf, list) =>
    list.filter(possible).map(({ name, title: what, targets, server: kind = 'tcp', load }) => ({
      name,
      title: what,
      targets,
      metrics,
      measure: measureOf(tools, load, server(kind)),
    }));
  const all = scenario(echoMetrics, loadOf, echoes).map((echo) => ({ ...echo, variants: overUring(tools, echo.name) }));
  // The other clients exist in C only.
  if (binaries.size === 0) return all;
  return [
    ...all,
    ...scenario(connectionMetrics, connectionsOf, taken),
    ...scenario(idleMetrics, idleOf, kept),
    ...pipes(tools, server),
    sendfile(tools, server),
  ];
}

const hasTls = (binaries) => STREAM_PROGRAMS.every((name) => binaries.has(`${name}-tls`)) && certificate() !== null;

let files;
const certificate = () => (files === undefined ? (files = certificateFiles()) : files);

/** `server(kind, ...more)` is the function that gives the command of a peer's server. */
export function serversOf({ binaries }) {
  const argumentsOf = { tls: () => certificate(), unix: () => [freshPath()] };
  const inC = {
    tcp: () => [binaries.get('echo-server')],
    buffered: () => [binaries.get('echo-server')],
    unix: (socket) => [binaries.get('echo-server'), socket],
    udp: () => [binaries.get('udp-server')],
    tls: (...pair) => [binaries.get('echo-server-tls'), '0', ...pair],
    pipe: (fifo) => [binaries.get('pipe-reader'), fifo],
    sendfile: (file) => [binaries.get('sendfile-server'), file],
  };
  return (kind, more = argumentsOf[kind] ?? (() => [])) =>
    (peer) => {
      const args = more();
      if (peer.command !== undefined) return peer.command(...args);
      return peer.key === 'c' ? inC[kind](...args) : [...peer.program('echo'), kind, ...args];
    };
}

/** The line of C over io_uring, for streams that are echoed as they are. */
function overUring({ binaries }, name) {
  const { server: kind = 'tcp', load } = echoes.find((echo) => echo.name === name);
  if (!binaries.has('uring-server') || !['tcp', 'buffered', 'unix'].includes(kind)) return [];
  // A buffer for each connection at least, and a message in one if that can be: what is quickest here.
  const count = 2 ** Math.ceil(Math.log2(Math.max(load.connections, 64)));
  const size = Math.min(Math.max(load.size, 16 * 1024), 64 * 1024);
  const command = (...args) => [binaries.get('uring-server'), String(count), String(size), ...args];
  return [{ key: 'c', title: 'C, io_uring', command }];
}

let folder;
let paths = 0;
const freshPath = () => path.join((folder ??= temporaryFolder()), String(paths++));

function pipes(tools, server) {
  const SECONDS = 1;
  return [
    { name: 'pipe-small', what: 'Pipe, read, small pieces', size: 4096 },
    { name: 'pipe-big', what: 'Pipe, read, big pieces', size: 256 * 1024 },
  ].map(({ name, what, size }) => {
    const fifo = () => {
      const made = freshPath();
      if (spawnSync('mkfifo', [made]).status !== 0) throw new Error(`mkfifo ${made}`);
      return [made];
    };
    const client = (address, scale) => [
      tools.binaries.get('feeder'),
      ...[address, size, 0.5 * scale, SECONDS * scale].map(String),
    ];
    return {
      name,
      title: what,
      metrics: streamMetrics,
      targets: [than('uvloop', 1)],
      measure: bytesOf(tools, server('pipe', fifo), client),
    };
  });
}

const FILE_SIZE = 256 * 1024 * 1024;

function sendfile(tools, server) {
  let file = null;
  const data = () => {
    if (file === null) writeFileSync((file = freshPath()), Buffer.alloc(FILE_SIZE, 'x'));
    return [file];
  };
  const client = (address, scale) => {
    const times = Math.max(1, Math.round(6 * scale));
    return [tools.binaries.get('reader'), ...[address, FILE_SIZE, times].map(String)];
  };
  return {
    name: 'sendfile',
    title: 'sendfile of a transport, 256 MiB over TCP',
    metrics: streamMetrics,
    targets: [than('c', 1), onIoUring('c', 0.8)],
    measure: bytesOf(tools, server('sendfile', data), client),
  };
}
