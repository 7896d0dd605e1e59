/** Thrown for what is not the protocol: the connection cannot go on. */
export class ProtocolError extends Error {}

const MOST_ARGUMENTS = 1024 * 1024;
const LONGEST_ARGUMENT = 512 * 1024 * 1024;
const LONGEST_LINE = 64 * 1024;
const CR = 0x0d;

/** Takes bytes as they come and gives whole commands: arrays of byte strings, or words on a line. */
export class CommandParser {
  private data: Buffer = Buffer.alloc(0);
  private at = 0;
  /** Of the command that is arriving. */
  private args: Buffer[] = [];
  private missing = 0;
  /** Of the argument that is arriving; -1 before its length. */
  private length = -1;

  /** @throws ProtocolError */
  *feed(data: Buffer): Generator<Buffer[]> {
    this.data = this.at === this.data.length ? data : Buffer.concat([this.data.subarray(this.at), data]);
    this.at = 0;
    for (let command = this.next(); command !== null; command = this.next()) if (command.length > 0) yield command;
  }

  /** The next whole command; null if there is none yet. */
  private next(): Buffer[] | null {
    if (this.missing === 0) {
      const line = this.line();
      if (line === null) return null;
      if (!line.startsWith('*'))
        return line
          .split(/\s+/)
          .filter(Boolean)
          .map((word) => Buffer.from(word, 'latin1'));
      this.missing = numberOf(line, MOST_ARGUMENTS);
      this.args = [];
    }
    while (this.missing > 0) {
      const argument = this.argument();
      if (argument === null) return null;
      this.args.push(argument);
      this.missing--;
    }
    return this.args;
  }

  private argument(): Buffer | null {
    if (this.length < 0) {
      const line = this.line();
      if (line === null) return null;
      if (!line.startsWith('$')) throw new ProtocolError(`expected '$', got '${line.slice(0, 1)}'`);
      this.length = numberOf(line, LONGEST_ARGUMENT);
    }
    const end = this.at + this.length;
    if (end + 2 > this.data.length) return null;
    const argument = this.data.subarray(this.at, end);
    this.at = end + 2;
    this.length = -1;
    return argument;
  }

  /** The next line without its end; null if it has not come yet. */
  private line(): string | null {
    const end = this.data.indexOf('\n', this.at);
    if ((end < 0 ? this.data.length : end) - this.at > LONGEST_LINE) throw new ProtocolError('too big a line');
    if (end < 0) return null;
    const text = this.data.toString('latin1', this.at, this.data[end - 1] === CR ? end - 1 : end);
    this.at = end + 1;
    return text;
  }
}

function numberOf(line: string, most: number): number {
  const value = /^.\d{1,9}$/.test(line) ? Number(line.slice(1)) : NaN;
  if (!(value <= most)) throw new ProtocolError('invalid length');
  return value;
}

/** What a command gives. An Error is a reply too. */
export type Reply = string | number | null | Buffer | Error | readonly Reply[];

/** A reply as bytes: texts are simple strings, Buffers are byte strings. */
export function encode(reply: Reply): Buffer {
  if (reply === null) return Buffer.from('$-1\r\n');
  if (typeof reply === 'string') return Buffer.from(`+${reply}\r\n`);
  if (typeof reply === 'number') return Buffer.from(`:${reply}\r\n`);
  if (reply instanceof Error) return Buffer.from(`-ERR ${reply.message.replace(/[\r\n]/g, ' ')}\r\n`);
  if (Buffer.isBuffer(reply)) return Buffer.concat([Buffer.from(`$${reply.length}\r\n`), reply, Buffer.from('\r\n')]);
  return Buffer.concat([Buffer.from(`*${reply.length}\r\n`), ...reply.map(encode)]);
}
