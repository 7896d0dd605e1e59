import fc from 'fast-check';

import { leakAudit } from '@tsyncio/test-support';
import { liveCount } from '@tsyncio/socket/native';

import { parseClientHello } from '../src/tls/client-hello.js';
import { chooseEngine } from '../src/tls/make-session.js';
import { ca, contextOf, identity } from '@tsyncio/test-support/loops/certificates';
import { converse, ends, End, free, turns } from './support/memory-tls.js';

leakAudit();

/** `TSYNCIO_FUZZ=100` runs so many times as much. */
const factor = Number(process.env['TSYNCIO_FUZZ'] ?? 1);
const runs = (count: number): number => count * factor;
jest.setTimeout(20_000 * factor);

/** Where nothing else is said, what is done to hostile bytes is done by the engine on OpenSSL, synchronously. */
beforeEach(() => chooseEngine('best'));
afterAll(() => chooseEngine('best'));

const serverContext = contextOf('server');
const server = (): End => new End({ secureContext: serverContext, ALPNProtocols: ['x', 'y'] }, null);
const asking = (): End =>
  new End({ ...identity('server'), ca, requestCert: true, SNICallback: (_n, callback) => callback(null) }, null);
const client = (): End => new End({ ca, ...identity('client'), ALPNProtocols: ['y'] }, 'localhost');

/** A session that has been given anything at all is in one of few states, and takes more without a word. */
function check(end: End): void {
  expect(end.events.length).toBeLessThanOrEqual(3);
  if (end.error !== null) {
    expect(end.error.name).toBe('OSError');
    expect(end.error.code).toMatch(/^[A-Z0-9_/]+$/);
    const { length } = end.events;
    end.receive(Buffer.from('more'));
    end.session.write(Buffer.from('more'));
    expect(end.events).toHaveLength(length);
  }
  end.session.free();
}

/** Speaks without waiting: flights go to and fro through `change`. */
function speak(one: End, two: End, change: (flight: Buffer, index: number) => Buffer): void {
  for (let index = 0; index < 12; index++) {
    const [from, to] = index % 2 === 0 ? [one, two] : [two, one];
    const flight = from.take();
    if (flight.length > 0) to.receive(change(flight, index));
  }
}

afterEach(() => {
  // Another test of this file may have left nothing, or its failure is seen there.
  expect(liveCount()).toBe(0);
});

test('random bytes in place of a handshake', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(2), fc.integer({ min: 1, max: 500 }), (bytes, who, size) => {
      const end = [server, asking, client][who]!();
      end.receive(bytes, size);
      expect(end.isSecure).toBe(false);
      check(end);
    }),
    { numRuns: runs(250) },
  );
});

test('random records: a true header, any content', () => {
  const record = fc.tuple(
    fc.constantFrom(20, 21, 22, 23, 24, 0, 255),
    fc.constantFrom(0x0301, 0x0303, 0x0304, 0x0300, 0),
    fc.uint8Array({ maxLength: 300 }),
  );
  fc.assert(
    fc.property(fc.array(record, { maxLength: 8 }), fc.nat(2), (records, who) => {
      const end = [server, asking, client][who]!();
      for (const [type, version, content] of records) {
        end.receive(Buffer.from([type, version >> 8, version & 255, content.length >> 8, content.length & 255]));
        end.receive(content);
      }
      expect(end.isSecure).toBe(false);
      check(end);
    }),
    { numRuns: runs(250) },
  );
});

const mutation = fc.tuple(
  fc.nat(5),
  fc.nat(),
  fc.constantFrom('flip', 'set', 'cut', 'double', 'insert', 'drop'),
  fc.nat(255),
);

test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s: real flights, damaged anywhere', (version) => {
  const limits = { minVersion: version, maxVersion: version };
  const accepting = contextOf('server', { ...limits, ca });
  fc.assert(
    fc.property(
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 3000 }),
      (mutations, size) => {
        const there = new End({ secureContext: accepting, requestCert: true, ALPNProtocols: ['x', 'y'] }, null);
        const here = new End({ ...limits, ca, ...identity('client'), ALPNProtocols: ['y'] }, 'localhost');
        let untouched = true;
        for (const round of [0, 1]) {
          speak(here, there, (flight, index) => {
            let bytes = flight;
            for (const [target, where, how, value] of mutations) {
              if (target !== index + round * 3 || bytes.length === 0) continue;
              untouched = false;
              bytes = mutate(bytes, where % bytes.length, how, value);
            }
            void size;
            return bytes;
          });
          for (const end of [here, there])
            if (end.isSecure && !end.isOver) end.session.write(Buffer.from('plain text'));
        }
        if (untouched) expect([here.isSecure, there.isSecure]).toEqual([true, true]);
        for (const end of [here, there]) {
          // Whatever was damaged, no wrong data comes out.
          expect('plain text'.repeat(2).startsWith(end.received)).toBe(true);
          check(end);
        }
      },
    ),
    { numRuns: runs(100) },
  );
});

