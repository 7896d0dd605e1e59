import { addressOf } from '../koffi.js';

/** The arguments and the environment of a new program, as C has them: arrays of pointers that end with a null, and strings that end with a NUL. */
export class SpawnMemory {
  /** Addresses of `argv` and `envp`. Valid while this object is referenced. */
  readonly args: number;
  readonly env: number;
  private readonly memory: ArrayBuffer;

  constructor(args: readonly Uint8Array[], env: readonly Uint8Array[]) {
    const count = args.length + env.length + 2;
    let size = count * 8;
    for (const each of args) size += each.length + 1;
    for (const each of env) size += each.length + 1;
    this.memory = new ArrayBuffer(size);
    const pointers = new BigUint64Array(this.memory, 0, count);
    const bytes = new Uint8Array(this.memory);
    const base = addressOf(this.memory);
    let at = count * 8;
    let index = 0;
    for (const list of [args, env]) {
      for (const each of list) {
        bytes.set(each, at);
        pointers[index++] = BigInt(base + at);
        at += each.length + 1;
      }
      index++;
    }
    this.args = base;
    this.env = base + (args.length + 1) * 8;
  }
}
