import { TaskLoop } from '@tsyncio/futures-tasks';
import type { OSError } from '@tsyncio/core';
import { IocpProactor } from '@tsyncio/proactor-io';
import { type Socket, socketpair, sockRecv, type StreamChannel, type StreamSink } from '@tsyncio/socket';
import { CommittedMemory, CompletionPort, E, PENDING, POLLIN, POLLOUT, systemError } from '@tsyncio/socket/native';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';

import { PortQueue } from '../../src/iocp/port-queue.js';
import { Operation } from '../../src/operation.js';
import { bytesOf, closed, Packets } from './support/packets.js';

leakAudit();
jest.setTimeout(60_000); // a busy machine

/** A repeatable source of chance. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const nonblockingPair = (): [Socket, Socket] => socketpair(undefined, undefined, 0, { nonblocking: true });

/** The byte at a place of the stream that every connection carries. */
const byteAt = (at: number): number => (at * 31 + (at >>> 8)) & 0xff;
const piece = (from: number, length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => byteAt(from + i)));

/** Bytes of one buffer, and of the guards before and behind it. */
const LENGTH = 1000;
const GUARD = 64;
const CANARY = 0xa5;

/** A connection whose receives land between guards. */
class Guarded {
  readonly near: Socket;
  readonly far: Socket;
  readonly skips: boolean;
  sent = 0;
  received = 0;
  /** The slot of the pending receive, and how much it asks for. */
  slot = -1;
  asked = 0;
  question = -1;
  cancelled = 0;
  readonly problems: unknown[] = [];

  constructor(
    private readonly packets: Packets,
    private readonly memory: CommittedMemory,
    private readonly at: number,
  ) {
    [this.near, this.far] = nonblockingPair();
    this.skips = packets.port.attach(this.near.fileno()) === 1;
    this.clean();
  }

  private clean(): void {
    bytesOf(this.memory, this.at, LENGTH + 2 * GUARD).fill(CANARY);
  }

  /** Nothing was written where nothing may be: around what was asked for, or anywhere while nothing is pending. */
  checkGuards(): void {
    const all = bytesOf(this.memory, this.at, LENGTH + 2 * GUARD);
    const used = this.slot < 0 ? 0 : this.asked;
    const around = [all.subarray(0, GUARD), all.subarray(GUARD + used)];
    if (!around.every((guard) => guard.every((byte) => byte === CANARY))) this.problems.push('a guard was overwritten');
  }

  private take(length: number): void {
    const data = bytesOf(this.memory, this.at + GUARD, length);
    for (const byte of data) if (byte !== byteAt(this.received++)) this.problems.push(`byte ${this.received} is wrong`);
    this.slot = -1;
    this.checkRest(length);
    this.clean();
  }

  private checkRest(length: number): void {
    const rest = bytesOf(this.memory, this.at + GUARD + length, LENGTH + GUARD - length);
    if (!rest.every((byte) => byte === CANARY)) this.problems.push('more was written than was received');
  }

  receive(length: number): void {
    if (this.slot >= 0) return;
    const { packets, near } = this;
    this.asked = length;
    const address = this.memory.address + this.at + GUARD;
    const { slot, result } = packets.begin(
      (slot) => packets.port.receive(slot, near.fileno(), address, length, this.skips),
      (result) => this.done(result),
    );
    if (result === PENDING) this.slot = slot;
    else this.take(result);
  }

  ask(events: number): void {
    if (this.question >= 0) return;
    const { port } = this.packets;
    this.question = this.packets.begin(
      (slot) => port.poll(slot, this.near.fileno(), events),
      () => (this.question = -1),
    ).slot;
  }

  cancel(): void {
    if (this.slot >= 0) this.packets.port.cancel(this.slot);
    if (this.question >= 0) this.packets.port.cancel(this.question);
  }

  private done(result: number): void {
    if (result >= 0) this.take(result);
    else if (result !== -E.ECANCELED) this.problems.push(result);
    else {
      this.slot = -1;
      this.cancelled++;
      this.checkGuards();
    }
  }

  send(length: number): void {
    const taken = this.far.trySend(piece(this.sent, length));
    if (taken > 0) this.sent += taken;
  }

  close(): void {
    this.near.close();
    this.far.close();
  }
}