describe("Node's engine, whose answers come later", () => {
  beforeEach(() => chooseEngine('node'));

  test('random bytes in place of a handshake', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), fc.nat(2), async (bytes, who) => {
        const end = [server, asking, client][who]!();
        end.receive(bytes, 100);
        await turns(4);
        expect(end.isSecure).toBe(false);
        check(end);
        await turns();
      }),
      { numRuns: runs(60) },
    );
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s: real flights, damaged anywhere', async (version) => {
    const limits = { minVersion: version, maxVersion: version };
    const accepting = contextOf('server', { ...limits, ca });
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
        const there = new End({ secureContext: accepting, requestCert: true }, null);
        const here = new End({ ...limits, ca, ...identity('client') }, 'localhost');
        for (let index = 0; index < 10; index++) {
          await turns(3);
          const [from, to] = index % 2 === 0 ? [here, there] : [there, here];
          let flight = from.take();
          for (const [target, where, how, value] of mutations) {
            if (target === index && flight.length > 0) flight = mutate(flight, where % flight.length, how, value);
          }
          to.receive(flight);
          if (from.isSecure && !from.isOver && index > 5) from.session.write(Buffer.from('plain text'));
        }
        await turns(3);
        for (const end of [here, there]) {
          expect('plain text'.repeat(2).startsWith(end.received)).toBe(true);
          check(end);
        }
        await turns();
      }),
      { numRuns: runs(40) },
    );
  });
});

function mutate(bytes: Buffer, at: number, how: string, value: number): Buffer {
  const copy = Buffer.from(bytes);
  switch (how) {
    case 'flip':
      copy[at]! ^= 1 << (value % 8);
      return copy;
    case 'set':
      copy[at] = value;
      return copy;
    case 'cut':
      return copy.subarray(0, at);
    case 'double':
      return Buffer.concat([copy, copy.subarray(at)]);
    case 'insert':
      return Buffer.concat([copy.subarray(0, at), Buffer.from([value]), copy.subarray(at)]);
    default:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + (value % 32))]);
  }
}

test('data of any sizes, in pieces of any sizes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 70_000 }),
      async (sizes, piece) => {
        const [here, there] = ends();
        await converse(here, there);
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const data = Buffer.alloc(total);
        for (let i = 0; i < total; i++) data[i] = (i * 13 + (i >> 8)) & 255;
        let at = 0;
        for (const size of sizes) here.session.write(data.subarray(at, (at += size)));
        there.receive(here.take(), Math.max(piece, total >> 8));
        expect(Buffer.concat(there.plaintext).equals(data)).toBe(true);
        free(here, there);
      },
    ),
    { numRuns: runs(30) },
  );
});

test('every split of a handshake into two', () => {
  const record = (): [End, End] => [client(), server()];
  let length = 1;
  for (let at = 1; at < length; at += 7) {
    const [here, there] = record();
    speak(here, there, (flight, index) => {
      if (index !== 1) return flight;
      length = flight.length;
      here.receive(flight.subarray(0, at));
      return flight.subarray(at);
    });
    expect([here.isSecure, there.isSecure]).toEqual([true, true]);
    free(here, there);
    if (at === 1) expect(length).toBeGreaterThan(500);
  }
});

test('the hello of a client is taken apart without trust', () => {
  const here = client();
  const hello = here.take();
  free(here);
  expect(parseClientHello(hello)).toEqual({ complete: true, serverName: 'localhost' });
  for (let length = 0; length < hello.length; length++) {
    expect(parseClientHello(hello.subarray(0, length))).toEqual({ complete: false, serverName: null });
  }
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
      let bytes: Buffer = hello;
      for (const [, where, how, value] of mutations)
        if (bytes.length > 0) bytes = mutate(bytes, where % bytes.length, how, value);
      const { complete, serverName } = parseClientHello(bytes);
      expect(typeof complete).toBe('boolean');
      if (serverName !== null) expect(serverName.length).toBeLessThan(bytes.length);
    }),
    { numRuns: runs(1000) },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => void parseClientHello(bytes)),
    { numRuns: runs(1000) },
  );
  // A hello in many records.
  const content = hello.subarray(5);
  const pieces: Buffer[] = [];
  for (let at = 0; at < content.length; at += 50) {
    const piece = content.subarray(at, at + 50);
    pieces.push(Buffer.from([22, 3, 1, 0, piece.length]), piece);
  }
  expect(parseClientHello(Buffer.concat(pieces))).toEqual({ complete: true, serverName: 'localhost' });
});
