import type { CommittedMemory } from './committed-memory.js';
import { completionCalls } from './completion-calls.js';
import { errnoOf } from './errors.js';

const NAME = '\\Device\\Afd\\tsyncio';
const SYNCHRONIZE = 0x100000;
const FILE_SHARE_READ_WRITE = 3;
const FILE_OPEN = 1;
/** `UNICODE_STRING`, `OBJECT_ATTRIBUTES`, the handle and the status block, and the name, in memory that is used for nothing else yet. */
const STRING = 0;
const ATTRIBUTES = 64;
const ATTRIBUTES_SIZE = 48;
const HANDLE = 128;
const STATUS = 192;
const TEXT = 256;

/**
 * The driver of sockets, asked directly when sockets are ready: libuv, Rust's mio and wepoll do the same. There is no documented call that tells a
 * completion port.
 */
export class AfdDevice {
  readonly handle: number;

  /**
   * @param port - Gets the packets of polls.
   * @param memory - Is used during the call, and zero behind it.
   */
  constructor(port: number, memory: CommittedMemory, fail: (negated: number, syscall: string) => Error) {
    const calls = completionCalls();
    const { address } = memory;
    const view = new DataView(memory.buffer, 0, TEXT + 2 * NAME.length);
    for (let i = 0; i < NAME.length; i++) view.setUint16(TEXT + 2 * i, NAME.charCodeAt(i), true);
    view.setUint16(STRING, 2 * NAME.length, true);
    view.setUint16(STRING + 2, 2 * NAME.length, true);
    view.setBigInt64(STRING + 8, BigInt(address + TEXT), true);
    view.setUint32(ATTRIBUTES, ATTRIBUTES_SIZE, true);
    view.setBigInt64(ATTRIBUTES + 16, BigInt(address + STRING), true);
    const status = calls.createFile(
      address + HANDLE,
      SYNCHRONIZE,
      address + ATTRIBUTES,
      address + STATUS,
      0,
      0,
      FILE_SHARE_READ_WRITE,
      FILE_OPEN,
      0,
      0,
      0,
    );
    this.handle = Number(view.getBigInt64(HANDLE, true));
    new Uint8Array(memory.buffer, 0, view.byteLength).fill(0);
    if (status !== 0) throw fail(-errnoOf(calls.dosError(status)), 'NtCreateFile');
    if (calls.createPort(this.handle, port, 0, 0) === 0) {
      const error = calls.lastError();
      this.close();
      throw fail(-errnoOf(error), 'CreateIoCompletionPort');
    }
  }

  close(): void {
    completionCalls().closeHandle(this.handle);
  }
}
