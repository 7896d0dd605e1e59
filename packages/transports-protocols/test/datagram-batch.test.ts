import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { KeyboardInterrupt } from '@tsyncio/core';
import type { TaskLoop } from '@tsyncio/futures-tasks';
import type { SelectorIo } from '@tsyncio/selector-io';
import { AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, Socket, type Address } from '@tsyncio/socket';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';
import { createDatagramEndpoint, type DatagramTransport } from '@tsyncio/transports-protocols';

import { inLoop, iterations, selectors } from '@tsyncio/test-support/loops/world';

leakAudit();

// What is received by one look at a socket: on Linux up to 32 datagrams. (DGRAM-15 knows of one an iteration: see docs/differences.md.)

const folder = mkdtempSync(join(tmpdir(), 'tsyncio-batch-'));
afterAll(() => rmSync(folder, { recursive: true }));

class Receiver {
  transport!: DatagramTransport;
  readonly got: string[] = [];
  readonly peers: (Address | null)[] = [];
  readonly lost;
  onText: (text: string) => unknown = () => undefined;
  private wanted = Infinity;
  private complete;

  constructor(loop: TaskLoop<SelectorIo>) {
    this.lost = loop.createFuture<void>();
    this.complete = loop.createFuture<void>();
  }

  /** Waits for the datagram that makes it so many. */
  async until(count: number): Promise<void> {
    this.wanted = count;
    if (this.got.length < count) await this.complete;
  }

  connectionMade(transport: DatagramTransport): void {
    this.transport = transport;
  }
  datagramReceived(data: Buffer, peer: Address | null): unknown {
    this.got.push(data.toString());
    this.peers.push(peer);
    if (this.got.length === this.wanted) this.complete.setResult();
    return this.onText(data.toString());
  }
  connectionLost(): void {
    this.lost.setResult();
  }
}

async function open(loop: TaskLoop<SelectorIo>, sock: Socket): Promise<Receiver> {
  const [, protocol] = await createDatagramEndpoint(loop, () => new Receiver(loop), { sock });
  return protocol;
}

function bound(address: readonly [string, number] | string): Socket {
  const family = typeof address === 'string' ? AF_UNIX : address[0].includes(':') ? AF_INET6 : AF_INET;
  const socket = new Socket(family, SOCK_DGRAM, 0, { nonblocking: true });
  socket.bind(address);
  return socket;
}

async function closed(receiver: Receiver): Promise<void> {
  receiver.transport.close();
  await receiver.lost;
}

const texts = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

