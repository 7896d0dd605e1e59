import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from './support/app.js';

const folder = path.join(root, 'tooling/checks/api');

function check(...args: string[]) {
  const r = spawnSync(process.execPath, [path.join(folder, 'check.mjs'), ...args], { encoding: 'utf8' });
  return { status: r.status, output: r.stdout + r.stderr };
}

test('the built umbrella has every name of the list, with its members, and exports none that is not listed', () => {
  const { status, output } = check();
  expect(output).toMatch(/, 0 problems\n$/);
  expect(status).toBe(0);
}, 60_000);

test('a name, a member, a type or a package that is missing is found', () => {
  const scratch = mkdtempSync(path.join(tmpdir(), 'tsyncio-api-'));
  try {
    const list = path.join(scratch, 'surface.txt');
    const rows = [
      'none() | nothing() | core | RUN',
      'loop.none() | loop.nothing() | core | RUN',
      '- | NoSuchType | core | RUN',
      'sleep(delay) | sleep(delay) | policy | SLEEP',
      'gather() | gather() | futures-tasks | NONSENSE',
      'loop.call_soon() | loop.callSoon() | core | SCHED-SOON | pending',
    ];
    writeFileSync(list, `${readFileSync(path.join(folder, 'surface.txt'), 'utf8')}\n${rows.join('\n')}\n`);
    const { status, output } = check(list);
    expect(status).toBe(1);
    for (const line of [
      'none(): the umbrella has no nothing',
      'loop.none(): the umbrella has no EventLoop.nothing',
      '-: the umbrella has no NoSuchType',
      'sleep(delay): @tsyncio/policy has no sleep',
      'gather(): there are no rows NONSENSE',
      'loop.callSoon() is there by now',
    ])
      expect(output).toContain(line);
    writeFileSync(list, '## One\nrun(main) | run(main) | policy | RUN\n');
    expect(check(list).output).toContain('sleep is exported by the umbrella, and surface.txt does not know it');
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}, 60_000);

test('the table in the documentation is the list', () => {
  const r = spawnSync(process.execPath, [path.join(folder, 'table.mjs'), '--check'], { encoding: 'utf8' });
  expect(r.stderr).toBe('');
  expect(r.status).toBe(0);
});
