// Measures tsyncio beside its peers in one run and prints the ratios:
//   npm run bench                                   # everything; the tables go to tooling/bench/results/micro.md as well
//   npm run bench -- --only switch,gather           # scenarios whose name contains one of these; nothing is stored
//   npm run bench -- --rounds 5 --scale 0.5         # more or fewer rounds, more or less work in each
//   npm run bench -- --node path/to/node            # another Node, for tsyncio and for Node's own column
// Peers that are not there are left out. BENCH_PYTHON and BENCH_UVLOOP name the Python for a column if the search finds another.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findPeers } from './peers.mjs';
import { pending, scenarios } from './micro/scenarios.mjs';
import { pendingTable, scenarioTable, store } from './report.mjs';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    node: { type: 'string', default: process.execPath },
    'no-build': { type: 'boolean', default: false },
  },
});
const rounds = Number(options.rounds);
const wanted = options.only.split(',').filter((word) => word !== '');
const chosen = ({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word));

if (!options['no-build']) build();
const peers = findPeers(options.node);
const facts = `Node ${peers[0].version}, ${peers
  .slice(2)
  .map((peer) => peer.title)
  .join(', ')}, ${availableParallelism()} cores, ${process.platform} ${process.arch}`;
console.log(`${facts}; ${rounds} rounds`);

const results = measureScenarios(scenarios.filter(chosen));
const tables = [];
if (results.length > 0) tables.push(scenarioTable(results, peers));
if (chosen(pending)) tables.push(pendingTable(pending, measurePending(), peers));
const text = tables.join('\n\n');
console.log(`\n${text}`);
if (wanted.length === 0 && Number(options.scale) === 1) {
  console.log(`\nstored in ${store(peers[0].version, facts, rounds, text)}`);
}

/** What is measured is what ships: the output of the packages' own build. */
function build() {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const bin = path.join(root, 'node_modules', '.bin');
  if (!existsSync(bin)) {
    console.error('npm start or npm test once first: they install what the build needs');
    process.exit(1);
  }
  const { status, stdout, stderr } = spawnSync(
    'turbo',
    ['run', 'build:js', '--filter=@tsyncio/bench^...', '--output-logs=errors-only'],
    {
      cwd: root,
      env: { ...process.env, PATH: bin + path.delimiter + process.env.PATH, TURBO_TELEMETRY_DISABLED: '1' },
      shell: process.platform === 'win32',
      encoding: 'utf8',
    },
  );
  if (status === 0) return;
  process.stderr.write(`${stdout}${stderr}`);
  process.exit(1);
}

/** One process for each program of each peer in each round; peers take turns at being first. */
function measureScenarios(list) {
  const all = list.map((scenario) => ({ scenario, samples: peers.map(() => []) }));
  for (let round = 0; round < rounds; round++) {
    for (const { scenario, samples } of all) {
      for (let k = 0; k < peers.length; k++) {
        const i = (k + round) % peers.length;
        // Without a program of its own in the first round a peer has none in the others.
        if (round > 0 && samples[i].length === 0) continue;
        const sample = peers[i].run(scenario.name, options.scale);
        if (sample !== null) samples[i].push(sample);
      }
      progress(`round ${round + 1} of ${rounds}: ${scenario.name}`);
    }
  }
  progress('');
  return all;
}

/** Costs by size and peer. */
function measurePending() {
  return pending.sizes.map((size) => {
    progress(`${size} pending timers`);
    return { size, costs: peers.map((peer) => peer.run(pending.name, String(size))) };
  });
}

function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
