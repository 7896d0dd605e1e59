import { nodeClock } from '@tsyncio/core';

import type { Address } from '../../address.js';
import { E } from '../errno.js';
import { POLLIN, POLLOUT } from '../posix/poll.js';
import { decodeAddress } from '../posix/sockaddr.js';
import { win32Abi } from './abi.js';
import { AfdDevice } from './afd-device.js';
import { CommittedMemory } from './committed-memory.js';
import { type CompletionCalls, completionCalls } from './completion-calls.js';
import { errnoOf } from './errors.js';

/** Turns a negated error number into what to throw. */
type Fail = (negated: number, syscall: string) => Error;

/** Gets what has completed. */
export interface PortCompletions {
  /**
   * The packet of an operation: its slot is free from now on. Must not throw.
   *
   * @param result - Bytes, or for {@link CompletionPort.poll} the events; or a negated error number.
   */
  completed(slot: number, result: number): void;
}

/** An operation that was begun: its packet will come. */
export const PENDING = -(2 ** 31);

/** Operations that can be pending at a time: 8 MiB, of which the used pages exist. */
const SLOTS = 64 * 1024;
/**
 * A slot: `OVERLAPPED` at 0, which is also the `IO_STATUS_BLOCK` of native calls; from 32 on what the operation needs: a `WSABUF`, and behind it the
 * count, the flags and the sender of a receive; or the `AFD_POLL_INFO`.
 */
const SLOT = 128;
const INTERNAL_HIGH = 8;
const OFFSET = 16;
const ARGUMENTS = 32;
const COUNT = 48;
const FLAGS = 52;
const SENDER = 56;
const SENDER_LENGTH = 84;
/** A `sockaddr_in6`, the longest there is. */
const SENDER_MAX = SENDER_LENGTH - SENDER;

/** `OVERLAPPED_ENTRY`: the key at 0, the overlapped at 8, the status at 16, the bytes at 24. */
const ENTRY = 32;
const ENTRIES = 64;
/** Rounds of one harvest: what completes meanwhile may come in the next one. */
const ROUNDS = 8;

/** Longest asynchronous wait: `terminate()` of a worker and `process.exit` wait for it. */
const WAIT_MS = 1000;

/** A wait that was shorter than this shows a peer that answers at once. */
const SHORT_WAIT_S = 0.001;
/** How often a port is asked again then, before a thread waits. */
const INSISTENCE = 3;

const ERROR_IO_PENDING = 997;
const STATUS_PENDING = 0x103;
/** A message was longer than the memory: the rest comes with the next read. */
const ERROR_MORE_DATA = 234;
const STATUS_BUFFER_OVERFLOW = 0x80000005 | 0;
/** The client was there before. */
const ERROR_PIPE_CONNECTED = 535;
const SKIP_COMPLETION_PORT_ON_SUCCESS = 1;
const SKIP_SET_EVENT_ON_HANDLE = 2;
const IOCTL_AFD_POLL = 0x00012024;
/** `AFD_POLL_INFO` for one handle. */
const POLL_INFO = 32;
const POLL_EVENTS = 24;

/** `AFD_POLL_...` */
const RECEIVE = 0x1;
const SEND = 0x4;
const DISCONNECT = 0x8;
const ABORT = 0x10;
const LOCAL_CLOSE = 0x20;
const ACCEPT = 0x80;
const CONNECT_FAIL = 0x100;
const READABLE = RECEIVE | DISCONNECT | ABORT | ACCEPT | LOCAL_CLOSE;
const WRITABLE = SEND | ABORT | CONNECT_FAIL | LOCAL_CLOSE;

/**
 * An I/O completion port, with the memory of its operations: what the kernel owns from the call on until the packet is taken out, also after
 * cancelling and after closing the handle.
 *
 * While an asynchronous {@link wait} is under way, nobody else takes packets: they come with its end.
 */
