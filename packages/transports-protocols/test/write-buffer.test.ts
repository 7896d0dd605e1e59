import fc from 'fast-check';

import { WriteBuffer } from '../src/write-buffer.js';

const all = (buffer: WriteBuffer): Buffer => Buffer.concat(buffer.views());

test('TRANSPORT-12 whatever is appended comes out once, in order', () => {
  const step = fc.oneof(
    fc.record({ append: fc.uint8Array({ maxLength: 9000 }), from: fc.nat() }),
    fc.record({ consume: fc.double({ min: 0, max: 1, noNaN: true }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const buffer = new WriteBuffer();
      let model = Buffer.alloc(0);
      for (const one of steps) {
        if ('append' in one) {
          const from = one.append.length === 0 ? 0 : one.from % (one.append.length + 1);
          buffer.append(one.append, from);
          model = Buffer.concat([model, one.append.subarray(from)]);
        } else {
          const offered = all(buffer);
          const n = Math.floor(offered.length * one.consume);
          if (n > 0) buffer.consume(n);
          model = model.subarray(n);
        }
        expect(buffer.size).toBe(model.length);
        const offered = all(buffer);
        expect(offered.equals(model.subarray(0, offered.length))).toBe(true);
        expect(offered.length > 0).toBe(model.length > 0);
      }
    }),
    { numRuns: 200 },
  );
});

test('data is copied: the memory belongs to the caller again', () => {
  const buffer = new WriteBuffer();
  const data = Buffer.from('abc');
  buffer.append(data);
  data.fill('x');
  expect(all(buffer).toString()).toBe('abc');
});

test('many small writes become few pieces', () => {
  const buffer = new WriteBuffer();
  for (let i = 0; i < 10_000; i++) buffer.append(Buffer.from('0123456789abcdef'));
  expect(buffer.size).toBe(160_000);
  expect(buffer.views().length).toBeLessThan(12);
  expect(all(buffer).toString()).toBe('0123456789abcdef'.repeat(10_000));
});

test('a large write is one piece, and is consumed in any portions', () => {
  const buffer = new WriteBuffer();
  buffer.append(Buffer.alloc(10_000_000, 'a'), 1);
  expect(buffer.views()).toHaveLength(1);
  for (let i = 0; i < 9; i++) buffer.consume(1_111_111);
  expect(buffer.size).toBe(0);
  expect(buffer.views()).toEqual([]);
});
