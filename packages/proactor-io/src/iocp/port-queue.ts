import type { Address } from '@tsyncio/socket';
import { CompletionPort, PENDING, type PortCompletions, systemError } from '@tsyncio/socket/native';

import type { CompletionQueue } from '../completion-queue.js';
import type { Operation } from '../operation.js';
import { OperationQueue } from '../operation-queue.js';

/** How many polls that have something to do already may leave the port alone. Asking an empty port costs as much as a receive. */
const UNASKED_POLLS = 3;

/** A completion port with its pending operations, and how a sleeping loop learns of completions. */
export class PortQueue extends OperationQueue implements CompletionQueue, PortCompletions {
  private readonly port: CompletionPort;
  private readonly operations: (Operation | null)[] = [];
  /** Found no slot; tried again when one is free. */
  private waiting: Operation[] = [];
  /** A request of this poll needed no packet. */
  private completedAtOnce = false;
  /** Polls since the port was asked. */
  private unasked = 0;
  /** The slot of the operation that is being told. */
  private completing = -1;
  /** Called when nothing is pending any more, after {@link close}. */
  onClosed: () => void = () => undefined;

  /** @param room - As of {@link CompletionPort}. */
  constructor(room?: number) {
    super();
    this.port = new CompletionPort(systemError, room);
  }

  /** Requests that are pending in the kernel. */
  get pending(): number {
    return this.port.pending;
  }

  /** @returns As {@link CompletionPort.attach}. */
  attach(socket: number): number {
    return this.port.attach(socket);
  }

  poll(operation: Operation, fd: number, events: number): void {
    const slot = this.begin(operation);
    if (slot >= 0) this.settle(operation, this.port.poll(slot, fd, events));
  }

  /**
   * Receives into memory that stays where it is until the completion.
   *
   * @param skips - What {@link attach} said.
   */
  receive(operation: Operation, fd: number, address: number, length: number, skips: boolean): void {
    const slot = this.begin(operation);
    if (slot >= 0) this.settle(operation, this.port.receive(slot, fd, address, length, skips));
  }

  /** Receives a datagram, as {@link receive}. */
  receiveFrom(operation: Operation, fd: number, address: number, length: number, skips: boolean): void {
    const slot = this.begin(operation);
    if (slot >= 0) this.settle(operation, this.port.receiveFrom(slot, fd, address, length, skips));
  }

  /** Who sent the datagram whose receive is being completed; null if that has no address. */
  sender(): Address | null {
    return this.port.sender(this.completing);
  }

  /** @returns As {@link CompletionPort.attachPipe}. */
  attachPipe(pipe: number): number {
    return this.port.attachPipe(pipe);
  }

  /** Reads from a pipe into memory that stays where it is until the completion. */
  readFile(operation: Operation, pipe: number, address: number, length: number): void {
    const slot = this.begin(operation);
    if (slot >= 0) this.settle(operation, this.port.readFile(slot, pipe, address, length));
  }

  /** Writes to a pipe, as {@link readFile}. */
  writeFile(operation: Operation, pipe: number, address: number, length: number): void {
    const slot = this.begin(operation);
    if (slot >= 0) this.settle(operation, this.port.writeFile(slot, pipe, address, length));
  }

  /** Sends a part of a file: see {@link CompletionPort.transmitFile}. */
  transmitFile(operation: Operation, fd: number, file: number, offset: number, length: number, skips: boolean): void {
    const slot = this.begin(operation);
    if (slot >= 0) this.settle(operation, this.port.transmitFile(slot, fd, file, offset, length, skips));
  }

  /** Waits for the client of an instance. */
  connectNamedPipe(operation: Operation, pipe: number): void {
    const slot = this.begin(operation);
    if (slot >= 0) this.settle(operation, this.port.connectNamedPipe(slot, pipe));
  }

  cancel(operation: Operation): void {
    if (operation.slot < 0 || operation.cancelling) return;
    operation.cancelling = true;
    this.port.cancel(operation.slot);
  }

  cancelNow(first: Operation, second: Operation | null = null): void {
    for (const operation of [first, second]) {
      if (operation === null) continue;
      this.unwant(operation);
      this.cancel(operation);
    }
  }

  /** A packet. */
  completed(slot: number, result: number): void {
    if (this.waiting.length > 0) this.retry();
    this.completing = slot;
    const operation = this.operations[slot]!;
    this.operations[slot] = null;
    operation.slot = -1;
    operation.cancelling = false;
    operation.completed(result, 0);
  }

  advance(): void {
    this.polls++;
    this.completedAtOnce = false;
    this.reconcile();
    if (this.completedAtOnce && this.unasked < UNASKED_POLLS) this.unasked++;
    else {
      this.unasked = 0;
      this.port.collect(this);
    }
  }

  arm(turn: () => void): void {
    this.turn = turn;
    if (this.wanted === 0) return;
    if (this.touched.length > 0) turn();
    else this.port.wait(turn);
  }

  disarm(): void {
    if (this.turn === null) return;
    this.turn = null;
    this.port.endWait();
  }

  /** The port does it in {@link close}, which waits for a thread. */
  cancelAll(): boolean {
    this.touched.length = 0;
    return false;
  }

  close(): void {
    this.disarm();
    this.port.close(this, () => this.onClosed());
  }

  private begin(operation: Operation): number {
    this.markBegun(operation);
    const slot = this.port.take();
    if (slot < 0) {
      this.waiting.push(operation);
      return -1;
    }
    operation.slot = slot;
    this.operations[slot] = operation;
    return slot;
  }

  private retry(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const operation of waiting) this.touch(operation);
  }

  /** What the call said: nothing is pending, unless it did. */
  private settle(operation: Operation, result: number): void {
    if (result === PENDING) return;
    this.completedAtOnce = true;
    this.completed(operation.slot, result);
  }
}