export class CompletionPort {
  /** Operations whose packet has not come. */
  pending = 0;
  private readonly calls: CompletionCalls = completionCalls();
  private readonly slots: CommittedMemory;
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly harvest: EntryMemory;
  private readonly waited: EntryMemory;
  private readonly port: number;
  private readonly afd: AfdDevice;
  /** The handles of pending operations, and for polls 0. */
  private readonly handles: number[] = [];
  private readonly isPending: Uint8Array;
  private readonly free: number[] = [];
  private waiting = false;
  /** The packets of a wait that is over stand in {@link waited}. */
  private arrived = false;
  /** How often an empty port is asked again. */
  private insistence = 0;
  private waitBegan = 0;
  private closing: (() => void) | null = null;
  private onArrival: (() => void) | null = null;

  /**
   * @param fail - Makes what is thrown.
   * @param room - Operations that can be pending at a time.
   */
  constructor(
    fail: Fail,
    private readonly room = SLOTS,
  ) {
    const { calls } = this;
    this.isPending = new Uint8Array(room);
    this.port = calls.createPort(-1, 0, 0, 1);
    if (this.port === 0) throw fail(-errnoOf(calls.lastError()), 'CreateIoCompletionPort');
    const made: { free(): void }[] = [];
    const keep = <T extends { free(): void }>(one: T): T => {
      made.push(one);
      return one;
    };
    try {
      this.slots = keep(new CommittedMemory(room * SLOT, fail));
      this.harvest = keep(new EntryMemory(fail));
      this.waited = keep(new EntryMemory(fail));
      this.afd = new AfdDevice(this.port, this.slots, fail);
    } catch (error) {
      for (const one of made) one.free();
      calls.closeHandle(this.port);
      throw error;
    }
    this.words = new Int32Array(this.slots.buffer);
    this.bytes = new Uint8Array(this.slots.buffer);
  }

  /**
   * Has a socket report its overlapped operations here. A socket belongs to one port for its life.
   *
   * @returns 1 if what succeeds at once makes no packet, else 0; or the negated error number (`EINVAL`: it belongs to a port already).
   */
  attach(s: number): number {
    const { calls } = this;
    if (calls.createPort(s, this.port, 0, 0) === 0) return -errnoOf(calls.lastError());
    return Number(calls.setNotificationModes(s, SKIP_COMPLETION_PORT_ON_SUCCESS | SKIP_SET_EVENT_ON_HANDLE) !== 0);
  }

  /** As {@link attach}, for a pipe: all that succeeds makes a packet. @returns 0, or the negated error number. */
  attachPipe(pipe: number): number {
    const { calls } = this;
    return calls.createPort(pipe, this.port, 0, 0) === 0 ? -errnoOf(calls.lastError()) : 0;
  }

  /** A slot for the next operation; -1 if there is none left. What is begun with it fails or gets its packet; both give it back. */
  take(): number {
    const slot = this.free.pop() ?? (this.handles.length < this.room ? this.handles.length : -1);
    if (slot === this.handles.length) this.handles.push(0);
    return slot;
  }

  /**
   * One completion when one of `events` (`POLLIN`, `POLLOUT`) holds for a socket. An error condition or the end of the connection counts as both; a
   * socket that is closed meanwhile is `EBADF`.
   *
   * @returns {@link PENDING}, or the negated error number.
   */
  poll(slot: number, s: number, events: number): number {
    const { words, calls } = this;
    const at = this.clear(slot);
    // The longest time: smaller ones are dates.
    words[(at + ARGUMENTS) / 4] = -1;
    words[(at + ARGUMENTS) / 4 + 1] = 0x7fffffff;
    words[(at + ARGUMENTS) / 4 + 2] = 1; // handle
    words[(at + ARGUMENTS) / 4 + 3] = 0; // not exclusive
    this.setLong(at + ARGUMENTS + 16, s);
    words[(at + ARGUMENTS + POLL_EVENTS) / 4] =
      ((events & POLLIN) !== 0 ? READABLE : 0) | ((events & POLLOUT) !== 0 ? WRITABLE : 0);
    words[(at + ARGUMENTS + POLL_EVENTS) / 4 + 1] = 0;
    const address = this.slots.address + at;
    const info = address + ARGUMENTS;
    const { handle } = this.afd;
    const status = calls.control(handle, 0, 0, address, address, IOCTL_AFD_POLL, info, POLL_INFO, info, POLL_INFO);
    // Done at once or not, there will be a packet.
    return status === 0 || status === STATUS_PENDING ? this.begun(slot, 0) : this.refused(slot, calls.dosError(status));
  }

