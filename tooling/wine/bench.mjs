// Echo servers of Node for Windows under Wine, by the client of the other benchmarks, which runs outside of Wine:
//   node tooling/wine/bench.mjs [rounds] [seconds]
// Writes tooling/bench/results/windows.md. The packages must be built. Figures under Wine are those of wineserver: only ratios within one run mean something.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Child } from '../bench/children.mjs';
import { compile, pinning, temporaryFolder } from '../bench/tools.mjs';
import { environment, node, root, setUp, shutDown, windows } from './setup.mjs';

const [rounds = 3, seconds = 2] = process.argv.slice(2).map(Number);
const scenarios = [
  { title: 'TCP, 64 B x 1 connection', kind: 'tcp', size: 64, connections: 1, goal: 1 },
  { title: 'TCP, 64 B x 10', kind: 'tcp', size: 64, connections: 10, goal: 1.2 },
  { title: 'TCP, 64 B x 100', kind: 'tcp', size: 64, connections: 100, goal: 1.2 },
  { title: 'TCP, 64 KiB x 10', kind: 'tcp', size: 65536, connections: 10 },
  { title: 'UDP, 64 B x 1', kind: 'udp', size: 64, connections: 1, goal: 1 },
  { title: 'UDP, 64 B x 10', kind: 'udp', size: 64, connections: 10, goal: 1.2 },
  { title: 'UDP, 64 B x 100', kind: 'udp', size: 64, connections: 100, goal: 1.2 },
];
const peers = [
  ['tsyncio', 'IocpProactor'],
  ['selector', 'SelectSelector'],
  ['node', 'Node'],
];

const impossible = setUp();
if (impossible !== null) {
  console.error(impossible);
  process.exit(1);
}
const load = compile(['load']).get('load');
if (load === undefined) {
  console.error('the client needs a C compiler');
  process.exit(1);
}
const folder = temporaryFolder();
const pin = pinning();
const samples = scenarios.map(() => new Map(peers.map(([key]) => [key, []])));
for (let round = 0; round < rounds; round++) {
  for (const [i, scenario] of scenarios.entries()) {
    for (const [key] of peers) {
      console.error(`round ${round + 1} of ${rounds}: ${scenario.title}, ${key}`);
      samples[i].get(key).push(await measure(key, scenario));
    }
  }
}
shutDown();
writeFileSync(new URL('../bench/results/windows.md', import.meta.url), report());
console.log(report());

async function measure(who, { kind, size, connections }) {
  const file = path.join(folder, 'port');
  rmSync(file, { force: true });
  const log = openSync(path.join(folder, 'server.log'), 'w');
  const script = windows(fileURLToPath(new URL('bench-server.cjs', import.meta.url)));
  const [command, ...rest] = pin(0, ['wine', node, script, who, kind, windows(file)]);
  const cwd = path.join(root, 'packages', 'tsyncio');
  const server = spawn(command, rest, {
    cwd,
    env: { ...environment, NODE_PATH: `${windows(path.join(root, 'packages'))};${environment.NODE_PATH}` },
    stdio: ['ignore', log, log],
  });
  try {
    for (let waited = 0; !existsSync(file); waited += 50) {
      if (waited > 20_000) throw new Error(`no server: ${readFileSync(path.join(folder, 'server.log'), 'utf8')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const port = readFileSync(file, 'utf8');
    const address = kind === 'udp' ? `udp:${port}` : port;
    const client = new Child(pin(1, [load, ...[address, connections, size, 1, 0, 0.5, seconds].map(String)]));
    try {
      await client.line(20);
      client.send('go');
      return (await client.json(20 + seconds)).rate;
    } finally {
      await client.end();
    }
  } finally {
    server.kill('SIGKILL');
    closeSync(log);
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

function report() {
  const rows = scenarios.map(({ title, goal }, i) => {
    const rate = Object.fromEntries(peers.map(([key]) => [key, median(samples[i].get(key))]));
    const ratio = rate.tsyncio / rate.node;
    const judged = goal === undefined ? '' : ratio >= goal ? ` (goal ${goal})` : ` (goal ${goal}: missed)`;
    const cells = peers.map(([key]) => Math.round(rate[key]).toLocaleString('en-US'));
    return `| ${title} | ${cells.join(' | ')} | ${ratio.toFixed(2)}${judged} |`;
  });
  return `# Windows, under Wine

Messages a second, median of ${rounds} rounds of ${seconds} s; servers by Node for Windows under Wine on one processor (with wineserver), the client outside of Wine on
another. Load of the machine when it ended: ${os.loadavg()[0].toFixed(1)}. No real Windows was measured: only ratios within this run mean something.

| | ${peers.map(([, title]) => title).join(' | ')} | IocpProactor / Node |
| --- | ${peers.map(() => '---').join(' | ')} | --- |
${rows.join('\n')}
`;
}
