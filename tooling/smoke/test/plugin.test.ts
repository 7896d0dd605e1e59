import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { App, root } from './support/app.js';

// The package of an author of plugins (fixtures/plugin): compiled against the published types, packed, installed and used.

jest.setTimeout(120_000);

const program = `
import { InlineExecutor, AcmePolicy, timedTasks, type AcmeLoop, type Timing } from 'acme-loop';
import { currentTask, getRunningLoop, run, setEventLoopPolicy, sleep, socketpair, wrapFuture } from 'tsyncio';

const policy = new AcmePolicy();
setEventLoopPolicy(policy);
const timings: Timing[] = [];
const executor = new InlineExecutor();

async function main(): Promise<unknown> {
  const loop = getRunningLoop() as AcmeLoop;
  const mainName = currentTask()?.getName();
  loop.setTaskFactory(timedTasks((timing) => timings.push(timing)));
  const [reading, writing] = socketpair();
  reading.setblocking(false);
  const received = loop.sockRecv(reading, 100);
  await loop.createTask(async () => {
    await sleep(0.01);
    writing.send(Buffer.from('through the selector'));
  }, { name: 'writer' });
  const text = String(await received);
  reading.close();
  writing.close();
  const answer: number = await wrapFuture(executor.submit((a: number, b: number) => a * b, 6, 7));
  await executor.shutdown();
  return { class: loop.constructor.name, mainName, text, answer };
}

const result = await run(main);
console.log(JSON.stringify({
  result,
  timed: timings.filter(({ name }) => name === 'writer').map(({ name, seconds }) => [name, seconds >= 0.01]),
  submitted: executor.submitted,
  made: policy.made.length,
  records: [...new Set(policy.made.flatMap(({ selector }) => selector.records))],
  closed: policy.made.every((loop) => loop.isClosed()),
}));
`;

test('a custom policy, loop, selector, executor and task factory know published types only', () => {
  const app = new App();
  try {
    app.install('tsyncio');
    const plugin = path.join(app.folder, 'plugin');
    cpSync(path.join(root, 'tooling/smoke/fixtures/plugin'), plugin, { recursive: true });
    app.tsc(['plugin/src/index.ts'], 'node16', {
      noEmit: false,
      declaration: true,
      rootDir: 'plugin/src',
      outDir: 'plugin/dist',
    });
    app.npmInstall('./plugin');
    rmSync(plugin, { recursive: true });
    expect(app.has('acme-loop/dist/index.d.ts')).toBe(true);
    expect(app.has('acme-loop/node_modules')).toBe(false); // one tsyncio, the user's

    app.tsc([app.write('use.mts', program)], 'node16', { noEmit: false, outDir: 'out' });
    const output = app.run(process.execPath, [path.join(app.folder, 'out/use.mjs')]);
    expect(JSON.parse(output)).toEqual({
      result: { class: 'AcmeLoop', mainName: 'acme-1', text: 'through the selector', answer: 42 },
      timed: [['writer', true]],
      submitted: 1,
      made: 1,
      records: expect.arrayContaining(['register', 'ready', 'unregister', 'close']),
      closed: true,
    });
  } finally {
    app.remove();
  }
});
