import { addressOf } from '../koffi.js';
import { environment } from './environment.js';

/** The arguments and the environment of a new program, as C has them: arrays of pointers that end with a null, and strings that end with a NUL. */
export class SpawnMemory {
  /** Addresses of `argv` and `envp`. Valid while this object is referenced. */
  readonly args: number;
  readonly env: number;
  private readonly memory: ArrayBuffer;

  /** @param env - Null: that of this process, where it is. */
  constructor(args: readonly Uint8Array[], env: readonly string[] | null) {
    const count = args.length + 1 + (env === null ? 0 : env.length + 1);
    let size = count * 8;
    for (const each of args) size += each.length + 1;
    for (const each of env ?? []) size += Buffer.byteLength(each) + 1;
    this.memory = new ArrayBuffer(size);
    const pointers = new BigUint64Array(this.memory, 0, count);
    const bytes = Buffer.from(this.memory);
    const base = addressOf(this.memory);
    let at = count * 8;
    let index = 0;
    for (const each of args) {
      bytes.set(each, at);
      pointers[index++] = BigInt(base + at);
      at += each.length + 1;
    }
    index++;
    for (const each of env ?? []) {
      pointers[index++] = BigInt(base + at);
      at += bytes.write(each, at) + 1;
    }
    this.args = base;
    this.env = env === null ? environment() : base + (args.length + 1) * 8;
  }
}
