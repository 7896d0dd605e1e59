const one = /\b((?:[A-Z][A-Z0-9]*-)+)(\d\d)((?:\s*(?:,|\/|\.\.|and|&)\s*-?\d\d\b)*)/g;

/** The IDs in a title: `LOOP-RUN-03/04`, `LOOP-RUN-03, -04 and -05` and `LOOP-RUN-03..05` are read as one would. */
export function idsOf(title) {
  const ids = new Set();
  for (const [, group, first, rest] of title.matchAll(one)) {
    let last = Number(first);
    ids.add(group + first);
    for (const [, link, number] of rest.matchAll(/(,|\/|\.\.|and|&)\s*-?(\d\d)/g)) {
      const to = Number(number);
      for (let n = link === '..' ? last + 1 : to; n <= to; n++) ids.add(group + String(n).padStart(2, '0'));
      last = to;
    }
  }
  return ids;
}

/** A short text for many IDs, in their order: `DNS-01..14 SIG-02`. */
export function rangesOf(ids) {
  const ranges = []; // [group, first, last]
  for (const id of ids) {
    const cut = id.lastIndexOf('-');
    const [group, number] = [id.slice(0, cut), Number(id.slice(cut + 1))];
    const open = ranges.at(-1);
    if (open !== undefined && open[0] === group && open[2] === number - 1) open[2] = number;
    else ranges.push([group, number, number]);
  }
  const two = (number) => String(number).padStart(2, '0');
  return ranges.map(([group, a, b]) => `${group}-${two(a)}${b > a ? `..${two(b)}` : ''}`).join(' ');
}
