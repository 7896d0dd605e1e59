import type { EventLoop, TimerHandle } from 'tsyncio';
import type { Reply } from './resp.js';

interface Entry {
  readonly value: Buffer;
  /** Removes the entry; cancelled when it is replaced. */
  readonly expiry: TimerHandle | null;
}

/** Strings by name, and the commands on them. */
export class Database {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly loop: EventLoop) {}

  /** @throws Error for a wrong use; its message is the reply. */
  execute([name = Buffer.alloc(0), ...args]: readonly Buffer[]): Reply {
    const command = String(name).toUpperCase();
    const method = this.commands[command];
    if (method === undefined) throw new Error(`unknown command '${String(name)}'`);
    return method(args);
  }

  private readonly commands: Record<string, (args: readonly Buffer[]) => Reply> = {
    PING: ([text]) => text ?? 'PONG',
    ECHO: (args) => only(args, 1)[0]!,
    SET: (args) => this.set(args),
    GET: (args) => this.entries.get(key(args, 1))?.value ?? null,
    DEL: (args) => args.filter((name) => this.remove(name.toString('latin1'))).length,
    EXISTS: (args) => args.filter((name) => this.entries.has(name.toString('latin1'))).length,
    INCR: (args) => this.add(key(args, 1), 1),
    DECR: (args) => this.add(key(args, 1), -1),
    INCRBY: (args) => this.add(key(args, 2), integer(args[1]!)),
    EXPIRE: (args) => this.expire(key(args, 2), integer(args[1]!)),
    TTL: (args) => this.timeToLive(key(args, 1)),
    DBSIZE: () => this.entries.size,
    FLUSHALL: () => {
      for (const name of [...this.entries.keys()]) this.remove(name);
      return 'OK';
    },
    // What clients ask when they connect.
    COMMAND: () => [],
    CONFIG: () => [],
    CLIENT: () => 'OK',
  };

  private set(args: readonly Buffer[]): Reply {
    const [name, value, how, seconds] = args;
    if (name === undefined || value === undefined || args.length === 3 || args.length > 4)
      throw new Error('syntax error');
    if (how !== undefined && String(how).toUpperCase() !== 'EX') throw new Error('syntax error');
    // A slice of what was received would keep all of it.
    this.put(name.toString('latin1'), Buffer.from(value), seconds === undefined ? null : integer(seconds));
    return 'OK';
  }

  private put(name: string, value: Buffer, seconds: number | null): void {
    this.remove(name);
    const expiry = seconds === null ? null : this.loop.callLater(seconds, () => this.entries.delete(name));
    this.entries.set(name, { value, expiry });
  }

  private remove(name: string): boolean {
    this.entries.get(name)?.expiry?.cancel();
    return this.entries.delete(name);
  }

  private add(name: string, step: number): number {
    const entry = this.entries.get(name);
    const sum = integer(entry?.value ?? Buffer.from('0')) + step;
    if (!Number.isSafeInteger(sum)) throw new Error('increment or decrement would overflow');
    this.entries.set(name, { value: Buffer.from(String(sum)), expiry: entry?.expiry ?? null });
    return sum;
  }

  private expire(name: string, seconds: number): number {
    const entry = this.entries.get(name);
    if (entry === undefined) return 0;
    this.put(name, entry.value, seconds);
    return 1;
  }

  private timeToLive(name: string): number {
    const entry = this.entries.get(name);
    if (entry === undefined) return -2;
    return entry.expiry === null ? -1 : Math.ceil(entry.expiry.when() - this.loop.time());
  }
}

function only(args: readonly Buffer[], count: number): readonly Buffer[] {
  if (args.length !== count) throw new Error('wrong number of arguments');
  return args;
}

function key(args: readonly Buffer[], count: number): string {
  return only(args, count)[0]!.toString('latin1');
}

function integer(text: Buffer): number {
  const value = /^-?\d{1,16}$/.test(text.toString('latin1')) ? Number(text.toString('latin1')) : NaN;
  if (!Number.isSafeInteger(value)) throw new Error('value is not an integer or out of range');
  return value;
}
