import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

interface Report {
  filePath: string;
  messages: { ruleId: string | null; line: number; message: string }[];
}

jest.setTimeout(60_000);
const root = path.resolve(__dirname, '../../..');
const tree = mkdtempSync(path.join(tmpdir(), 'tsyncio-lint-'));
let reports: Report[] = [];

const files = {
  'packages/demo/src/io.ts': `import net from 'node:net';
import { spawn } from 'child_process';
import koffi from 'koffi';
export const io = [net, spawn, koffi];
`,
  'packages/demo/src/time.ts': `export const now = Date.now();
export const chance = Math.random();
export const timers = [setTimeout(() => 0, 1), setImmediate(() => 0), performance.now()];
process.on('SIGINT', () => 0);
`,
  'packages/demo/src/later.ts': `import { setTimeout as later } from 'node:timers';
export const timer = later(() => 0, 1);
`,
  'packages/socket/src/native/table.ts': `import koffi from 'koffi';
export const table: unknown = koffi;
`,
  'packages/core/src/node-host.ts': `export const timer = setTimeout(() => 0, 1);
process.on('exit', () => 0);
`,
  'packages/demo/test/peer.test.ts': `import net from 'node:net';
export const peer = net.connect(1);
setTimeout(() => 0, 1);
`,
  'packages/demo/src/floating.ts': `import { type TaskLoop, gather, sleep } from '@tsyncio/futures-tasks';
export async function floating(loop: TaskLoop): Promise<void> {
  Promise.resolve(1);
  loop.createFuture<number>();
  loop.createTask(async () => 1);
  sleep(1);
  gather(loop.createFuture());
  await sleep(1);
  void loop.createTask(async () => 1);
  const kept = loop.createTask(async () => 1);
  await kept;
}
`,
};

beforeAll(() => {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
    writeFileSync(path.join(tree, file), text);
  }
  const compilerOptions = { types: ['node'], typeRoots: [path.join(root, 'node_modules/@types')] };
  const tsconfig = { extends: path.join(root, 'tsconfig.base.json'), compilerOptions, include: ['packages'] };
  writeFileSync(path.join(tree, 'tsconfig.json'), JSON.stringify(tsconfig));
  mkdirSync(path.join(tree, 'node_modules/@tsyncio'), { recursive: true });
  symlinkSync(
    path.join(root, 'packages/futures-tasks'),
    path.join(tree, 'node_modules/@tsyncio/futures-tasks'),
    'junction',
  );
  symlinkSync(path.join(root, 'packages/socket/node_modules/koffi'), path.join(tree, 'node_modules/koffi'), 'junction');
  const program = path.join(root, 'node_modules/eslint/bin/eslint.js');
  const args = [program, '--config', path.join(root, 'eslint.config.mjs'), '--format', 'json', 'packages'];
  const r = spawnSync(process.execPath, args, { cwd: tree, encoding: 'utf8' });
  if (!r.stdout.startsWith('[')) throw new Error(r.stdout + r.stderr);
  reports = JSON.parse(r.stdout) as Report[];
});

afterAll(() => rmSync(tree, { recursive: true, force: true }));

/** `line rule` for each complaint about a file. */
function complaints(file: keyof typeof files): string[] {
  const report = reports.find(({ filePath }) => filePath.endsWith(path.join(path.sep, file)));
  if (report === undefined) throw new Error(`${file} was not linted`);
  return report.messages.map(({ line, ruleId }) => `${line} ${ruleId ?? 'parse error'}`);
}

it("refuses Node's own I/O and koffi in a package", () => {
  const rule = '@typescript-eslint/no-restricted-imports';
  expect(complaints('packages/demo/src/io.ts')).toEqual([`1 ${rule}`, `2 ${rule}`, `3 ${rule}`]);
});

it('refuses clocks, chance, timers and events of the process in a package', () => {
  expect(complaints('packages/demo/src/time.ts')).toEqual([
    '1 no-restricted-properties',
    '2 no-restricted-properties',
    '3 no-restricted-globals',
    '3 no-restricted-globals',
    '3 no-restricted-globals',
    '4 no-restricted-properties',
  ]);
  expect(complaints('packages/demo/src/later.ts')).toEqual(['1 @typescript-eslint/no-restricted-imports']);
});

it('says what to use instead', () => {
  const messages = reports.flatMap((report) => report.messages.map(({ message }) => message)).join('\n');
  for (const hint of [
    '@tsyncio/socket',
    'loop.callLater',
    'loop.time()',
    'loop.addSignalHandler',
    '@tsyncio/socket/native',
  ]) {
    expect(messages).toContain(hint);
  }
});

it('lets the native layer, the host adapter and the tests do what they are there for', () => {
  expect(complaints('packages/socket/src/native/table.ts')).toEqual([]);
  expect(complaints('packages/core/src/node-host.ts')).toEqual([]);
  expect(complaints('packages/demo/test/peer.test.ts')).toEqual([]);
});

(existsSync(path.join(root, 'packages/futures-tasks/src/index.ts')) ? it : it.skip)(
  'finds futures, tasks and operations that nobody awaits, as it finds promises',
  () => {
    const rule = '@typescript-eslint/no-floating-promises';
    expect(complaints('packages/demo/src/floating.ts')).toEqual([3, 4, 5, 6, 7].map((line) => `${line} ${rule}`));
  },
);
