import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { backends } from './backends.mjs';

// Debug mode would slow down both sides, and neither ships with it.
const env = { ...process.env, PYTHONASYNCIODEBUG: '', TSYNCIO_DEBUG: '', NODE_OPTIONS: '' };

/**
 * @typedef {object} Peer
 * @property {string} key - As the targets of a scenario name it.
 * @property {string} title - Heading of its column.
 * @property {string} version
 * @property {NodeJS.ProcessEnv} env - For its programs.
 * @property {boolean} [backend] - Differs from tsyncio's first line by the backend only: of interest where there is I/O.
 * @property {(suite: string) => string[]} program - The command of its program in the folder of a suite, with the first arguments.
 */

/**
 * The peers that exist on this machine; tsyncio is the first, Node itself the second.
 *
 * @param {string} node - The Node binary for both.
 * @returns {{ peers: Peer[], missing: string[] }} And those that were not found, for the reader.
 */
export function findPeers(node) {
  const version = spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout?.trim();
  if (!version) throw new Error(`--node: ${node} does not run`);
  const javascript = (key, title, more) => ({
    key,
    title,
    version,
    env,
    program: (suite) => [node, at(suite, `${key}.mjs`)],
    ...more,
  });
  const peers = [javascript('tsyncio', 'tsyncio'), javascript('node', 'Node')];
  for (const [key, { title }] of Object.entries(backends).slice(1)) {
    const program = (suite) => [node, at(suite, 'tsyncio.mjs')];
    peers.push(javascript(key, title, { backend: true, program, env: { ...env, BENCH_BACKEND: key } }));
  }
  const missing = [];
  const uvloop = firstThatPrints(uvloopCandidates(), UVLOOP_VERSION);
  if (uvloop !== null) peers.push(python('uvloop', `uvloop ${uvloop.version}`, uvloop));
  else missing.push('uvloop');
  const cpython = firstThatPrints(cpythonCandidates(), CPYTHON_VERSION);
  if (cpython !== null) peers.push(python('cpython', `CPython ${cpython.version}`, cpython));
  else missing.push('CPython 3.8');
  return { peers, missing };
}

const at = (suite, name) => fileURLToPath(new URL(`${suite}/${name}`, import.meta.url));

const UVLOOP_VERSION = 'import sys, uvloop; print(f"{uvloop.__version__} on CPython {sys.version.split()[0]}")';
const CPYTHON_VERSION = 'import sys; print(sys.version.split()[0]) if sys.version_info[:2] == (3, 8) else None';

/** By variable, by name, or from a version manager. */
function cpythonCandidates() {
  return [
    { command: process.env.BENCH_PYTHON, env },
    { command: 'python3.8', env },
    { command: 'python3', env },
    { command: 'python3', env: { ...env, PYENV_VERSION: '3.8.18' } },
  ];
}

/** Any Python of the search path may have it. */
function uvloopCandidates() {
  const everywhere = (process.env.PATH ?? '').split(path.delimiter).map((folder) => path.join(folder, 'python3'));
  return [process.env.BENCH_UVLOOP, ...everywhere].map((command) => ({ command, env }));
}

function firstThatPrints(candidates, program) {
  for (const { command, env: environment } of candidates) {
    if (!command || (path.isAbsolute(command) && !existsSync(command))) continue;
    const { status, stdout } = spawnSync(command, ['-c', program], { encoding: 'utf8', env: environment });
    const version = stdout?.trim();
    if (status === 0 && version) return { command, env: environment, version };
  }
  return null;
}

function python(key, title, { command, env: environment, version }) {
  const kind = key === 'uvloop' ? 'uvloop' : 'asyncio';
  return { key, title, version, env: environment, program: (suite) => [command, at(suite, 'python.py'), kind] };
}