  /**
   * Receives from a connected socket that is attached.
   *
   * @param skips - What {@link attach} said.
   * @returns the bytes, if they were there already and no packet will come; {@link PENDING}; or the negated error number.
   */
  receive(slot: number, s: number, address: number, length: number, skips: boolean): number {
    const base = this.prepare(slot, address, length);
    const failed = this.calls.receive(s, base + ARGUMENTS, 1, base + COUNT, base + FLAGS, base, 0);
    return this.ofReceive(slot, s, failed, skips);
  }

  /**
   * Receives a datagram from a bound socket that is attached, as {@link receive}; {@link sender} tells whose it is.
   *
   * @param length - No datagram is longer: what is cut off is lost.
   */
  receiveFrom(slot: number, s: number, address: number, length: number, skips: boolean): number {
    const base = this.prepare(slot, address, length);
    this.words[(slot * SLOT + SENDER_LENGTH) / 4] = SENDER_MAX;
    const [count, flags] = [base + COUNT, base + FLAGS];
    const [from, fromLength] = [base + SENDER, base + SENDER_LENGTH];
    const failed = this.calls.receiveFrom(s, base + ARGUMENTS, 1, count, flags, from, fromLength, base, 0);
    return this.ofReceive(slot, s, failed, skips);
  }

  /** Who sent what the operation has received; until the slot is used again. */
  sender(slot: number): Address | null {
    const at = slot * SLOT;
    const address = decodeAddress(this.bytes, this.words[(at + SENDER_LENGTH) / 4]!, win32Abi, at + SENDER);
    return address === '' ? null : address;
  }

  private prepare(slot: number, address: number, length: number): number {
    const { words } = this;
    const at = this.clear(slot);
    words[(at + ARGUMENTS) / 4] = length;
    this.setLong(at + ARGUMENTS + 8, address);
    words[(at + COUNT) / 4] = 0;
    words[(at + FLAGS) / 4] = 0;
    return this.slots.address + at;
  }

  private ofReceive(slot: number, s: number, failed: number, skips: boolean): number {
    if (failed === 0 && skips) {
      this.free.push(slot);
      return this.words[(slot * SLOT + COUNT) / 4]!;
    }
    if (failed === 0) return this.begun(slot, s);
    const error = this.calls.lastError();
    return error === ERROR_IO_PENDING ? this.begun(slot, s) : this.refused(slot, error);
  }

  /** Reads from a pipe. @returns {@link PENDING}, or the negated error number. */
  readFile(slot: number, pipe: number, address: number, length: number): number {
    const overlapped = this.slots.address + this.clear(slot);
    return this.ofFile(slot, pipe, this.calls.readFile(pipe, address, length, 0, overlapped));
  }

  /** Writes to a pipe, as {@link readFile}. */
  writeFile(slot: number, pipe: number, address: number, length: number): number {
    const overlapped = this.slots.address + this.clear(slot);
    return this.ofFile(slot, pipe, this.calls.writeFile(pipe, address, length, 0, overlapped));
  }

  /** Waits for the client of an instance. @returns 0 if there is one already and no packet will come; otherwise as {@link readFile}. */
  connectNamedPipe(slot: number, pipe: number): number {
    const overlapped = this.slots.address + this.clear(slot);
    const done = this.calls.connectNamedPipe(pipe, overlapped);
    if (done !== 0 || this.calls.lastError() !== ERROR_PIPE_CONNECTED) return this.ofFile(slot, pipe, done);
    this.free.push(slot);
    return 0;
  }

