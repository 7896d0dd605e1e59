import { type Future, sleep, type TaskLoop } from '@tsyncio/futures-tasks';
import type { IocpProactor } from '@tsyncio/proactor-io';
import { type Address, AF_INET, AF_INET6, SOCK_DGRAM, Socket, sockRecvfrom } from '@tsyncio/socket';
import { CompletionPort, systemError } from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';
import { inPortLoop } from '@tsyncio/test-support/loops/world';
import { createDatagramEndpoint, type DatagramTransport } from '@tsyncio/transports-protocols';

leakAudit();

/** Keeps what comes until there is so much of it. */
class Mailbox {
  transport!: DatagramTransport;
  readonly received: [data: Buffer, sender: Address | null][] = [];
  readonly done: Future<void>;
  readonly lost: Future<void>;
  constructor(
    loop: TaskLoop<IocpProactor>,
    private readonly count: number,
  ) {
    this.done = loop.createFuture<void>();
    this.lost = loop.createFuture<void>();
  }
  connectionMade(transport: DatagramTransport): void {
    this.transport = transport;
  }
  datagramReceived(data: Buffer, sender: Address | null): unknown {
    this.received.push([data, sender]);
    if (this.received.length === this.count) this.done.setResult();
    return undefined;
  }
  connectionLost(): void {
    this.lost.setResult();
  }
}

const udp = (family: number, host: string): Socket => {
  const socket = new Socket(family, SOCK_DGRAM, 0, { nonblocking: true });
  socket.bind([host, 0]);
  return socket;
};

describe.each([
  ['IPv4', AF_INET, '127.0.0.1'],
  ['IPv6', AF_INET6, '::1'],
])('over %s', (_name, family, host) => {
  test(
    'PROACTOR-20 datagrams of all sizes arrive whole, in order, with their sender',
    inPortLoop(async ({ loop }) => {
      const sizes = [0, 1, 2, 100, 1472, 16_384, 16_385, 65_000, 0, 7];
      const rounds = 60;
      const mailbox = new Mailbox(loop, rounds * sizes.length);
      const [transport] = await createDatagramEndpoint(loop, () => mailbox, { localAddr: [host, 0] });
      const sender = udp(family, host);
      const sent: Buffer[] = [];
      for (let round = 0; round < rounds; round++) {
        for (const size of sizes) {
          sent.push(Buffer.alloc(size, `${round} ${size} `));
          sender.sendto(sent.at(-1)!, transport.getExtraInfo('sockname')!);
        }
        // More than the socket holds would be dropped.
        while (mailbox.received.length < sent.length) await sleep(0);
      }
      await mailbox.done;
      expect(mailbox.received.map(([data]) => data.length)).toEqual(sent.map((data) => data.length));
      expect(mailbox.received.every(([data], i) => data.equals(sent[i]!))).toBe(true);
      expect(mailbox.received[0]![1]).toEqual(sender.getsockname());
      expect(new Set(mailbox.received.map(([, from]) => JSON.stringify(from))).size).toBe(1);
      transport.close();
      await mailbox.lost;
      sender.close();
    }),
  );
});

test(
  'an async receiver gets one after the other',
  inPortLoop(async ({ loop }) => {
    const events: string[] = [];
    const mailbox = new Mailbox(loop, 5);
    const receive = mailbox.datagramReceived.bind(mailbox);
    mailbox.datagramReceived = async (data, sender) => {
      events.push(`begin ${String(data)}`);
      await sleep(0.001);
      events.push(`end ${String(data)}`);
      receive(data, sender);
    };
    const [transport] = await createDatagramEndpoint(loop, () => mailbox, { localAddr: ['127.0.0.1', 0] });
    const sender = udp(AF_INET, '127.0.0.1');
    for (const text of 'abcde') sender.sendto(Buffer.from(text), transport.getExtraInfo('sockname')!);
    await mailbox.done;
    expect(mailbox.received.map(([data]) => String(data)).sort()).toEqual([...'abcde']);
    expect(events.filter((event) => event.startsWith('begin'))).toEqual([...'abcde'].map((text) => `begin ${text}`));
    transport.close();
    await mailbox.lost;
    sender.close();
  }),
);

test(
  'closed by its receiver: what waits is not handed out, and nothing stays pending',
  inPortLoop(async ({ loop }) => {
    const sender = udp(AF_INET, '127.0.0.1');
    for (let round = 0; round < 200; round++) {
      const mailbox = new Mailbox(loop, -1);
      const [transport] = await createDatagramEndpoint(loop, () => mailbox, { localAddr: ['127.0.0.1', 0] });
      let calls = 0;
      mailbox.datagramReceived = () => {
        calls++;
        transport.close();
      };
      for (const text of 'abc') sender.sendto(Buffer.from(text), transport.getExtraInfo('sockname')!);
      await mailbox.lost;
      expect(calls).toBe(1);
    }
    sender.close();
  }),
);

test(
  'aborted while its receive is pending, a thousand times',
  inPortLoop(async ({ loop }) => {
    for (let round = 0; round < 1000; round++) {
      const mailbox = new Mailbox(loop, -1);
      const [transport] = await createDatagramEndpoint(loop, () => mailbox, { localAddr: ['127.0.0.1', 0] });
      await sleep(0);
      transport.abort();
      await mailbox.lost;
    }
  }),
);

test(
  'sockets that this port may not receive from: not bound yet, or of another port',
  inPortLoop(async ({ loop }) => {
    const peer = udp(AF_INET, '127.0.0.1');
    const other = new CompletionPort(systemError, 8);
    const taken = udp(AF_INET, '127.0.0.1');
    expect(other.attach(taken.fileno())).toBe(1);
    for (const options of [{ family: AF_INET }, { sock: taken }]) {
      const mailbox = new Mailbox(loop, 2);
      const [transport] = await createDatagramEndpoint(loop, () => mailbox, options);
      await sleep(0);
      transport.sendto(Buffer.from('question'), peer.getsockname());
      const [data, from] = await sockRecvfrom(loop, peer, 100);
      expect(String(data)).toBe('question');
      for (const answer of ['one', 'two']) peer.sendto(Buffer.from(answer), from!);
      await mailbox.done;
      expect(mailbox.received.map(([data]) => String(data))).toEqual(['one', 'two']);
      transport.close();
      await mailbox.lost;
    }
    peer.close();
    await new Promise<void>((resolve) => other.close({ completed: () => undefined }, resolve));
  }),
);
