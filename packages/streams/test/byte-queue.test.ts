import fc from 'fast-check';

import { ByteQueue } from '../src/byte-queue.js';

const piece = fc.uint8Array({ maxLength: 40 }).map((data) => Buffer.from(data));
/** Few different bytes, so that separators occur, nearly occur, and overlap. */
const letters = fc.array(fc.constantFrom(97, 98), { maxLength: 12 }).map((data) => Buffer.from(data));

function queueOf(pieces: readonly Buffer[]): ByteQueue {
  const queue = new ByteQueue();
  for (const one of pieces) if (one.length > 0) queue.push(one);
  return queue;
}

test('is a Buffer that is taken from the front, whatever the pieces', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.nat({ max: 60 })), { maxLength: 40 }), (steps) => {
      const queue = new ByteQueue();
      let model = Buffer.alloc(0);
      const given: [Buffer, Buffer][] = [];
      for (const step of steps) {
        if (typeof step === 'number') {
          const n = Math.min(step, model.length);
          const taken = queue.take(n);
          given.push([taken, Buffer.from(taken)]);
          expect(taken.equals(model.subarray(0, n))).toBe(true);
          model = model.subarray(n);
        } else if (step.length > 0) {
          given.push([step, Buffer.from(step)]);
          queue.push(step);
          model = Buffer.concat([model, step]);
        }
        expect(queue.size).toBe(model.length);
      }
      const skipped = model.length >> 1;
      queue.skip(skipped);
      expect(Buffer.concat(queue.takePieces()).equals(model.subarray(skipped))).toBe(true);
      // Neither what was given nor what was handed out was ever written to.
      for (const [now, before] of given) expect(now.equals(before)).toBe(true);
    }),
  );
});

test('finds what Buffer.indexOf finds, from everywhere', () => {
  fc.assert(
    fc.property(
      fc.array(letters, { maxLength: 10 }),
      fc.nat({ max: 11 }),
      fc.array(fc.constantFrom(97, 98), { minLength: 1, maxLength: 6 }),
      fc.nat({ max: 60 }),
      (pieces, dropped, needle, from) => {
        const all = Buffer.concat(pieces);
        const skip = Math.min(dropped, all.length);
        const separator = Buffer.from(needle);
        // Pieces as they are, and small ones copied together.
        const queue = queueOf(pieces);
        const apart = new ByteQueue();
        (apart as unknown as { pieces: Buffer[] }).pieces.push(...pieces.filter(({ length }) => length > 0));
        apart.size = all.length;
        for (const each of [queue, apart]) {
          if (skip > 0) each.take(skip);
          const start = Math.min(from, each.size);
          expect(each.indexOf(separator, start)).toBe(all.subarray(skip).indexOf(separator, start));
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('hands out pieces, and parts of them, without a copy', () => {
  const big = Buffer.alloc(5000, 'x');
  const queue = queueOf([big, Buffer.alloc(2000)]);
  expect(queue.take(1000).buffer).toBe(big.buffer);
  expect(queue.take(4000).buffer).toBe(big.buffer);
  const whole = queueOf([big]);
  expect(whole.take(5000)).toBe(big);
});

test('a byte at a time costs no object a byte', () => {
  const queue = new ByteQueue();
  for (let i = 0; i < 100_000; i++) queue.push(Buffer.of(i & 255));
  expect(queue.takePieces().length).toBeLessThan(20);
});

test('very many pieces are taken in linear time', () => {
  const queue = new ByteQueue();
  const one = Buffer.alloc(1025, 1);
  for (let i = 0; i < 200_000; i++) queue.push(one);
  const before = performance.now();
  while (queue.size > 0) queue.take(Math.min(1500, queue.size));
  expect(performance.now() - before).toBeLessThan(10_000);
  expect((queue as unknown as { pieces: Buffer[] }).pieces).toHaveLength(0);
});