  /**
   * Sends a part of a file over a connected socket that is attached.
   *
   * @param file - A descriptor of Node's.
   * @param skips - What {@link attach} said.
   * @returns As {@link receive}.
   */
  transmitFile(slot: number, s: number, file: number, offset: number, length: number, skips: boolean): number {
    const { words, calls } = this;
    const at = this.clear(slot);
    this.setLong(at + OFFSET, offset);
    const done = calls.transmitFile(s, calls.handleOf(file), length, 0, this.slots.address + at, 0, 0);
    if (done === 0 || !skips) return this.ofFile(slot, s, done);
    this.free.push(slot);
    return words[(at + INTERNAL_HIGH) / 4]!;
  }

  /** Asks a pending operation to end; its packet comes all the same, with `ECANCELED` or with its result. */
  cancel(slot: number): void {
    this.calls.cancel(this.handles[slot]! || this.afd.handle, this.slots.address + slot * SLOT);
  }

  /** Gives what has completed to its owner; does not block. @returns Whether there was anything. */
  collect(completions: PortCompletions): boolean {
    let any = false;
    if (this.arrived) {
      this.arrived = false;
      any = this.giveOut(this.waited, completions);
      // That was all that there was a moment ago.
      if (any && this.waited.count < ENTRIES) return true;
    }
    if (this.waiting) return any;
    for (let round = 0; round < ROUNDS && this.pending > 0; round++) {
      // Not more than there can be: as long as there is room, Wine asks once more.
      const room = Math.min(this.pending, ENTRIES);
      if (!this.takeUpTo(room) && (any || !this.insist(room))) break;
      if (this.giveOut(this.harvest, completions)) any = true;
      if (this.harvest.count < room) break;
    }
    return any;
  }

  private takeUpTo(count: number): boolean {
    const { entries, taken } = this.harvest;
    return this.calls.takeEntries(this.port, entries, count, taken, 0, 0) !== 0;
  }

  /** Where the last wait was short, asking a few times more is quicker than a thread that waits. */
  private insist(count: number): boolean {
    for (let i = 0; i < this.insistence; i++) if (this.takeUpTo(count)) return true;
    this.insistence = 0;
    return false;
  }

  /**
   * Waits for packets on a thread of libuv's pool, if that is not going on already, and calls `onArrival`, which must only schedule, when there are
   * some; until {@link endWait}.
   */
  wait(onArrival: () => void): void {
    this.onArrival = onArrival;
    if (this.arrived) onArrival();
    else if (!this.waiting) this.beginWait();
  }

  /** No call from now on. The thread comes back soon. */
  endWait(): void {
    this.onArrival = null;
    this.wakeThread();
  }

  /** Wakes the thread that waits, if one does: otherwise it keeps the process from ending, for a second at most. */
  wakeThread(): void {
    if (this.waiting) this.calls.post(this.port, 0, 0, 0);
  }

  /**
   * Cancels everything, and gives back the memory once the kernel has let go of it: at once, or when the thread that waits has come back. (A leak is
   * better than a stray write: what is still pending after a while stays.)
   *
   * @param closed - Called then.
   */
  close(completions: PortCompletions, closed: () => void): void {
    this.onArrival = null;
    for (let slot = 0; slot < this.handles.length; slot++) if (this.isPending[slot] === 1) this.cancel(slot);
    this.closing = () => {
      this.drain(completions);
      closed();
    };
    if (this.waiting) this.wakeThread();
    else this.closing();
  }

  private beginWait(): void {
    this.waiting = true;
    this.waitBegan = nodeClock.time();
    const { entries, taken } = this.waited;
    this.calls.awaitEntries(this.port, entries, ENTRIES, taken, WAIT_MS, this.waitOver);
  }

  private readonly waitOver = (error: Error | null, taken: number): void => {
    this.waiting = false;
    this.arrived = error === null && taken !== 0;
    this.insistence = this.arrived && nodeClock.time() - this.waitBegan < SHORT_WAIT_S ? INSISTENCE : 0;
    if (this.closing !== null) this.closing();
    else if (this.onArrival === null) return;
    else if (this.arrived) this.onArrival();
    else this.beginWait();
  };

