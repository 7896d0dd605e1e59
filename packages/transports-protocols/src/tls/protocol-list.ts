import { repr, ValueError } from '@tsyncio/core';

/**
 * The names in `ALPNProtocols`: a list of them, or the bytes as they are sent (each name behind its length).
 *
 * @throws TypeError for anything else. ValueError for a name that is empty or longer than 255 bytes. Internal.
 */
export function checkProtocolList(method: string, given: unknown): readonly string[] {
  const names = given instanceof Uint8Array ? split(given) : Array.isArray(given) ? given.map(nameOf) : null;
  if (names === null || names.includes(null)) {
    throw new TypeError(`${method}: ALPNProtocols must be names of protocols, got ${repr(given)}`);
  }
  const list = names as string[];
  if (list.length === 0 || list.some((name) => name.length === 0 || name.length > 255)) {
    throw new ValueError(`${method}: ALPNProtocols must be names of 1 to 255 bytes, got ${repr(given)}`);
  }
  return list;
}

/** One character for each byte. */
function nameOf(name: unknown): string | null {
  if (typeof name === 'string') return Buffer.from(name, 'utf8').toString('latin1');
  return name instanceof Uint8Array ? Buffer.from(name).toString('latin1') : null;
}

function split(bytes: Uint8Array): string[] | null {
  const names: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + bytes[at]!;
    if (end > bytes.length) return null;
    names.push(Buffer.from(bytes.subarray(at + 1, end)).toString('latin1'));
    at = end;
  }
  return names;
}
