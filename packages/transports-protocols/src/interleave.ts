import type { AddrInfo } from '@tsyncio/socket';

/**
 * Mixes the families of addresses, as RFC 8305 asks for: the first `count` addresses of the family that comes first, then one of each family in
 * turn. asyncio: `_interleave_addrinfos`.
 *
 * @param count - At least 1.
 */
export function interleave(infos: readonly AddrInfo[], count: number): AddrInfo[] {
  const byFamily = new Map<number, AddrInfo[]>();
  for (const info of infos) {
    const family = byFamily.get(info[0]);
    if (family === undefined) byFamily.set(info[0], [info]);
    else family.push(info);
  }
  const families = [...byFamily.values()];
  const mixed = families[0]?.splice(0, count - 1) ?? [];
  while (families.some((family) => family.length > 0)) {
    for (const family of families) {
      const next = family.shift();
      if (next !== undefined) mixed.push(next);
    }
  }
  return mixed;
}
