// Measures tsyncio beside its peers in one run and prints the ratios:
//   npm run bench                                   # everything; the tables go to tooling/bench/results as well
//   npm run bench -- --suite echo                   # one suite, or several with commas: those of `suites` below
//   npm run bench -- --only switch,gather           # scenarios whose name contains one of these; nothing is stored
//   npm run bench -- --rounds 5 --scale 0.5         # more or fewer rounds, more or less work in each; what is stored says so
//   npm run bench -- --quick                        # one short round, for trying; nothing is stored
//   npm run bench -- --node path/to/node            # another Node, for tsyncio and for Node's own column
//   npm run bench -- --no-build                     # measures what was built before
// Peers that are not there are left out. BENCH_PYTHON and BENCH_UVLOOP name the Python for a column if the search finds another, CC the compiler.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as descriptors from './descriptors/suite.mjs';
import * as echo from './echo/suite.mjs';
import * as executors from './executors/suite.mjs';
import * as matrix from './matrix/suite.mjs';
import * as micro from './micro/suite.mjs';
import { findPeers } from './peers.mjs';
import { store } from './report.mjs';
import * as streams from './streams/suite.mjs';
import * as subprocess from './subprocess/suite.mjs';
import { measureSuite } from './suite.mjs';
import * as threads from './threads/suite.mjs';
import { compile, pinning } from './tools.mjs';

const { values: options } = parseArgs({
  options: {
    suite: { type: 'string', default: 'micro,echo,matrix,descriptors,executors,threads,subprocess,streams' },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    quick: { type: 'boolean', default: false },
    node: { type: 'string', default: process.execPath },
    'no-build': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  const [comment] = readFileSync(fileURLToPath(import.meta.url), 'utf8').split('\nimport ', 1);
  console.log(comment.replaceAll(/^\/\/ ?/gm, ''));
  process.exit();
}
const suites = { micro, echo, matrix, descriptors, executors, threads, subprocess, streams };
const names = options.suite.split(',');
for (const name of names) {
  if (!(name in suites)) throw new Error(`--suite: there is no ${name}, but ${Object.keys(suites).join(', ')}`);
}
const rounds = options.quick ? 1 : Number(options.rounds);
const scale = options.quick ? 0.2 : Number(options.scale);
const words = options.only.split(',').filter((word) => word !== '');
const chosen = ({ name }) => words.length === 0 || words.some((word) => name.includes(word));
const complete = words.length === 0 && !options.quick;

if (!options['no-build']) build();
const { peers, missing } = findPeers(options.node);
for (const name of names) {
  // What else ran shows before: a suite keeps one or two processors busy itself.
  const load = loadavg()[0].toFixed(1);
  const { text, facts: known } = await measure(name);
  if (text === '') continue;
  const facts = `${known}; load average before ${load}, at the end ${loadavg()[0].toFixed(1)}`;
  console.log(`\n${text}`);
  if (complete) console.log(`\nstored in ${store({ name, ...suites[name] }, peers[0].version, facts, text)}`);
}

/** The tables of a suite, and what a reader must know about the run. */
async function measure(name) {
  const { programs = [], scenarios } = suites[name];
  if (name === 'micro') {
    const facts = factsOf(peers, missing);
    return {
      facts,
      text: micro.measureMicro(
        peers.filter(({ backend }) => backend !== true),
        { rounds, scale, chosen, progress },
      ),
    };
  }
  const tools = { binaries: compile(programs), pin: pinning() };
  const absent =
    programs.length === 0 || tools.binaries.size > 0
      ? missing
      : [...missing, 'C (no compiler; the client of the echo is in Python)'];
  const all = tools.binaries.size > 0 ? [...peers, { key: 'c', title: 'C', env: process.env }] : peers;
  const wanted = scenarios(tools).filter(chosen);
  const facts = factsOf(peers, absent);
  return { facts, text: await measureSuite(wanted, all, { rounds, scale, progress }) };
}

function factsOf(found, absent) {
  const titles = found.slice(2).map((peer) => peer.title);
  const left = absent.length === 0 ? [] : [`not found and left out: ${absent.join(', ')}`];
  const machine = `${availableParallelism()} cores, ${process.platform} ${process.arch}`;
  const work = scale === 1 ? [] : [`${scale} of the usual work in each`];
  const versions = [`Node ${found[0].version}`, ...titles, machine].join(', ');
  const facts = [versions, ...left, `${rounds} rounds`, ...work].join('; ');
  console.log(facts);
  return facts;
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

function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
