/**
 * The layers, lowest first: a package may import only from the rows before its own. Packages of one row do not know each other.
 * A package gets its row before its first line of code.
 */
export const layers = [
  ['core'],
  ['futures-tasks'],
  ['executors', 'policy'],
  ['socket'],
  ['selector-io', 'proactor-io'],
  ['transports-protocols'],
  ['server'],
  ['streams'],
  ['subprocess'],
  ['tsyncio'],
];

/** The packages that `name` may import, lowest first. */
export function allowed(name) {
  const row = layers.findIndex((names) => names.includes(name));
  if (row === -1) throw new Error(`packages/${name} has no row in tooling/checks/layers.mjs`);
  return layers.slice(0, row).flat();
}

/** One sentence for a person who has just imported something else. */
export function explain(name) {
  const names = allowed(name);
  const list = names.length === 0 ? 'no package of this repository' : names.join(', ');
  return `${name} may import ${list}; whatever else it needs comes in as a parameter, or moves to a lower layer (tooling/checks/layers.mjs).`;
}
