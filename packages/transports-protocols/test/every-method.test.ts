/** Every method of every kind of transport, twice, in every state: what it throws is in the tables, and whatever it does the end comes once. */
import { gather, type Future, type TaskLoop } from '@tsyncio/futures-tasks';
import type { SelectorIo } from '@tsyncio/selector-io';
import { leakAudit } from '@tsyncio/test-support';
import {
  type BaseTransport,
  connectAcceptedSocket,
  connectReadPipe,
  connectWritePipe,
  createConnection,
  createDatagramEndpoint,
  type Transport,
} from '@tsyncio/transports-protocols';

import { type Backend, eachBackend } from '@tsyncio/test-support/loops/backends';
import { pattern } from '@tsyncio/test-support/loops/files';
import { drainPipe } from '@tsyncio/test-support/loops/pipes';
import { clientOptions, serverSsl } from '@tsyncio/test-support/loops/tls-pair';
import { until } from '@tsyncio/test-support/loops/until';
import { drain, iterations, type World } from '@tsyncio/test-support/loops/world';

const audit = leakAudit();

type Loop = TaskLoop<SelectorIo>;

/** Has every callback there is. */
class Witness {
  transport!: Transport;
  readonly errors: (Error | null)[] = [];
  readonly pieces: Buffer[] = [];
  readonly lost: Future<void>;
  onMade = (): void => undefined;
  onLost = (): void => undefined;

  constructor(loop: Loop) {
    this.lost = loop.createFuture<void>();
  }
  get size(): number {
    return this.pieces.reduce((sum, { length }) => sum + length, 0);
  }
  connectionMade(transport: BaseTransport): void {
    this.transport = transport as Transport;
    this.onMade();
  }
  dataReceived(data: Buffer): void {
    this.pieces.push(data);
  }
  datagramReceived(data: Buffer): void {
    this.pieces.push(data);
  }
  connectionLost(error: Error | null): void {
    this.errors.push(error);
    this.onLost();
    this.lost.setResult(undefined);
  }
}

/** The other side of a transport. */
interface Peer {
  /** What has arrived, and was not told before. It reads nothing otherwise. */
  take(): Buffer;
  close(): void;
}

interface Kind {
  open(loop: Loop, backend: Backend, witness: Witness): Promise<Peer>;
  /** Calls that are refused whatever the state, by the name of the error; '-': the transport does not have it. */
  readonly refuses: Readonly<Record<string, string>>;
}

const NO_READING = {
  isReading: 'NotImplementedError',
  pauseReading: 'NotImplementedError',
  resumeReading: 'NotImplementedError',
};
const NO_WRITING = (how: string): Record<string, string> =>
  Object.fromEntries(
    ['write', 'write nothing', 'writelines', 'canWriteEof', 'writeEof'].map((method) => [method, how]),
  );
const NO_BUFFER = { setWriteBufferLimits: '-', getWriteBufferSize: '-', getWriteBufferLimits: '-', abort: '-' };

const kinds: Readonly<Record<string, Kind>> = {
  stream: {
    async open(loop, { pair }, witness) {
      const [ours, peer] = pair();
      await createConnection(loop, () => witness, { sock: ours });
      return { take: () => drain(peer) ?? Buffer.alloc(0), close: () => peer.close() };
    },
    refuses: { sendto: '-' },
  },
  TLS: {
    async open(loop, { pair }, witness) {
      const [ours, peer] = pair();
      const other = new Witness(loop);
      other.onMade = () => other.transport.pauseReading();
      await gather(
        createConnection(loop, () => witness, { sock: ours, ...clientOptions, sslShutdownTimeout: 5 }),
        connectAcceptedSocket(loop, () => other, peer, { ssl: serverSsl }),
      );
      return {
        take: () => {
          other.transport.resumeReading();
          return Buffer.concat(other.pieces.splice(0));
        },
        close: () => other.transport.abort(),
      };
    },
    refuses: { sendto: '-', writeEof: 'NotImplementedError' },
  },
  datagrams: {
    async open(loop, { datagramPair }, witness) {
      const [ours, peer] = datagramPair();
      await createDatagramEndpoint(loop, () => witness, { sock: ours });
      return { take: () => drain(peer) ?? Buffer.alloc(0), close: () => peer.close() };
    },
    refuses: { ...NO_READING, ...NO_WRITING('NotImplementedError') },
  },
  'read pipe': {
    async open(loop, { pipe }, witness) {
      const [r, w] = pipe();
      await connectReadPipe(loop, () => witness, r);
      return { take: () => Buffer.alloc(0), close: () => w.close() };
    },
    refuses: { ...NO_WRITING('-'), ...NO_BUFFER, sendto: '-' },
  },
  'write pipe': {
    async open(loop, { pipe }, witness) {
      const [r, w] = pipe();
      await connectWritePipe(loop, () => witness, w);
      return { take: () => drainPipe(r) ?? Buffer.alloc(0), close: () => r.close() };
    },
    refuses: { ...NO_READING, sendto: '-' },
  },
};

