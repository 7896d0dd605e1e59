import { type CommittedMemory, type CompletionPort, PENDING, type PortCompletions } from '@tsyncio/socket/native';

/** What a port has given out, by slot. Every slot gets one packet for each request. */
export class Packets implements PortCompletions {
  readonly results = new Map<number, number>();
  /** Packets of slots that had none to come. */
  readonly stray: number[] = [];
  private readonly expected = new Map<number, (result: number) => void>();

  constructor(readonly port: CompletionPort) {}

  /**
   * A slot, and what the request with it said.
   *
   * @param done - Gets the result of the packet.
   */
  begin(
    request: (slot: number) => number,
    done: (result: number) => void = () => undefined,
  ): { readonly slot: number; readonly result: number } {
    const slot = this.port.take();
    if (slot < 0) throw new Error('no slot left');
    if (this.expected.has(slot)) throw new Error(`slot ${slot} is taken already`);
    const result = request(slot);
    this.results.delete(slot);
    if (result === PENDING) this.expected.set(slot, done);
    return { slot, result };
  }

  completed(slot: number, result: number): void {
    const done = this.expected.get(slot);
    if (done === undefined) {
      this.stray.push(slot);
      return;
    }
    this.expected.delete(slot);
    this.results.set(slot, result);
    done(result);
  }

  /** The result of a request that is pending, once its packet has come. */
  async result(slot: number): Promise<number> {
    await this.until(() => this.results.has(slot));
    return this.results.get(slot)!;
  }

  /** Collects until something holds; the test's own limit of time ends it otherwise. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.port.collect(this)) continue;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** Closes a port, and waits until it is closed. */
export function closed(port: CompletionPort, completions: PortCompletions): Promise<void> {
  return new Promise((resolve) => port.close(completions, resolve));
}

/** A part of memory, as bytes. */
export function bytesOf(memory: CommittedMemory, at: number, length: number): Buffer {
  return Buffer.from(memory.buffer, at, length);
}
