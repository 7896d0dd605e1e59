import { ValueError } from '@tsyncio/core';
import { sleep, TaskLoop, type Operation } from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { IncompleteReadError, LimitOverrunError, StreamReader } from '@tsyncio/streams';
import fc from 'fast-check';

leakAudit();

/** What a reader does, written down without any thought of speed: all bytes in one Buffer, and nobody waits. */
class Model {
  private at = 0;
  constructor(
    private readonly data: Buffer,
    private readonly limit: number,
  ) {}

  private take(n: number): Buffer {
    return this.data.subarray(this.at, (this.at += n));
  }

  private get rest(): Buffer {
    return this.data.subarray(this.at);
  }

  readAll(): string {
    return show(this.take(this.rest.length));
  }

  readexactly(n: number): string {
    const { rest } = this;
    if (rest.length >= n) return show(this.take(n));
    return `incomplete ${show(this.take(rest.length))} of ${n}`;
  }

  /** With everything fed before it is asked: where overruns are decided by the data alone. */
  readuntil(separators: readonly Buffer[]): string {
    const { rest, limit } = this;
    const longest = Math.max(...separators.map(({ length }) => length));
    const matches = separators
      .map((separator) => ({ start: rest.indexOf(separator), length: separator.length }))
      .filter(({ start }) => start >= 0)
      .sort((a, b) => a.start + a.length - (b.start + b.length) || a.length - b.length);
    const [match] = matches;
    if (match === undefined) {
      const searched = rest.length + 1 - longest;
      return searched > limit ? `overrun ${searched}` : `incomplete ${show(this.take(rest.length))} of null`;
    }
    if (match.start > limit) return `overrun ${match.start}`;
    return show(this.take(match.start + match.length));
  }

  readline(): string {
    const before = this.at;
    const found = this.rest.indexOf(10);
    const result = this.readuntil([Buffer.from('\n')]);
    if (result.startsWith('overrun')) {
      this.at = found < 0 ? this.data.length : before + found + 1;
      return 'too long';
    }
    return result.startsWith('incomplete') ? show(this.data.subarray(before)) : result;
  }
}

const show = (data: Buffer): string => JSON.stringify(data.toString('latin1'));

async function outcome(read: Operation<Buffer>): Promise<string> {
  try {
    return show(await read);
  } catch (error) {
    if (error instanceof IncompleteReadError) return `incomplete ${show(error.partial)} of ${String(error.expected)}`;
    if (error instanceof LimitOverrunError) return `overrun ${error.consumed}`;
    if (error instanceof ValueError) return 'too long';
    throw error;
  }
}

/** Few different bytes, so that there are many lines and separators. */
const letter = fc.constantFrom(...Buffer.from('\nab;'));
const separator = fc.array(letter, { minLength: 1, maxLength: 4 }).map((data) => Buffer.from(data));
const call = fc.oneof(
  fc.record({ method: fc.constant('readexactly' as const), n: fc.nat({ max: 30 }) }),
  fc.record({
    method: fc.constant('readuntil' as const),
    separators: fc.array(separator, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ method: fc.constant('readline' as const) }),
);
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });
const stream = fc.array(letter, { maxLength: 300 }).map((data) => Buffer.from(data));

/** The data in pieces: the sizes of `cuts`, over and over. */
function* pieces(data: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, i = 0; at < data.length; i++) {
    const size = sizes[i % sizes.length]!;
    yield data.subarray(at, at + size);
    at += size;
  }
}

type Call = typeof call extends fc.Arbitrary<infer C> ? C : never;

function begin(reader: StreamReader, each: Call): Operation<Buffer> {
  switch (each.method) {
    case 'readexactly':
      return reader.readexactly(each.n);
    case 'readuntil':
      return reader.readuntil(each.separators);
    default:
      return reader.readline();
  }
}

function expected(model: Model, each: Call): string {
  switch (each.method) {
    case 'readexactly':
      return model.readexactly(each.n);
    case 'readuntil':
      return model.readuntil(each.separators);
    default:
      return model.readline();
  }
}

async function inLoop(body: () => Promise<void>): Promise<void> {
  const loop = new TaskLoop();
  try {
    await loop.runUntilComplete(body);
  } finally {
    loop.close();
  }
}

test('STREAM-31 STREAM-37 STREAM-44 all fed before: a reader is its model, whatever the pieces', () =>
  inLoop(async () => {
    const property = fc.asyncProperty(
      stream,
      cuts,
      fc.integer({ min: 1, max: 60 }),
      fc.array(call, { maxLength: 30 }),
      async (data, sizes, limit, calls) => {
        const reader = new StreamReader({ limit });
        for (const piece of pieces(data, sizes)) reader.feedData(piece);
        reader.feedEof();
        const model = new Model(data, limit);
        for (const each of calls) expect(await outcome(begin(reader, each))).toBe(expected(model, each));
        expect(await outcome(reader.read())).toBe(model.readAll());
        expect(reader.atEof()).toBe(true);
      },
    );
    await fc.assert(property, { numRuns: 500 });
  }));

test('the same while the data comes, with a limit that is never reached', () =>
  inLoop(async () => {
    const property = fc.asyncProperty(
      stream,
      cuts,
      fc.array(call, { maxLength: 30 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
      async (data, sizes, calls, turns) => {
        const reader = new StreamReader({ limit: 1000 });
        const model = new Model(data, 1000);
        const feeding = pieces(data, sizes);
        let i = 0;
        const feed = (): boolean => {
          const { done, value } = feeding.next();
          if (done !== true) reader.feedData(value);
          else reader.feedEof();
          return done === true;
        };
        for (const each of calls) {
          const read = begin(reader, each);
          while (!read.done()) {
            // Sometimes several pieces before the read has its turn.
            if (feed() || turns[i++ % turns.length]!) await sleep(0);
          }
          expect(await outcome(read)).toBe(expected(model, each));
        }
      },
    );
    await fc.assert(property, { numRuns: 300 });
  }));

test('the pieces of read(n) make up the whole, none above n', () =>
  inLoop(async () => {
    const property = fc.asyncProperty(stream, cuts, fc.integer({ min: 1, max: 50 }), async (data, sizes, n) => {
      const reader = new StreamReader({ limit: 8 });
      let held = false;
      reader.setTransport({ pauseReading: () => void (held = true), resumeReading: () => void (held = false) });
      const feeding = pieces(data, sizes);
      const got: Buffer[] = [];
      for (;;) {
        const read = reader.read(n);
        while (!read.done()) {
          // A read that waits has resumed the transport.
          expect(held).toBe(false);
          const { done, value } = feeding.next();
          if (done === true) reader.feedEof();
          else reader.feedData(value);
          await sleep(0);
        }
        const piece = await read;
        expect(piece.length).toBeLessThanOrEqual(n);
        if (piece.length === 0) break;
        got.push(piece);
      }
      expect(Buffer.concat(got).equals(data)).toBe(true);
    });
    await fc.assert(property, { numRuns: 200 });
  }));
