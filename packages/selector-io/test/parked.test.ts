import { readFileSync } from 'node:fs';

import { type FileDescriptorLike, Socket, socketpair, AF_UNIX, SOCK_STREAM } from '@tsyncio/socket';
import { addReader, addWriter, removeReader, removeWriter, sockRecv } from '@tsyncio/socket';
import { sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { EpollSelector, SelectorIo } from '@tsyncio/selector-io';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';
import { countWakeUps } from '@tsyncio/test-support/loops/wake-ups';

leakAudit();

// The registration of a socket stays with epoll from one sockRecv that waits to the next: `SelectorIo.parkReader`. What the kernel has stands in
// /proc; to look at the selector would end it.

const linuxTest = process.platform === 'linux' ? test : test.skip;

interface World {
  readonly loop: TaskLoop<SelectorIo>;
  /** The descriptors that the kernel watches. */
  watched(): number[];
  /** A socket that has just received a byte, and has had to wait for it; and its peer. */
  parked(): Promise<[ours: Socket, peer: Socket]>;
}

function pair(): [Socket, Socket] {
  return socketpair(AF_UNIX, SOCK_STREAM, 0, { nonblocking: true });
}

const BYTE = Buffer.from('x');

async function receiveLater(loop: TaskLoop<SelectorIo>, ours: Socket, peer: Socket, data = BYTE): Promise<void> {
  const receiving = sockRecv(loop, ours, 10);
  expect(receiving.done()).toBe(false);
  peer.send(data);
  expect(await receiving).toEqual(data);
}

function newWorld(): World {
  const selector = new EpollSelector();
  const loop = new TaskLoop({ backend: new SelectorIo(selector) });
  const epoll = selector.fileno();
  return {
    loop,
    watched: () =>
      [...readFileSync(`/proc/self/fdinfo/${epoll}`, 'utf8').matchAll(/^tfd:\s*(\d+)/gm)].map((match) =>
        Number(match[1]),
      ),
    async parked() {
      const [ours, peer] = pair();
      await receiveLater(loop, ours, peer);
      return [ours, peer];
    },
  };
}

function inWorld(body: (world: World) => Promise<void>): () => Promise<void> {
  return async () => {
    const world = newWorld();
    const reports = recordExceptions(world.loop);
    try {
      await world.loop.runUntilComplete(() => body(world));
    } finally {
      world.loop.close();
    }
    expect(reports).toEqual([]);
  };
}

function close(...sockets: Socket[]): void {
  for (const socket of sockets) socket.close();
}

linuxTest(
  'it stays registered, and nothing that a user can look at tells so',
  inWorld(async ({ loop, watched, parked }) => {
    const [ours, peer] = await parked();
    expect(watched()).toEqual([ours.fileno()]);
    expect(loop.backend.active).toBe(false);
    expect(removeReader(loop, ours)).toBe(false);
    await receiveLater(loop, ours, peer);
    expect(watched()).toEqual([ours.fileno()]);
    expect(loop.backend.selector.getMap()!.size).toBe(0);
    expect(watched()).toEqual([]);
    await receiveLater(loop, ours, peer);
    close(ours, peer);
  }),
);

linuxTest.each([
  ['closed', (socket: Socket) => socket.close()],
  ['detached', (socket: Socket) => new Socket(AF_UNIX, SOCK_STREAM, 0, { fileno: socket.detach() }).close()],
])('a socket that is %s is watched no more, although a duplicate of it is open', (_, end) =>
  inWorld(async ({ loop, watched, parked }) => {
    const [ours, peer] = await parked();
    using copy = ours.dup();
    end(ours);
    expect(watched()).toEqual([]);
    peer.send(BYTE);
    expect(await sockRecv(loop, copy, 10)).toEqual(BYTE);
    close(peer);
  })(),
);

linuxTest(
  'the next socket with its number is reported',
  inWorld(async ({ loop, watched, parked }) => {
    const [ours, peer] = await parked();
    const fd = ours.fileno();
    close(ours);
    const [next, other] = pair();
    expect(next.fileno()).toBe(fd);
    await receiveLater(loop, next, other);
    expect(watched()).toEqual([fd]);
    close(peer, next, other);
  }),
);

linuxTest(
  'what comes when nobody waits wakes a sleeping loop twice at most, and is there for the next receive',
  inWorld(async ({ loop, watched, parked }) => {
    const [ours, peer] = await parked();
    // Another one is waited for, so that the loop sleeps on the selector.
    const [idle, far] = pair();
    const waiting = sockRecv(loop, idle, 1);
    let polls = 0;
    const poll = loop.backend.poll.bind(loop.backend);
    loop.backend.poll = (timeout) => {
      polls++;
      poll(timeout);
    };
    loop.callLater(0.01, () => peer.send(BYTE));
    await sleep(0.1);
    expect(watched()).toEqual([idle.fileno()]);
    expect(polls).toBeLessThan(12);
    expect(await sockRecv(loop, ours, 10)).toEqual(BYTE);
    far.send(BYTE);
    await waiting;
    close(ours, peer, idle, far);
  }),
);

linuxTest(
  'a loop that waits for nothing else does not sleep on it',
  inWorld(async ({ loop, watched, parked }) => {
    const [ours, peer] = await parked();
    // On a busy machine the timer may be due before the loop has slept at all.
    while (watched().length > 0) await sleep(0.005);
    await receiveLater(loop, ours, peer);
    expect(watched()).toEqual([ours.fileno()]);
    close(ours, peer);
  }),
);

linuxTest.each([
  ['its number', (socket: Socket): FileDescriptorLike => socket.fileno()],
  ['another object', (socket: Socket): FileDescriptorLike => ({ fileno: () => socket.fileno() })],
  ['the same object', (socket: Socket): FileDescriptorLike => socket],
])('addReader and addWriter by %s', (_, name) =>
  inWorld(async ({ loop, watched, parked }) => {
    const [ours, peer] = await parked();
    const file = name(ours);
    const written = loop.createFuture<void>();
    addWriter(loop, file, () => {
      removeWriter(loop, file);
      written.setResult();
    });
    await written;
    expect(watched()).toEqual([]);
    await receiveLater(loop, ours, peer);
    const read = loop.createFuture<void>();
    addReader(loop, file, () => {
      expect(removeReader(loop, file)).toBe(true);
      read.setResult();
    });
    expect(loop.backend.selector.getKey(ours.fileno()).fileobj).toBe(file);
    peer.send(BYTE);
    await read;
    expect(watched()).toEqual([]);
    expect(await sockRecv(loop, ours, 10)).toEqual(BYTE);
    close(ours, peer);
  })(),
);

linuxTest(
  'reads that need not wait end it',
  inWorld(async ({ loop, watched, parked }) => {
    const [ours, peer] = await parked();
    peer.send(Buffer.from('abcdef'));
    for (const text of 'abcdef') expect(String(await sockRecv(loop, ours, 1))).toBe(text);
    expect(watched()).toEqual([]);
    await receiveLater(loop, ours, peer);
    close(ours, peer);
  }),
);

linuxTest('it goes from one loop to another', async () => {
  const [first, second] = [newWorld(), newWorld()];
  const [ours, peer] = await first.loop.runUntilComplete(() => first.parked());
  await second.loop.runUntilComplete(() => receiveLater(second.loop, ours, peer));
  expect([first.watched(), second.watched()]).toEqual([[], [ours.fileno()]]);
  close(ours, peer);
  expect(second.watched()).toEqual([]);
  first.loop.close();
  second.loop.close();
});

linuxTest('a loop that was stopped costs nothing, and goes on; one that was closed does not mind', async () => {
  const wakeUps = countWakeUps();
  const { loop, parked } = newWorld();
  const [idle, far] = pair();
  addReader(loop, idle, () => undefined);
  const [ours, peer] = await loop.runUntilComplete(() => parked());
  peer.send(BYTE);
  const before = wakeUps();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(wakeUps() - before).toBeLessThan(3);
  jest.restoreAllMocks();
  expect(await loop.runUntilComplete(() => sockRecv(loop, ours, 10))).toEqual(BYTE);
  await loop.runUntilComplete(() => receiveLater(loop, ours, peer));
  loop.close();
  close(ours, peer, idle, far);
});
