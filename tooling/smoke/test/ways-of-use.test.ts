import { readdirSync } from 'node:fs';
import path from 'node:path';
import { App, resolutions } from './support/app.js';

// The three ways of use, each in a folder of its own with nothing but the packages named. One program for each, in strict TypeScript;
// what the compiler makes of it runs as an ES module and as CommonJS.

jest.setTimeout(120_000);

const scheduling = `
import { ContextVar, getRunningLoop, isCancelled } from '@tsyncio/core';
import { Queue, TaskLoop, gather, sleep, waitFor, type Task } from '@tsyncio/futures-tasks';

const name = new ContextVar<string>('name', { default: 'nobody' });

async function worker(queue: Queue<number>, done: number[]): Promise<void> {
  name.set('worker');
  for (;;) {
    done.push(await queue.get());
    await sleep(0.001);
    queue.taskDone();
  }
}

async function main(): Promise<string> {
  const queue = new Queue<number>(2);
  const done: number[] = [];
  const loop = getRunningLoop() as TaskLoop;
  const tasks: Task<void>[] = [0, 1].map(() => loop.createTask(() => worker(queue, done)));
  for (let i = 0; i < 6; i++) await queue.put(i);
  await waitFor(queue.join(), 10);
  for (const task of tasks) task.cancel();
  const ends = await gather(...tasks, { returnExceptions: true });
  return [done.join(''), ends.every((end) => isCancelled(end)), name.get()].join();
}

const loop = new TaskLoop();
void loop.runUntilComplete(main).then((result: string) => {
  console.log(result);
  loop.close();
});
`;

const server = `
import { getRunningLoop } from '@tsyncio/core';
import { TaskLoop, type Future } from '@tsyncio/futures-tasks';
import { SelectorIo } from '@tsyncio/selector-io';
import { createServer, type Server } from '@tsyncio/server';
import { Protocol, createConnection, type Transport } from '@tsyncio/transports-protocols';

class Echo extends Protocol {
  private transport!: Transport;
  override connectionMade(transport: Transport): void {
    this.transport = transport;
  }
  override dataReceived(data: Buffer): void {
    this.transport.write(data);
  }
}

async function main(): Promise<string> {
  const loop = getRunningLoop() as TaskLoop<SelectorIo>;
  const server: Server = await createServer(loop, () => new Echo(), '127.0.0.1', 0);
  const answer: Future<string> = loop.createFuture();
  const [, port] = server.sockets[0]!.getsockname() as [string, number];
  const client = { dataReceived: (data: Buffer) => answer.setResult(String(data)) };
  const [transport] = await createConnection(loop, () => client, '127.0.0.1', port);
  transport.write(Buffer.from('hello'));
  const echoed = await answer;
  transport.close();
  server.close();
  await server.waitClosed();
  return echoed;
}

// A loop without I/O cannot serve, and the compiler says so.
const without = new TaskLoop();
// @ts-expect-error
export const wrong = (): unknown => createServer(without, () => new Echo(), '127.0.0.1', 0);

const loop = new TaskLoop({ backend: new SelectorIo() });
void loop.runUntilComplete(main).then((result: string) => {
  console.log(result);
  loop.close();
});
`;

const everything = `
import { getRunningLoop, run, type EventLoop, type Server } from 'tsyncio';

async function main(): Promise<string> {
  const loop: EventLoop = getRunningLoop();
  await using server: Server = await loop.createServer(
    () => ({
      connectionMade(transport: { write(data: Uint8Array): void; close(): void }): void {
        transport.write(Buffer.from('welcome'));
        transport.close();
      },
    }),
    '127.0.0.1',
    0,
  );
  const received = loop.createFuture<string>();
  const [, port] = server.sockets[0]!.getsockname() as [string, number];
  await loop.createConnection(() => ({ dataReceived: (data: Buffer) => received.setResult(String(data)) }), '127.0.0.1', port);
  return received;
}

void run(main).then(console.log);
`;

describe.each([
  {
    way: 'only core and futures-tasks',
    wanted: ['@tsyncio/core', '@tsyncio/futures-tasks'],
    installed: ['core', 'futures-tasks'],
    native: false,
    program: scheduling,
    output: '012345,true,nobody',
  },
  {
    way: 'what a TCP server needs',
    wanted: ['@tsyncio/server', '@tsyncio/selector-io'],
    installed: ['core', 'futures-tasks', 'selector-io', 'server', 'socket', 'transports-protocols'],
    native: true,
    program: server,
    output: 'hello',
  },
  { way: 'the umbrella', wanted: ['tsyncio'], installed: null, native: true, program: everything, output: 'welcome' },
])('$way', ({ wanted, installed, native, program, output }) => {
  let app: App;

  beforeAll(() => {
    app = new App();
    app.install(...wanted);
  });

  afterAll(() => app.remove());

  it('installs what it needs and nothing else', () => {
    const scope = readdirSync(path.join(app.folder, 'node_modules/@tsyncio')).sort();
    if (installed !== null) expect(scope).toEqual(installed);
    expect(app.has('koffi')).toBe(native);
    expect(app.has('@koromix')).toBe(native);
    const others = readdirSync(path.join(app.folder, 'node_modules')).filter((name) => !name.startsWith('.'));
    if (!native) expect(others).toEqual(['@tsyncio']);
  });

  it.each(resolutions)('compiles under strict, moduleResolution %s, %s, and runs', (resolution, file) => {
    const run = resolution === 'node16';
    app.tsc([app.write(file, program)], resolution, run ? { noEmit: false, outDir: 'out' } : {});
    if (!run) return;
    const script = path.join(app.folder, 'out', file.replace('ts', 'js'));
    expect(app.run(process.execPath, [script], '/').trim()).toBe(output);
  });
});
