import { suiteTables } from './suite-report.mjs';

/**
 * @typedef {object} Tools
 * @property {Map<string, string>} binaries - The compiled programs of `c`; empty without a compiler.
 * @property {(which: 0 | 1, command: string[]) => string[]} pin - Of `pinning()`.
 *
 * @typedef {object} Metric
 * @property {string} title
 * @property {boolean} [more] - The more the better.
 * @property {(value: number) => string} show
 *
 * @typedef {object} Target
 * @property {string} metric
 * @property {string} peer
 * @property {number} ratio - At least so much better than the peer.
 * @property {string} [own] - The key of the line that is to be better, when it is not tsyncio's first.
 *
 * @typedef {object} Scenario
 * @property {string} name
 * @property {string} title
 * @property {Record<string, Metric>} metrics
 * @property {Target[]} [targets]
 * @property {(Partial<import('./peers.mjs').Peer> & { as?: string })[]} [variants] - Lines of their own for another program of a peer, told by
 *   its `key`; `as` is what targets call such a line.
 * @property {(peer: import('./peers.mjs').Peer, scale: number) => Promise<Record<string, number> | null>} measure - One process of the
 *   peer; the metrics. Null if the peer has no program for it.
 */

/**
 * Measures the peers for every scenario, round by round; they take turns at being first. What fails is said and left out: the others are still
 * worth something.
 *
 * @param {Scenario[]} scenarios
 * @param {import('./peers.mjs').Peer[]} peers
 * @param {{ rounds: number, scale: number, progress: (text: string) => void }} options
 * @returns {Promise<string>} Tables.
 */
export async function measureSuite(scenarios, peers, { rounds, scale, progress }) {
  // Rounds first: the samples of one scenario are spread over the whole run, and so is what disturbs the machine.
  const results = scenarios.map((scenario) => {
    const lines = linesOf(scenario, peers);
    return { scenario, lines, samples: lines.map(() => []) };
  });
  for (let round = 0; round < rounds; round++) {
    for (const { scenario, lines, samples } of results) {
      for (let k = 0; k < lines.length; k++) {
        const i = (k + round) % lines.length;
        progress(`round ${round + 1} of ${rounds}: ${scenario.title}, ${lines[i].title}`);
        samples[i].push(await sample(scenario, lines[i], scale));
      }
    }
  }
  progress('');
  return suiteTables(results);
}

/** The peers, each followed by its variants. */
function linesOf({ variants = [] }, peers) {
  return peers.flatMap((peer) => [
    peer,
    ...variants
      .filter(({ key }) => key === peer.key)
      .map(({ as, ...variant }) => ({ ...peer, ...variant, key: as ?? peer.key })),
  ]);
}

async function sample(scenario, peer, scale) {
  try {
    return await scenario.measure(peer, scale);
  } catch (error) {
    console.error(`\n${scenario.title}, ${peer.title}: ${error.message}`);
    return null;
  }
}