const data = Buffer.from('x');
/** Calls that end nothing. */
const harmless: readonly (readonly [
  title: string,
  call: (transport: Transport & { sendto(data: Buffer): void }) => unknown,
])[] = [
  ['getExtraInfo', (t) => t.getExtraInfo('socket')],
  ['isClosing', (t) => t.isClosing()],
  ['setProtocol', (t) => t.setProtocol(t.getProtocol() ?? {})],
  ['String()', (t) => t.toString()],
  ['isReading', (t) => t.isReading()],
  ['pauseReading', (t) => t.pauseReading()],
  ['resumeReading', (t) => t.resumeReading()],
  ['setWriteBufferLimits', (t) => t.setWriteBufferLimits({ high: 100 })],
  ['getWriteBufferSize', (t) => t.getWriteBufferSize()],
  ['getWriteBufferLimits', (t) => t.getWriteBufferLimits()],
  ['write', (t) => t.write(data)],
  ['write nothing', (t) => t.write(Buffer.alloc(0))],
  ['writelines', (t) => t.writelines([data, Buffer.alloc(0), data])],
  ['canWriteEof', (t) => t.canWriteEof()],
  ['sendto', (t) => t.sendto(data)],
];
const ending: typeof harmless = [
  ['writeEof', (t) => t.writeEof()],
  ['close', (t) => t.close()],
  ['abort', (t) => t.abort()],
];

function outcome(call: () => unknown): string {
  try {
    call();
    return 'ok';
  } catch (error) {
    return (error as Error).name;
  }
}

/** Makes every call twice. @returns What came of it where that is not what `refuses` says; nothing, if all is well. */
function callAll(
  witness: Witness,
  calls: typeof harmless,
  refuses: Kind['refuses'],
  also: Kind['refuses'] = {},
): string[] {
  const surprises: string[] = [];
  const transport = witness.transport as Transport & { sendto(data: Buffer): void };
  for (const [title, call] of calls) {
    const expected = also[title] ?? refuses[title] ?? 'ok';
    for (const time of ['first', 'second']) {
      if (expected === '-') {
        if (title.split(' ')[0]! in transport) surprises.push(`${title} is there`);
        continue;
      }
      const came = outcome(() => call(transport));
      if (came !== expected) surprises.push(`${title}, the ${time} time: ${came}, not ${expected}`);
    }
  }
  return surprises;
}

const wrong: Readonly<Record<string, readonly unknown[]>> = {
  write: ['text', null, undefined, 5, [1], new ArrayBuffer(1), new Uint16Array(1)],
  writelines: [null, undefined, 5, [5], [Buffer.alloc(1), 'x'], 'x'],
  sendto: ['text', null, undefined, 5, [1]],
  setProtocol: [null, undefined, 5, 'x', Promise.resolve()],
  setWriteBufferLimits: [5, null, { high: 'x' }, { low: 'x' }],
};

/** Writes by whatever method there is. */
function send(transport: Transport, bytes: Uint8Array): void {
  const any = transport as Partial<Transport> & { sendto?(data: Uint8Array): void };
  if (any.sendto === undefined) any.write!(bytes);
  else any.sendto(bytes);
}

/** Sends until something waits to be sent. */
function stuff(transport: Transport): void {
  for (let i = 0; i < 10_000 && transport.getWriteBufferSize() === 0; i++) send(transport, Buffer.alloc(4000));
}

