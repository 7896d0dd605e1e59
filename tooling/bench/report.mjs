import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The middle one; of an even number the mean of the two: the upper one alone would flatter every ratio of two rounds. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
const major = (version) => Number.parseInt(version, 10);

/** The results as a Markdown table: medians of the rounds, the best in brackets, and ratios; above 1 tsyncio is the faster. */
export function scenarioTable(results, peers) {
  const version = peers[0].version;
  const head = ['work', ...peers.map(({ title }) => title), 'target', ''];
  const rows = results.map(({ scenario, samples }) => {
    const ours = samples[0];
    if (ours.length === 0) return [scenario.title, 'not there yet', ...peers.slice(1).map(() => ''), '', ''];
    const cells = samples.map((theirs, i) => {
      if (theirs.length === 0) return '';
      const amount = `${figure(scenario, median(theirs.map((s) => s.median)))} (${figure(scenario, Math.min(...theirs.map((s) => s.best)))})`;
      return i === 0 ? amount : `${amount} **${ratio(ours, theirs).toFixed(2)}x**`;
    });
    const goals = scenario.targets.filter((t) => major(version) >= (t.from ?? 0) && major(version) < (t.before ?? 1e3));
    const met = goals.map((goal) => reached(goal, scenario, samples, peers)).filter((one) => one !== null);
    const verdict = met.length === 0 ? '' : met.every(Boolean) ? 'met' : '**missed**';
    return [scenario.title, ...cells, goals.map((goal) => goalText(goal, scenario)).join('; '), verdict];
  });
  const compared = results
    .filter(({ scenario }) => scenario.comparable !== undefined)
    .map(({ scenario }) => `${scenario.name} ${scenario.comparable}`);
  const note = compared.length === 0 ? '' : `\n\nNode's column is: ${compared.join('; ')}.`;
  return `${table([head, ...rows])}${note}`;
}

/** Of each round, so that what slows the machine down slows both. */
function ratio(ours, theirs) {
  const rounds = Math.min(ours.length, theirs.length);
  return median(Array.from({ length: rounds }, (_, i) => theirs[i].median / ours[i].median));
}

function reached(goal, scenario, samples, peers) {
  if (goal.peer !== undefined) {
    const theirs = samples[peers.findIndex(({ key }) => key === goal.peer)];
    return theirs === undefined || theirs.length === 0 ? null : ratio(samples[0], theirs) >= goal.ratio;
  }
  const seconds = median(samples[0].map((s) => s.median));
  return goal.most !== undefined ? seconds * 1e6 <= goal.most : 1 / seconds >= goal.least;
}

function goalText(goal) {
  if (goal.peer !== undefined) return `>= ${goal.ratio.toFixed(1)}x ${goal.peer}`;
  return goal.most !== undefined ? `<= ${goal.most.toFixed(1)} us` : `>= ${rate(goal.least)}`;
}

const figure = (scenario, seconds) => (scenario.cost === true ? micros(seconds) : rate(1 / seconds));
const rate = (n) => (n >= 1e6 ? `${(n / 1e6).toFixed(2)}M/s` : `${(n / 1e3).toFixed(0)}k/s`);
const micros = (seconds) => `${(seconds * 1e6).toFixed(2)} us`;

/** Costs by number of pending timers; what a peer does not tell is left out. */
export function pendingTable({ title, columns }, sizes, peers) {
  const lines = peers.flatMap((peer, i) =>
    Object.entries(columns)
      .filter(([column]) => sizes[0].costs[i]?.[column] !== undefined)
      .map(([column, name]) => [`${peer.title}: ${name}`, ...sizes.map(({ costs }) => micros(costs[i][column]))]),
  );
  return table([[`${title}: cost of one`, ...sizes.map(({ size }) => size.toLocaleString('en'))], ...lines]);
}

/** Markdown. */
export function table([head, ...rows]) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const READING = `The last recorded runs, one for each major version of Node; \`npm run bench\` replaces the part of its version. Figures are the median of
the rounds. Each program ran in a process of its own, the peers alternating within each round.
**Ratios** are the median over the rounds of tsyncio against that peer: above 1 tsyncio is the better. Read the ratios: the absolute figures
belong to one machine on one day.`;

/**
 * Replaces the section of this major version of Node in the results of a suite.
 *
 * @returns The file, relative to the root.
 */
export function store({ name, title, notes }, version, facts, text) {
  const file = fileURLToPath(new URL(`results/${name}.md`, import.meta.url));
  mkdirSync(new URL('results/', import.meta.url), { recursive: true });
  const old = existsSync(file)
    ? readFileSync(file, 'utf8')
        .split(/^(?=## )/m)
        .slice(1)
    : [];
  const heading = `## Node ${major(version)}\n`;
  const others = old.filter((section) => !section.startsWith(heading));
  const section = `${heading}\n${facts}.\n\n${text}\n`;
  const sections = [...others.map((other) => `${other.trimEnd()}\n`), section].sort();
  writeFileSync(file, [`# ${title}\n`, `${READING}\n`, `${notes}\n`, ...sections].join('\n'));
  return `tooling/bench/results/${name}.md`;
}