test.each([1, 2, 3])(
  'receives and questions that are cancelled while they complete: no byte lost, twice or astray (seed %i)',
  async (seed) => {
    const port = new CompletionPort(systemError, 256);
    const packets = new Packets(port);
    const size = LENGTH + 2 * GUARD;
    const memory = new CommittedMemory(40 * size, systemError);
    const connections = Array.from({ length: 40 }, (_, i) => new Guarded(packets, memory, i * size));
    const chance = random(seed);
    const pick = (): Guarded => connections[chance(connections.length)]!;
    const actions: (() => void)[] = [
      ...new Array<() => void>(8).fill(() => pick().receive(1 + chance(LENGTH))),
      () => pick().ask(chance(2) === 0 ? POLLIN : POLLIN | POLLOUT),
      () => pick().send(1 + chance(600)),
      () => pick().cancel(),
      () => {
        const one = pick();
        one.send(1 + chance(100));
        one.cancel(); // at the moment when it completes
      },
      () => pick().checkGuards(),
      () => void port.collect(packets),
      () => port.wait(() => undefined),
      () => port.endWait(),
    ];
    for (const end = performance.now() + 2500; performance.now() < end;) {
      for (let n = chance(40); n > 0; n--) actions[chance(actions.length)]!();
      port.collect(packets);
      if (chance(3) === 0) await turn();
    }
    port.endWait();
    while (connections.some(({ sent, received }) => received < sent)) {
      for (const connection of connections) if (connection.received < connection.sent) connection.receive(LENGTH);
      port.collect(packets);
      await turn();
    }
    expect(packets.stray).toEqual([]);
    expect(connections.flatMap(({ problems }) => problems)).toEqual([]);
    expect(connections.reduce((sum, { cancelled }) => sum + cancelled, 0)).toBeGreaterThan(20);
    expect(connections.reduce((sum, { received }) => sum + received, 0)).toBeGreaterThan(50_000);
    for (const connection of connections) connection.receive(LENGTH);
    await closed(port, packets);
    expect(port.pending).toBe(0);
    for (const connection of connections) {
      connection.checkGuards(); // nothing was written after the end
      connection.close();
    }
    expect(connections.flatMap(({ problems }) => problems)).toEqual([]);
    memory.free();
  },
);

/** A connection of a loop that checks what it receives. */
class Connection implements StreamSink {
  readonly far: Socket;
  readonly channel: StreamChannel;
  buffered = false;
  sent = 0;
  received = 0;
  paused = true;
  private readonly memory = Buffer.alloc(1000);

  constructor(loop: TaskLoop<IocpProactor>) {
    const [near, far] = nonblockingPair();
    this.far = far;
    this.channel = loop.backend.openStream(near, this, loop);
  }

  resume(): void {
    this.paused = false;
    this.channel.startReading();
  }
  pause(): void {
    this.paused = true;
    this.channel.stopReading();
  }
  send(length: number): void {
    const taken = this.far.trySend(piece(this.sent, length));
    if (taken > 0) this.sent += taken;
  }

  private check(data: Uint8Array): void {
    for (const byte of data) if (byte !== byteAt(this.received++)) throw new Error(`byte ${this.received} is wrong`);
    if (this.paused) throw new Error('data while paused');
  }
  getBuffer(): Uint8Array {
    return this.memory;
  }
  onBuffer(nbytes: number): void {
    this.check(this.memory.subarray(0, nbytes));
  }
  onData(data: Buffer): void {
    this.check(data);
  }
  onEof(): void {
    throw new Error('the end of the stream');
  }
  onWritable(): void {
    this.channel.unwatchWritable();
  }
  onError(error: OSError): void {
    throw error;
  }
  isClosing(): boolean {
    return false;
  }
}

/** The other end is closed. (Reset, if it had not received everything.) */
async function expectEnd(far: Socket): Promise<void> {
  for (;;) {
    let result: unknown;
    try {
      result = far.recv(10).length;
    } catch (error) {
      result = (error as OSError).code;
    }
    if (result === 'EAGAIN') {
      await turn(); // a pending receive is cancelled before, and its packet waited for
      continue;
    }
    expect([0, 'ECONNRESET', 'ECONNABORTED']).toContain(result);
    return;
  }
}

test.each([1, 2])('random opens, sends, pauses, watches and closes on a loop: seed %i', async (seed) => {
  const loop = new TaskLoop({ backend: new IocpProactor() });
  const reports = recordExceptions(loop);
  const chance = random(seed);
  const connections: Connection[] = [];
  const gone: Socket[] = [];
  let bytes = 0;
  const pick = (): Connection | undefined => connections[chance(connections.length)];
  const actions: (() => void)[] = [
    () => void (connections.length < 100 && connections.push(new Connection(loop))),
    () => pick()?.send(1 + chance(100)),
    () => pick()?.send(1 + chance(20_000)),
    () => pick()?.resume(),
    () => pick()?.resume(),
    () => pick()?.pause(),
    () => pick()?.channel.watchWritable(),
    () => pick()?.channel.unwatchWritable(),
    () => {
      const connection = pick();
      if (connection !== undefined) connection.buffered = !connection.buffered;
    },
    () => {
      if (connections.length < 25) return;
      const [connection] = connections.splice(chance(connections.length), 1) as [Connection];
      bytes += connection.received;
      connection.channel.close();
      gone.push(connection.far);
    },
  ];
  await loop.runUntilComplete(async () => {
    for (const end = performance.now() + 2500; performance.now() < end;) {
      for (let n = chance(60); n > 0; n--) actions[chance(actions.length)]!();
      await turn();
    }
    for (const connection of connections) connection.resume();
    while (connections.some(({ sent, received }) => received < sent)) await turn();
    for (const { received } of connections) bytes += received;
    for (const far of gone) await expectEnd(far);
  });
  expect(reports).toEqual([]);
  expect(bytes).toBeGreaterThan(100_000);
  expect(gone.length).toBeGreaterThan(20);
  loop.close(); // with receives and questions pending
  for (const far of [...gone, ...connections.map(({ far }) => far)]) {
    if (!gone.includes(far)) await expectEnd(far);
    far.close();
  }
});

