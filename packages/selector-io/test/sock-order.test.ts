/**
 * The order of things: programs that mix socket operations, tasks, callbacks and cancellation, against traces of CPython 3.8.18.
 *
 * How the traces were recorded: each program below was written in Python, line by line with asyncio's names, run with
 * `asyncio.run(program(trace))` on Linux, and its trace printed as it stood when the program returned; six runs gave the same. A line `-- n` is a callback that schedules itself
 * again: one for each iteration, so that the traces also tell in which iteration a thing happens.
 */
import { CancelledError } from '@tsyncio/core';
import { gather, sleep, type Task, type TaskLoop, wait } from '@tsyncio/futures-tasks';
import {
  addReader,
  removeReader,
  type SelectorIo,
  sockAccept,
  sockConnect,
  sockRecv,
  sockRecvInto,
  sockSendall,
} from '@tsyncio/selector-io';
import type { Socket } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { eachSelector } from '@tsyncio/test-support/loops/selectors';
import { drain, fill, inLoop, type Sockets } from './support/sockets.js';

leakAudit();

type Program = (loop: TaskLoop<SelectorIo>, sockets: Sockets, trace: string[]) => Promise<void>;

/** One line in each iteration. */
function ticks(loop: TaskLoop<SelectorIo>, trace: string[], n: number): void {
  const tick = (i: number): void => {
    trace.push(`-- ${i}`);
    if (i < n) loop.callSoon(tick, i + 1);
  };
  loop.callSoon(tick, 1);
}

const receives: Program = async (loop, sockets, trace) => {
  const [a, b] = sockets.pair();
  const reader = async (): Promise<void> => {
    trace.push('reader begins');
    for (let i = 0; i < 3; i++) trace.push(`read ${String(await sockRecv(loop, a, 5))}`);
    const data = await sockRecv(loop, a, 5);
    trace.push(data.length === 0 ? 'end' : 'data');
  };
  const writer = async (): Promise<void> => {
    trace.push('writer begins');
    await sockSendall(loop, b, Buffer.from('hello'));
    trace.push('sent hello');
    await sleep(0);
    trace.push('writer again');
    await sockSendall(loop, b, Buffer.from('againagain'));
    trace.push('sent again');
    for (let i = 0; i < 4; i++) await sleep(0);
    b.close();
    trace.push('closed');
  };
  const tasks = [loop.createTask(reader), loop.createTask(writer)] as const;
  ticks(loop, trace, 12);
  await gather(...tasks);
  trace.push('both');
};

const cancels: Program = async (loop, sockets, trace) => {
  const pairs = [sockets.pair(), sockets.pair(), sockets.pair(), sockets.pair()];
  const reader = async (i: number): Promise<void> => {
    trace.push(`reader ${i} begins`);
    try {
      const data = await sockRecv(loop, pairs[i]![0], 9);
      trace.push(`reader ${i} read ${data.toString()}`);
    } catch (error) {
      if (error instanceof CancelledError) trace.push(`reader ${i} cancelled`);
      throw error;
    } finally {
      trace.push(`reader ${i} ends`);
    }
  };
  const tasks = pairs.map((_, i) => loop.createTask(() => reader(i)));
  tasks.forEach((task, i) =>
    task.addDoneCallback(
      (done: Task<void>) => void trace.push(`task ${i} done cancelled=${done.cancelled() ? 'True' : 'False'}`),
    ),
  );
  ticks(loop, trace, 14);
  await sleep(0);
  const cancel = (i: number): void => {
    trace.push(`cancel ${i}`);
    tasks[i]!.cancel();
  };
  // 0: cancelled before any data; 1: with the data on its way; 2: after the reader has seen it; 3: not.
  loop.callSoon(() => {
    cancel(0);
    for (const i of [1, 2, 3]) {
      trace.push(`send ${i}`);
      pairs[i]![1].send(Buffer.from('data'));
    }
    loop.callSoon(() => {
      cancel(1);
      loop.callSoon(() => cancel(2));
    });
  });
  await wait(tasks);
  trace.push('all');
};

const connections: Program = async (loop, sockets, trace) => {
  const listener = sockets.listener();
  const clients: Socket[] = [];
  const answer = async (i: number, sock: Socket): Promise<void> => {
    trace.push(`answer ${i} begins`);
    const data = await sockRecv(loop, sock, 100);
    trace.push(`answer ${i} got ${data.toString()}`);
    await sockSendall(loop, sock, Buffer.from(data.toString().toUpperCase()));
    trace.push(`answer ${i} sent`);
  };
  const server = async (): Promise<void> => {
    for (let i = 0; i < 2; i++) {
      trace.push(`accept ${i}`);
      const [sock, peer] = await sockAccept(loop, listener);
      sockets.keep(sock);
      trace.push(`accepted ${i} ${String(peer) === String(clients[i]!.getsockname()) ? 'True' : 'False'}`);
      void loop.createTask(() => answer(i, sock));
    }
  };
  const client = async (i: number): Promise<void> => {
    const sock = sockets.make();
    clients.push(sock);
    trace.push(`connect ${i}`);
    await sockConnect(loop, sock, listener.getsockname());
    trace.push(`connected ${i}`);
    await sockSendall(loop, sock, Buffer.from(`ask${i}`));
    trace.push(`asked ${i}`);
    const data = await sockRecv(loop, sock, 100);
    trace.push(`answered ${i} ${data.toString()}`);
  };
  const serving = loop.createTask(server);
  ticks(loop, trace, 16);
  await client(0);
  await client(1);
  await serving;
};

