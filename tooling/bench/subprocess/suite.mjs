// Child processes: how fast they come and go, and how much goes through their pipes.
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Child } from '../children.mjs';
import { micros, rate } from '../suite-report.mjs';

export const title = 'Subprocesses';

export const notes = `\`true\` is started and waited for: by \`subprocessExec\` until \`connectionLost\`, without pipes (Node and C: the null device) and with three pipes, one after the other and eight at once. The CPU is that of the parent. A gibibyte is written to \`cat\` in
pieces of 64 KiB, with flow control, while what comes back is counted; the CPU is again that of the parent alone. tsyncio's line "by Node" is its fallback on
\`child_process\`. C: \`posix_spawn\` and \`waitpid\`.`;

export const programs = ['spawn'];

const SECONDS = 2;
const GIBIBYTE = 2 ** 30;
const spawns = { title: 'children/s', more: true, show: rate };
const throughput = { title: 'MB/s', more: true, show: (value) => value.toFixed(0) };
const cpu = { title: 'CPU each', show: micros };

const NEWER = 'cpython-3.13';

const variants = [
  {
    key: 'tsyncio',
    title: 'tsyncio, by Node',
    env: { ...process.env, TSYNCIO_DEBUG: '', NODE_OPTIONS: '', BENCH_SPAWNER: 'node' },
    spawner: 'node',
  },
  ...newerPython(),
];

/** CPython 3.13, which starts children in another way than 3.8, if a version manager has it. */
function newerPython() {
  const env = { ...process.env, PYTHONASYNCIODEBUG: '', PYENV_VERSION: '3.13.0' };
  const check = 'import sys; sys.exit(sys.version_info[:2] != (3, 13))';
  if (spawnSync('python3', ['-c', check], { env }).status !== 0) return [];
  const program = () => ['python3', fileURLToPath(new URL('python.py', import.meta.url)), 'asyncio'];
  return [{ key: 'cpython', as: NEWER, title: 'CPython 3.13', env, program }];
}

/** @param {import('../suite.mjs').Tools} tools */
export function scenarios(tools) {
  const peer = variants.some((variant) => variant.as === NEWER) ? NEWER : 'cpython';
  const targets = [{ metric: 'rate', peer, ratio: 1 }];
  return [
    scenario(tools, 'spawn', 'spawn and wait, no pipes', ['spawn', 0, 1], { rate: spawns, cpu }, targets),
    scenario(tools, 'spawn-pipes', 'spawn and wait, three pipes', ['spawn', 1, 1], { rate: spawns, cpu }, targets),
    scenario(
      tools,
      'spawn-8',
      'spawn and wait, no pipes, eight at once',
      ['spawn', 0, 8],
      { rate: spawns, cpu },
      targets,
    ),
    {
      name: 'cat',
      title: '1 GiB through cat',
      metrics: { rate: throughput, cpu: { title: 'CPU in all', show: (value) => `${value.toFixed(0)} ms` } },
      targets,
      variants: variants.filter(({ spawner }) => spawner === undefined),
      measure: (peer, scale) => (peer.key === 'c' ? null : measured(peer, ['cat', Math.round(GIBIBYTE * scale)])),
    },
  ];
}

function scenario(tools, name, title, args, metrics, targets) {
  const measure = (peer, scale) => {
    if (peer.key === 'c' && args[1] === 1) return null;
    const own = peer.key === 'c' ? { ...peer, program: () => [tools.binaries.get('spawn')] } : peer;
    return measured(own, [...args, SECONDS * scale]);
  };
  return { name, title, metrics, targets, variants, measure };
}

async function measured(peer, args) {
  const child = new Child([...peer.program('subprocess'), ...args.map(String)], peer.env);
  try {
    return await child.json(120);
  } finally {
    await child.end();
  }
}
