import { spawnSync } from 'node:child_process';
import { pendingTable, scenarioTable } from '../report.mjs';
import { pending, scenarios } from './scenarios.mjs';

export const title = 'Micro benchmarks';

export const notes = 'In brackets the best repetition.';

/**
 * Measures the scenarios, and what timers cost while many are pending.
 *
 * @param {import('../peers.mjs').Peer[]} peers
 * @param {{ rounds: number, scale: number, chosen: (item: { name: string }) => boolean, progress: (text: string) => void }} options
 * @returns {string} Tables.
 */
export function measureMicro(peers, { rounds, scale, chosen, progress }) {
  const tables = [];
  const wanted = scenarios.filter(chosen);
  if (wanted.length > 0)
    tables.push(scenarioTable(measureScenarios(peers, wanted, { rounds, scale, progress }), peers));
  if (chosen(pending)) tables.push(pendingTable(pending, measurePending(peers, progress), peers));
  progress('');
  return tables.join('\n\n');
}

/** One process for each program of each peer in each round; peers take turns at being first. */
function measureScenarios(peers, list, { rounds, scale, progress }) {
  const all = list.map((scenario) => ({ scenario, samples: peers.map(() => []) }));
  for (let round = 0; round < rounds; round++) {
    for (const { scenario, samples } of all) {
      for (let k = 0; k < peers.length; k++) {
        const i = (k + round) % peers.length;
        // Without a program of its own in the first round a peer has none in the others.
        if (round > 0 && samples[i].length === 0) continue;
        const sample = run(peers[i], scenario.name, String(scale));
        if (sample !== null) samples[i].push(sample);
      }
      progress(`round ${round + 1} of ${rounds}: ${scenario.name}`);
    }
  }
  return all;
}

/** Costs by size and peer. */
function measurePending(peers, progress) {
  return pending.sizes.map((size) => {
    progress(`${size} pending timers`);
    return { size, costs: peers.map((peer) => run(peer, pending.name, String(size))) };
  });
}

/** One process for one scenario; null if the peer has no program for it. */
function run(peer, name, scale) {
  const [command, ...args] = [...peer.program('micro'), name, scale];
  const { status, stdout } = spawnSync(command, args, {
    encoding: 'utf8',
    env: peer.env,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 300_000,
    killSignal: 'SIGKILL',
  });
  if (status !== 0) throw new Error(`${peer.title}: ${name} failed`);
  return JSON.parse(stdout);
}
