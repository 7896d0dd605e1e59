import { ValueError } from '@tsyncio/core';

import { systemError } from '../errno.js';
import { addressOf, koffi } from '../koffi.js';
import { systemCalls } from '../platform.js';
import type { ReadySets } from '../posix/select.js';
import { win32Abi } from './abi.js';
import { errnoOf } from './errors.js';

/** How many sockets `select` takes of each kind: winsock goes by the count that stands in the set; this is Python's limit. */
const FD_SETSIZE = 512;
/** `struct fd_set { u_int count; SOCKET sockets[]; }` */
const SET_BYTES = 8 + 8 * FD_SETSIZE;
/** `struct timeval { long sec; long usec; }`, of 32 bits each. */
const TIMEVAL = 3 * SET_BYTES;

function declareSelect() {
  systemCalls(); // starts winsock
  const winsock = koffi().load('ws2_32.dll');
  const pointer = 'uintptr_t';
  type Select = (count: number, read: number, write: number, except: number, timeout: number) => number;
  return {
    select: winsock.func('__stdcall', 'select', 'int', [
      'int',
      pointer,
      pointer,
      pointer,
      pointer,
    ]) as unknown as Select,
    lastError: winsock.func('__stdcall', 'WSAGetLastError', 'int', []) as unknown as () => number,
  };
}

/**
 * Negative unless a number is an open socket: the negated error number. Whatever else is asked about it may abort the process (`uv_poll`) or fail
 * for all sockets at once (`select`).
 */
export function isSocket(s: number): number {
  const type = systemCalls().getOption(s, win32Abi.SOL_SOCKET, win32Abi.SO_TYPE);
  return typeof type === 'number' ? type : 0;
}

/**
 * What winsock's `select` is asked: two lists of sockets. It overwrites them, so it gets copies. A third one, for exceptional conditions, has those
 * that are watched for writing: a connect that failed is told there and nowhere else.
 */
export class SocketSets implements ReadySets {
  private readonly c = declareSelect();
  private readonly reading = new Set<number>();
  private readonly writing = new Set<number>();
  private readonly memory = new Uint32Array(new ArrayBuffer(TIMEVAL + 8));
  private readonly address = addressOf(this.memory.buffer);

  set(s: number, read: boolean, write: boolean): void {
    const { reading, writing } = this;
    const isNew = !reading.has(s) && !writing.has(s);
    reading.delete(s);
    writing.delete(s);
    if ((read && reading.size === FD_SETSIZE) || (write && writing.size === FD_SETSIZE)) {
      throw new ValueError(`too many sockets for select(): FD_SETSIZE is ${FD_SETSIZE}`);
    }
    const failed = isNew && (read || write) ? isSocket(s) : 0;
    if (failed < 0) throw systemError(failed, 'select');
    if (read) reading.add(s);
    if (write) writing.add(s);
  }

  wait(seconds: number): number {
    const { memory, address, c } = this;
    if (this.reading.size + this.writing.size === 0) return sleep(seconds); // `select` refuses three empty sets
    this.fill(0, this.reading);
    this.fill(1, this.writing);
    this.fill(2, this.writing);
    const micros = Math.ceil(seconds * 1e6);
    memory[TIMEVAL / 4] = Math.floor(micros / 1e6);
    memory[TIMEVAL / 4 + 1] = micros % 1e6;
    const n = c.select(0, address, address + SET_BYTES, address + 2 * SET_BYTES, address + TIMEVAL);
    return n < 0 ? -errnoOf(c.lastError()) : n;
  }

  report(_ready: number, visit: (s: number, readable: boolean, writable: boolean) => void): void {
    const readable = this.answer(0);
    const writable = new Set([...this.answer(1), ...this.answer(2)]);
    for (const s of readable) visit(s, true, writable.delete(s));
    for (const s of writable) visit(s, false, true);
  }

  private fill(set: number, sockets: ReadonlySet<number>): void {
    const { memory } = this;
    let at = (set * SET_BYTES) / 4;
    memory[at] = sockets.size;
    for (const s of sockets) memory[(at += 2)] = s; // the upper half of a SOCKET is 0
  }

  /** The sockets that are left in a set. */
  private answer(set: number): number[] {
    const { memory } = this;
    const at = (set * SET_BYTES) / 4;
    return Array.from({ length: memory[at]! }, (_, index) => memory[at + 2 + 2 * index]!);
  }
}

/** Stops the thread. */
function sleep(seconds: number): 0 {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  return 0;
}
