import { isIPv6 } from 'node:net';

/** What a name has, by type. */
export type Zone = ReadonlyMap<string, Partial<Record<Type, readonly string[]>>>;

/** The first question of a message. */
export interface Query {
  readonly name: string;
  readonly type: number;
  /** Where the question ends in the message. */
  readonly end: number;
}

const TYPES = { A: 1, TXT: 16, AAAA: 28 } as const;
type Type = keyof typeof TYPES;

export const FORMAT_ERROR = 1;
const NO_SUCH_NAME = 3;
const AUTHORITATIVE_ANSWER = 0x8400;
const SECONDS_TO_KEEP = 60;

/** Reads the one question of a message; null if it cannot be understood. Nothing that a stranger sends is believed. */
export function readQuery(message: Buffer): Query | null {
  if (message.readUInt16BE(4) !== 1) return null;
  const labels: string[] = [];
  let at = 12;
  for (;;) {
    const length = message[at++];
    if (length === undefined || length > 63) return null; // cut off, or a pointer, which a question does not need
    if (length === 0) break;
    labels.push(message.toString('latin1', at, at + length).toLowerCase());
    at += length;
  }
  if (at + 4 > message.length) return null;
  return { name: labels.join('.'), type: message.readUInt16BE(at), end: at + 4 };
}

/** The answer to a message: records out of the zone, or an error. */
export function answer(message: Buffer, query: Query | null, from: Zone | number): Buffer {
  const records = typeof from === 'number' || query === null ? undefined : from.get(query.name);
  const error = typeof from === 'number' ? from : records === undefined ? NO_SUCH_NAME : 0;
  const answers = query === null || records === undefined ? [] : recordsOf(records, query.type);
  const head = Buffer.alloc(12);
  message.copy(head, 0, 0, 2); // the client knows its question by this number
  head.writeUInt16BE(AUTHORITATIVE_ANSWER | (message.readUInt16BE(2) & 0x7900) | error, 2);
  head.writeUInt16BE(query === null ? 0 : 1, 4);
  head.writeUInt16BE(answers.length, 6);
  return Buffer.concat([head, message.subarray(12, query?.end ?? 12), ...answers]);
}

function recordsOf(records: Partial<Record<Type, readonly string[]>>, type: number): Buffer[] {
  const found = (Object.keys(TYPES) as Type[]).find((name) => TYPES[name] === type);
  return (found === undefined ? [] : (records[found] ?? [])).map((text) => record(type, bytesOf(text, found!)));
}

function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0); // the name of the question, at byte 12
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4); // the Internet
  head.writeUInt32BE(SECONDS_TO_KEEP, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function bytesOf(text: string, type: Type): Buffer {
  if (type === 'TXT') return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
  if (type === 'A') return Buffer.from(text.split('.').map(Number));
  if (!isIPv6(text)) throw new TypeError(`${text} is no IPv6 address`);
  const [left = '', right] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [before, after] = [groups(left), groups(right ?? '')];
  const zeros = new Array<string>(8 - before.length - after.length).fill('0');
  const all = [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]));
}
