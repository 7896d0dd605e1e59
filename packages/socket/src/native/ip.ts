/**
 * IP literals, parsed and written exactly as `inet_pton(3)` and `inet_ntop(3)` of glibc do. (`node:net` would do half of it, and
 * this package does without.)
 */

/**
 * Parses a dotted quad: four decimal numbers up to 255, without leading zeros.
 *
 * @returns the 4 bytes in network order, or null if `text` is no IPv4 literal.
 */
export function parseIpv4(text: string): Uint8Array | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const part = parts[i]!;
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part)) return null;
    const value = Number(part);
    if (value > 255) return null;
    bytes[i] = value;
  }
  return bytes;
}

/**
 * Parses an IPv6 literal without scope: `::1`, `fe80::1`, `::ffff:1.2.3.4`.
 *
 * @returns the 16 bytes in network order, or null if `text` is no IPv6 literal.
 */
export function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const compressed = halves.length === 2;
  const head = groupsOf(halves[0]!, !compressed);
  const tail = compressed ? groupsOf(halves[1]!, true) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  // `::` stands for at least one group of zeros.
  if (compressed ? missing < 1 : missing !== 0) return null;
  const bytes = new Uint8Array(16);
  head.forEach((group, i) => writeGroup(bytes, i, group));
  tail.forEach((group, i) => writeGroup(bytes, head.length + missing + i, group));
  return bytes;
}

function writeGroup(bytes: Uint8Array, index: number, group: number): void {
  bytes[2 * index] = group >> 8;
  bytes[2 * index + 1] = group & 255;
}

/** The 16-bit groups of one side of `::`; an IPv4 literal may stand for the last two if `mayEndInIpv4`. */
function groupsOf(side: string, mayEndInIpv4: boolean): number[] | null {
  if (side === '') return [];
  const groups: number[] = [];
  const parts = side.split(':');
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(parseInt(part, 16));
      continue;
    }
    const quad = mayEndInIpv4 && i === parts.length - 1 ? parseIpv4(part) : null;
    if (quad === null) return null;
    groups.push((quad[0]! << 8) | quad[1]!, (quad[2]! << 8) | quad[3]!);
  }
  return groups;
}

/** Writes 4 bytes as a dotted quad. */
export function formatIpv4(bytes: Uint8Array): string {
  return `${bytes[0]!}.${bytes[1]!}.${bytes[2]!}.${bytes[3]!}`;
}

/** Writes 16 bytes as RFC 5952 and `inet_ntop` do: lower case, the first longest run of two or more zero groups as `::`. */
export function formatIpv6(bytes: Uint8Array): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i]! << 8) | bytes[i + 1]!);
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
    if (end > i) i = end;
  }
  // ::ffff:1.2.3.4 (mapped) and ::1.2.3.4 (compatible) keep their dotted quad.
  if (start === 0 && (length === 6 || (length === 5 && groups[5] === 0xffff))) {
    return `::${length === 5 ? 'ffff:' : ''}${formatIpv4(bytes.subarray(12))}`;
  }
  const hex = groups.map((group) => group.toString(16));
  if (start === -1) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

/**
 * Which kind of IP literal `host` is: 4, 6, or 0 for anything else (a name). A scope (`fe80::1%eth0`) is allowed for 6.
 */
export function ipVersion(host: string): 0 | 4 | 6 {
  if (parseIpv4(host) !== null) return 4;
  const percent = host.indexOf('%');
  if (percent === host.length - 1 && percent >= 0) return 0;
  return parseIpv6(percent < 0 ? host : host.slice(0, percent)) === null ? 0 : 6;
}