const sends: Program = async (loop, sockets, trace) => {
  const [a, b] = sockets.pair();
  fill(a);
  const sender = async (name: string, data: string): Promise<void> => {
    trace.push(`${name} begins`);
    try {
      await sockSendall(loop, a, Buffer.from(data));
      trace.push(`${name} sent`);
    } catch (error) {
      if (error instanceof CancelledError) trace.push(`${name} cancelled`);
      throw error;
    }
  };
  const one = loop.createTask(() => sender('one', '1'));
  ticks(loop, trace, 14);
  await sleep(0);
  await sleep(0);
  trace.push('draining');
  addReader(loop, b, () => {
    drain(b);
    trace.push('drained');
    removeReader(loop, b);
  });
  await one;
  trace.push('main after one');
  fill(a);
  const two = loop.createTask(() => sender('two', '2'));
  await sleep(0);
  trace.push('cancel two');
  two.cancel();
  loop.callSoon(() => void trace.push('a callback after the cancel'));
  try {
    await two;
  } catch (error) {
    if (error instanceof CancelledError) trace.push('two was cancelled');
  }
  await sockSendall(loop, a, Buffer.alloc(0));
  trace.push('nothing sent');
};

/** A receive and a send wait on one socket, and both become ready in one iteration. */
const both: Program = async (loop, sockets, trace) => {
  const [a, b] = sockets.pair();
  fill(a);
  const recv = async (): Promise<void> => {
    trace.push('recv begins');
    trace.push(`recv ${String(await sockRecv(loop, a, 10))}`);
  };
  const recvInto = async (): Promise<void> => {
    const buffer = Buffer.alloc(4);
    const n = await sockRecvInto(loop, a, buffer);
    trace.push(`recv_into ${n} ${buffer.toString('latin1', 0, n)}`);
  };
  const send = async (): Promise<void> => {
    trace.push('send begins');
    await sockSendall(loop, a, Buffer.from('x'));
    trace.push('sent');
  };
  const tasks = [loop.createTask(recv), loop.createTask(send)] as const;
  ticks(loop, trace, 10);
  await sleep(0);
  await sleep(0);
  drain(b);
  b.send(Buffer.from('y'));
  trace.push('both ready');
  await gather(...tasks);
  trace.push('both done');
  b.recv(10);
  const last = loop.createTask(recvInto);
  await sleep(0);
  b.close();
  await last;
  trace.push('closed');
};

/** CPython 3.8.18. */
const recorded = {
  receives: lines(`
    reader begins
    writer begins
    sent hello
    -- 1
    writer again
    sent again
    -- 2
    -- 3
    read hello
    read again
    read again
    -- 4
    -- 5
    closed
    -- 6
    -- 7
    -- 8
    end
    -- 9
    -- 10
    both
  `),
  cancels: lines(`
    reader 0 begins
    reader 1 begins
    reader 2 begins
    reader 3 begins
    -- 1
    -- 2
    cancel 0
    send 1
    send 2
    send 3
    -- 3
    reader 0 cancelled
    reader 0 ends
    cancel 1
    -- 4
    task 0 done cancelled=True
    reader 1 cancelled
    reader 1 ends
    cancel 2
    reader 2 cancelled
    reader 2 ends
    reader 3 read data
    reader 3 ends
    -- 5
    task 1 done cancelled=True
    task 2 done cancelled=True
    task 3 done cancelled=False
    -- 6
    all
  `),
  connections: lines(`
    connect 0
    accept 0
    accepted 0 True
    accept 1
    -- 1
    answer 0 begins
    -- 2
    connected 0
    asked 0
    -- 3
    -- 4
    answer 0 got ask0
    answer 0 sent
    -- 5
    -- 6
    answered 0 ASK0
    connect 1
    -- 7
    -- 8
    accepted 1 True
    connected 1
    asked 1
    -- 9
    answer 1 begins
    answer 1 got ask1
    answer 1 sent
    -- 10
    -- 11
    answered 1 ASK1
  `),
  sends: lines(`
    one begins
    -- 1
    -- 2
    draining
    -- 3
    drained
    -- 4
    -- 5
    one sent
    -- 6
    main after one
    -- 7
    two begins
    cancel two
    -- 8
    two cancelled
    a callback after the cancel
    -- 9
    two was cancelled
    nothing sent
  `),
  both: lines(`
    recv begins
    send begins
    -- 1
    -- 2
    both ready
    -- 3
    -- 4
    recv y
    sent
    -- 5
    -- 6
    both done
    -- 7
    -- 8
    -- 9
    recv_into 0
    -- 10
    closed
  `),
};

function lines(text: string): string[] {
  return text.trim().split(/\n */);
}

eachSelector((makeLoop) => {
  test.each(Object.entries({ receives, cancels, connections, sends, both }))('%s', (name, program) =>
    inLoop(makeLoop, async (loop, sockets) => {
      const trace: string[] = [];
      await program(loop, sockets, trace);
      expect(trace.map((line) => line.trim())).toEqual(recorded[name as keyof typeof recorded]);
    })(),
  );
});