test('PROACTOR-31 a loop is closed with a thousand operations in flight: all end, and the other ends learn of it', async () => {
  const loop = new TaskLoop({ backend: new IocpProactor() });
  const connections = Array.from({ length: 700 }, () => new Connection(loop));
  const waiting = Array.from({ length: 300 }, () => nonblockingPair());
  const operations = waiting.map(([end]) => sockRecv(loop, end, 10));
  for (const connection of connections) connection.resume();
  await loop.runUntilComplete(turn);
  const { queue } = loop.backend;
  expect(queue.pending).toBe(1000);
  const over = new Promise<void>((resolve) => {
    const { onClosed } = queue;
    queue.onClosed = () => {
      onClosed();
      resolve();
    };
  });
  const began = performance.now();
  loop.close();
  await over;
  expect(performance.now() - began).toBeLessThan(5000);
  expect(queue.pending).toBe(0);
  expect(operations.every((operation) => !operation.done())).toBe(true);
  for (const { far } of connections) {
    await expectEnd(far);
    far.close();
  }
  for (const pair of waiting) for (const socket of pair) socket.close();
});

/** Waits once for a socket to be readable. */
class Question extends Operation {
  readonly results: number[] = [];
  constructor(
    private readonly queue: PortQueue,
    private readonly fd: number,
  ) {
    super();
  }
  override reconcile(): void {
    if (this.wanted && this.slot < 0) this.queue.poll(this, this.fd, POLLIN);
  }
  override completed(result: number): void {
    this.results.push(result);
    this.queue.unwant(this);
  }
}

test('more operations than slots: those that found none are begun when one is free', async () => {
  const queue = new PortQueue(8);
  const pairs = Array.from({ length: 20 }, () => nonblockingPair());
  const questions = pairs.map(([near]) => new Question(queue, near.fileno()));
  for (const question of questions) queue.want(question);
  queue.advance();
  expect(queue.pending).toBe(8);
  for (const [, far] of pairs) far.send(Buffer.from('x'));
  while (questions.some(({ results }) => results.length === 0)) {
    queue.advance();
    expect(queue.pending).toBeLessThanOrEqual(8);
    await turn();
  }
  expect(questions.every(({ results }) => results.length === 1 && results[0]! > 0)).toBe(true);
  await new Promise<void>((resolve) => {
    queue.onClosed = resolve;
    queue.cancelAll();
    queue.close();
  });
  for (const pair of pairs) for (const socket of pair) socket.close();
});

/** Receives single bytes, one in each poll. */
class Eager extends Operation {
  received = 0;
  constructor(
    private readonly queue: PortQueue,
    private readonly fd: number,
    private readonly address: number,
  ) {
    super();
  }
  override reconcile(): void {
    if (this.wanted && this.slot < 0) this.queue.receive(this, this.fd, this.address, 1, true);
  }
  override completed(result: number): void {
    this.received += result;
    if (this.wanted) this.queue.touch(this);
  }
}

test('a connection whose receives complete at once, poll after poll, does not keep the packets of others waiting', async () => {
  const queue = new PortQueue(8);
  const memory = new CommittedMemory(4096, systemError);
  const [near, far] = nonblockingPair();
  const [other, otherFar] = nonblockingPair();
  expect(queue.attach(near.fileno())).toBe(1);
  far.send(Buffer.alloc(1000));
  otherFar.send(Buffer.from('x'));
  const eager = new Eager(queue, near.fileno(), memory.address);
  const question = new Question(queue, other.fileno());
  queue.want(eager);
  queue.want(question);
  while (question.results.length === 0) queue.advance();
  expect(eager.received).toBeLessThan(900);
  await new Promise<void>((resolve) => {
    queue.onClosed = resolve;
    queue.unwant(eager);
    queue.close();
  });
  memory.free();
  for (const socket of [near, far, other, otherFar]) socket.close();
});