eachBackend((backend) => {
  describe.each(Object.entries(kinds))('%s', (name, kind) => {
    const { refuses } = kind;
    const writes = name !== 'read pipe';

    /** A test with an open transport. At the end it is lost, once, and nothing is left. */
    const opened = (
      body: (witness: Witness, peer: Peer, world: World) => Promise<void> | void,
    ): (() => Promise<void>) =>
      backend.inLoop(async (world) => {
        const witness = new Witness(world.loop);
        const peer = await kind.open(world.loop, backend, witness);
        await body(witness, peer, world);
        witness.transport.close();
        if ('abort' in witness.transport) witness.transport.abort();
        await witness.lost;
        peer.close();
        await iterations(4);
        expect(witness.errors).toHaveLength(1);
        expect(world.loop.backend.active).toBe(false);
        audit.takeRecords(); // of writes to a lost connection
      });

    test(
      'open',
      opened((witness) => expect(callAll(witness, harmless, refuses)).toEqual([])),
    );

    test(
      'wrong types are TypeErrors, and change nothing',
      opened((witness) => {
        const transport = witness.transport as unknown as Record<string, ((argument: unknown) => unknown) | undefined>;
        for (const [method, values] of Object.entries(wrong)) {
          if (refuses[method] !== undefined) continue;
          for (const value of values) {
            expect([method, value, outcome(() => transport[method]!(value))]).toEqual([method, value, 'TypeError']);
          }
        }
        if (!writes) return;
        expect(outcome(() => witness.transport.setWriteBufferLimits({ high: 1, low: 2 }))).toBe('ValueError');
        send(witness.transport, Buffer.from('usable'));
      }),
    );

    test.each(ending.filter(([title]) => refuses[title] === undefined))(
      '%s, twice, and everything after it',
      (title, end) =>
        opened(async (witness) => {
          expect(callAll(witness, [[title, end]], refuses)).toEqual([]);
          const refused =
            title === 'writeEof' && name === 'stream'
              ? { write: 'RuntimeError', 'write nothing': 'RuntimeError', writelines: 'RuntimeError' }
              : {};
          expect(callAll(witness, [...harmless, ...ending], refuses, refused)).toEqual([]);
          await witness.lost;
          expect(witness.errors).toEqual([null]);
        })(),
    );

    test(
      'lost: everything is harmless',
      opened(async (witness) => {
        witness.transport.close();
        if ('abort' in witness.transport) witness.transport.abort();
        await witness.lost;
        await iterations(2);
        const { transport } = witness;
        const also: Record<string, string> = name === 'TLS' ? { isReading: 'RuntimeError' } : {};
        expect(callAll(witness, [...harmless, ...ending], refuses, also)).toEqual([]);
        expect([transport.isClosing(), transport.getProtocol()]).toEqual([true, null]);
        if (writes) expect(transport.getWriteBufferSize()).toBe(0);
      }),
    );

    test(
      'inside connectionLost',
      opened(async (witness) => {
        let surprises: string[] | undefined;
        const also: Record<string, string> = name === 'TLS' ? { isReading: 'RuntimeError' } : {};
        witness.onLost = () => (surprises = callAll(witness, [...harmless, ...ending], refuses, also));
        witness.transport.close();
        if ('abort' in witness.transport) witness.transport.abort();
        await witness.lost;
        expect(surprises).toEqual([]);
      }),
    );

    test(
      'inside connectionMade, ending too',
      backend.inLoop(async ({ loop }) => {
        for (const end of [null, ...ending.filter(([title]) => refuses[title] === undefined)]) {
          const witness = new Witness(loop);
          let surprises: string[] = [];
          witness.onMade = () => {
            surprises = callAll(witness, harmless, refuses);
            end?.[1](witness.transport as never);
          };
          const peer = await kind.open(loop, backend, witness);
          expect(surprises).toEqual([]);
          witness.transport.close();
          if ('abort' in witness.transport) witness.transport.abort();
          await witness.lost;
          peer.close();
          await iterations(4);
          expect(witness.errors).toEqual([null]);
        }
        audit.takeRecords();
      }),
    );

    test(
      'the peer is gone',
      opened(async (witness, peer) => {
        peer.close();
        peer.close = () => undefined;
        // Not noticed yet; then, perhaps.
        for (let round = 0; round < 5; round++) {
          const also: Record<string, string> =
            name === 'TLS' && witness.errors.length > 0 ? { isReading: 'RuntimeError' } : {};
          expect(callAll(witness, harmless, refuses, also)).toEqual([]);
          await iterations(1);
        }
      }),
    );

    if (writes) {
      test(
        'a slow peer: all is buffered, and closing or not, every call is as always',
        opened(async (witness) => {
          stuff(witness.transport);
          const { transport } = witness;
          expect(transport.getWriteBufferSize()).toBeGreaterThan(0);
          expect(callAll(witness, harmless, refuses)).toEqual([]);
          await iterations(3);
          transport.close();
          expect(callAll(witness, harmless, refuses)).toEqual([]);
          await iterations(3);
          expect([transport.isClosing(), witness.errors.length]).toEqual([true, 0]);
        }),
      );

      test.each(name === 'datagrams' ? [0, 1, 30_000] : [0, 1, 1_000_000])('%d bytes arrive, then the close', (size) =>
        opened(async (witness, peer) => {
          const content = pattern(size);
          send(witness.transport, content);
          const got: Buffer[] = [];
          const arrived = (): boolean => {
            got.push(peer.take());
            return got.reduce((sum, { length }) => sum + length, 0) >= size;
          };
          await until(arrived);
          expect(Buffer.concat(got).equals(content)).toBe(true);
        })(),
      );
    }

    test('a loop that was closed under it: it can be asked, and nothing that ends it harms', async () => {
      let witness!: Witness;
      let peer!: Peer;
      const loop = backend.makeLoop();
      await loop.runUntilComplete(async () => {
        witness = new Witness(loop);
        peer = await kind.open(loop, backend, witness);
      });
      loop.close();
      const { transport } = witness;
      expect(String(transport)).toContain('Transport');
      expect([transport.isClosing(), witness.errors]).toEqual([false, []]);
      for (const [title, call] of ending) {
        if (refuses[title] === undefined)
          expect(['ok', 'RuntimeError']).toContain(outcome(() => call(transport as never)));
      }
      outcome(() => peer.close());
      audit.takeRecords();
    });
  });
});