describe.each(selectors)('%s', (_, makeLoop) => {
  test(
    'one iteration brings at most 32, in order',
    inLoop(async ({ loop }) => {
      const socket = bound(['127.0.0.1', 0]);
      const receiver = await open(loop, socket);
      using client = bound(['127.0.0.1', 0]);
      for (const text of texts(70)) client.sendto(Buffer.from(text), socket.getsockname());
      const counts: number[] = [];
      while (receiver.got.length < 70) {
        const before = receiver.got.length;
        await iterations(1);
        if (receiver.got.length > before) counts.push(receiver.got.length - before);
      }
      expect(receiver.got).toEqual(texts(70));
      expect(counts).toEqual([32, 32, 6]);
      await closed(receiver);
    }, makeLoop),
  );

  test(
    'the step of an async receiver is over before the next datagram, and other work has its turn between them',
    inLoop(async ({ loop }) => {
      const socket = bound(['127.0.0.1', 0]);
      const receiver = await open(loop, socket);
      const log: string[] = [];
      receiver.onText = async (text) => {
        log.push(`begin ${text}`);
        loop.callSoon(() => log.push(`other ${text}`));
        for (let i = 0; i < 3; i++) await Promise.resolve();
        log.push(`end ${text}`);
      };
      using client = bound(['127.0.0.1', 0]);
      for (const text of texts(3)) client.sendto(Buffer.from(text), socket.getsockname());
      await receiver.until(3);
      await iterations(2);
      expect(log).toEqual(texts(3).flatMap((text) => [`begin ${text}`, `end ${text}`, `other ${text}`]));
      await closed(receiver);
    }, makeLoop),
  );

  test(
    'what came after the datagram in which the transport was closed is nobody’s',
    inLoop(async ({ loop }) => {
      const socket = bound(['127.0.0.1', 0]);
      const receiver = await open(loop, socket);
      receiver.onText = (text) => (text === '1' ? receiver.transport.close() : undefined);
      using client = bound(['127.0.0.1', 0]);
      for (const text of texts(4)) client.sendto(Buffer.from(text), socket.getsockname());
      await receiver.lost;
      await iterations(3);
      expect(receiver.got).toEqual(['0', '1']);
    }, makeLoop),
  );

  test('an exit error ends the run between two datagrams; the next run gets the rest', async () => {
    const loop = makeLoop();
    const reports = recordExceptions(loop);
    const socket = bound(['127.0.0.1', 0]);
    using client = bound(['127.0.0.1', 0]);
    try {
      const receiver = await loop.runUntilComplete(() => open(loop, socket));
      for (const text of texts(3)) client.sendto(Buffer.from(text), socket.getsockname());
      receiver.onText = () => {
        receiver.onText = () => undefined;
        throw new KeyboardInterrupt();
      };
      await expect(loop.runForever()).rejects.toThrow(KeyboardInterrupt);
      expect(receiver.got).toEqual(['0']);
      await loop.runUntilComplete(async () => {
        await receiver.until(3);
        await closed(receiver);
      });
      expect(receiver.got).toEqual(texts(3));
    } finally {
      loop.close();
    }
    expect(reports).toEqual([]);
  });
});

test.each([
  [
    'IPv4',
    ['127.0.0.1', 0],
    [
      ['127.0.0.2', 0],
      ['127.0.0.3', 0],
      ['127.0.0.2', 0],
    ],
  ],
  [
    'IPv6',
    ['::1', 0],
    [
      ['::1', 0],
      ['::1', 0],
    ],
  ],
  ['Unix', join(folder, 'server'), [join(folder, 'a'), join(folder, 'bcd')]],
] as const)('datagrams of several senders keep theirs apart: %s', (_, address, senders) =>
  inLoop(async ({ loop }) => {
    const socket = bound(address);
    const receiver = await open(loop, socket);
    const clients = senders.map((sender) => bound(sender));
    const names = clients.map((client) => client.getsockname());
    for (const text of texts(6)) {
      clients[Number(text) % clients.length]!.sendto(Buffer.from(text), socket.getsockname());
    }
    await receiver.until(6);
    expect(receiver.got).toEqual(texts(6));
    expect(receiver.peers).toEqual(texts(6).map((text) => names[Number(text) % names.length]));
    // And each gets its own answer.
    receiver.peers.forEach((peer, i) => receiver.transport.sendto(Buffer.from(`re ${i}`), peer));
    clients.forEach((client, i) => {
      const answers = texts(6).filter((text) => Number(text) % clients.length === i);
      expect(answers.map(() => client.recv(100).toString())).toEqual(answers.map((text) => `re ${text}`));
      client.close();
    });
    await closed(receiver);
  })(),
);

test(
  'one port of two hosts is two places',
  inLoop(async ({ loop }) => {
    const socket = bound(['127.0.0.1', 0]);
    const receiver = await open(loop, socket);
    using first = bound(['127.0.0.2', 0]);
    const [, port] = first.getsockname() as [string, number];
    using second = bound(['127.0.0.3', port]);
    for (const host of ['127.0.0.2', '127.0.0.3', '127.0.0.2'])
      receiver.transport.sendto(Buffer.from(host), [host, port]);
    expect([first.recv(20), first.recv(20), second.recv(20)].map(String)).toEqual([
      '127.0.0.2',
      '127.0.0.2',
      '127.0.0.3',
    ]);
    await closed(receiver);
  }),
);
