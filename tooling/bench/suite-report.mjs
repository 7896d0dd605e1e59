import { median, table } from './report.mjs';

/** A table for each scenario: a line for each peer, its median of every metric and tsyncio's ratio to it. */
export function suiteTables(results) {
  return results.map((result) => scenarioTable(result)).join('\n\n');
}

function scenarioTable({ scenario, lines, samples }) {
  const metrics = Object.entries(scenario.metrics);
  const rows = lines.flatMap((peer, i) => {
    const theirs = samples[i].filter((sample) => sample !== null);
    if (theirs.length === 0) return i === 0 ? [[peer.title, ...metrics.map(() => 'not there yet')]] : [];
    return [[peer.title, ...metrics.map(([name, metric]) => cell(name, metric, samples[0], samples[i], i === 0))]];
  });
  const head = [`**${scenario.title}**`, ...metrics.map(([, { title }]) => title)];
  const verdicts = (scenario.targets ?? []).map((target) => verdict(target, scenario, samples, lines));
  return [table([head, ...rows]), ...verdicts.filter((text) => text !== null)].join('\n\n');
}

function cell(name, metric, ours, theirs, own) {
  const values = theirs.filter((sample) => sample !== null).map((sample) => sample[name]);
  if (values.some((value) => value === undefined)) return '';
  const value = metric.show(median(values));
  const times = own ? null : ratio(name, metric, ours, theirs);
  return times === null ? value : `${value} **${times.toFixed(2)}x**`;
}

/** The median of {@link ratios}, or null. */
function ratio(name, metric, ours, theirs) {
  const all = ratios(name, metric, ours, theirs);
  return all.length === 0 ? null : median(all);
}

/** Of each round, so that what slows the machine down slows both: above 1 tsyncio is the better. */
function ratios(name, metric, ours, theirs) {
  return ours.flatMap((sample, round) => {
    const other = theirs[round];
    if (sample === null || other === null) return [];
    return [metric.more === true ? sample[name] / other[name] : other[name] / sample[name]];
  });
}

function verdict({ metric: name, peer: key, ratio: wanted, own = 'tsyncio' }, { metrics }, samples, lines) {
  const at = (wantedKey) => lines.findIndex((peer) => peer.key === wantedKey);
  const [ours, i] = [at(own), at(key)];
  const all = ours < 0 || i < 0 ? [] : ratios(name, metrics[name], samples[ours], samples[i]);
  if (all.length === 0) return null;
  const reached = median(all);
  const word = reached >= wanted ? 'met' : '**missed**';
  // Where the rounds disagree, the machine was measured, and not the peers.
  const spread = `${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)}`;
  const whose = ours === 0 ? '' : ` of ${lines[ours].title}`;
  // What else the machine does hardly moves the processor time.
  const byCpu = metrics.cpu === undefined ? null : ratio('cpu', metrics.cpu, samples[ours], samples[i]);
  const beside = byCpu === null ? '' : `; by processor time ${byCpu.toFixed(2)}x`;
  const goal = `${metrics[name].title}${whose} >= ${Number(wanted.toFixed(2))}x ${lines[i].title}`;
  return `Target: ${goal}: ${word}, ${reached.toFixed(2)}x (rounds ${spread})${beside}.`;
}

/** How figures are written. */
export const rate = (n) => {
  if (n >= 1e6) return `${(n / 1e6).toFixed(2)}M`;
  return n >= 1e4 ? `${(n / 1e3).toFixed(0)}k` : `${(n / 1e3).toFixed(1)}k`;
};
export const micros = (n) => (n >= 100 ? `${n.toFixed(0)} us` : `${n.toFixed(2)} us`);