  private drain(completions: PortCompletions): void {
    if (this.arrived) this.giveOut(this.waited, completions);
    this.arrived = false;
    for (let attempts = 0; this.pending > 0 && attempts < 20; attempts++) {
      const { entries, taken } = this.harvest;
      if (this.calls.takeEntries(this.port, entries, ENTRIES, taken, 50, 0) !== 0)
        this.giveOut(this.harvest, completions);
    }
    this.afd.close();
    this.calls.closeHandle(this.port);
    if (this.pending > 0) return;
    this.slots.free();
    this.harvest.free();
    this.waited.free();
  }

  private giveOut(memory: EntryMemory, completions: PortCompletions): boolean {
    const { count } = memory;
    let any = false;
    for (let i = 0; i < count; i++) {
      const overlapped = memory.overlapped(i);
      if (overlapped === 0) continue; // our own wake-up
      any = true;
      const slot = (overlapped - this.slots.address) / SLOT;
      // Of somebody else, who has the same socket: a process that inherited it reports here as well.
      if (this.isPending[slot] !== 1) continue;
      const result = this.resultOf(slot, memory.status(i), memory.bytes(i));
      this.pending--;
      this.isPending[slot] = 0;
      this.free.push(slot);
      completions.completed(slot, result);
    }
    return any;
  }

  private resultOf(slot: number, status: number, bytes: number): number {
    if (status !== 0 && status !== STATUS_BUFFER_OVERFLOW) return -errnoOf(this.calls.dosError(status));
    if (this.handles[slot] !== 0) return bytes;
    const events = this.words[(slot * SLOT + ARGUMENTS + POLL_EVENTS) / 4]!;
    return (events & LOCAL_CLOSE) !== 0 ? -E.EBADF : events;
  }

  /** Zeroes the `OVERLAPPED`. @returns Where the slot begins. */
  private clear(slot: number): number {
    const at = slot * SLOT;
    this.words.fill(0, at / 4, at / 4 + 8);
    return at;
  }

  /** Writes a number of 64 bits that is below 2^53. */
  private setLong(at: number, value: number): void {
    this.words[at / 4] = value | 0;
    this.words[at / 4 + 1] = Math.floor(value / 2 ** 32);
  }

  private ofFile(slot: number, file: number, done: number): number {
    const error = done === 0 ? this.calls.lastError() : ERROR_IO_PENDING;
    const willTell = error === ERROR_IO_PENDING || error === ERROR_MORE_DATA;
    return willTell ? this.begun(slot, file) : this.refused(slot, error);
  }

  private begun(slot: number, handle: number): number {
    this.handles[slot] = handle;
    this.pending++;
    this.isPending[slot] = 1;
    return PENDING;
  }

  private refused(slot: number, error: number): number {
    this.free.push(slot);
    return -errnoOf(error);
  }
}

/** Where packets are taken to. */
class EntryMemory {
  readonly entries: number;
  readonly taken: number;
  private readonly memory: CommittedMemory;
  private readonly words: Int32Array;

  constructor(fail: Fail) {
    this.memory = new CommittedMemory(ENTRIES * ENTRY + 8, fail);
    this.entries = this.memory.address;
    this.taken = this.memory.address + ENTRIES * ENTRY;
    this.words = new Int32Array(this.memory.buffer);
  }

  /** How many there are; of no meaning after a call that gave none. */
  get count(): number {
    return this.words[(ENTRIES * ENTRY) / 4]!;
  }

  overlapped(index: number): number {
    const at = (index * ENTRY + 8) / 4;
    return (this.words[at]! >>> 0) + this.words[at + 1]! * 2 ** 32;
  }

  status(index: number): number {
    return this.words[(index * ENTRY + 16) / 4]!;
  }

  bytes(index: number): number {
    return this.words[(index * ENTRY + 24) / 4]!;
  }

  free(): void {
    this.memory.free();
  }
}
