import { spawnSync } from 'node:child_process';
import path from 'node:path';

const idsOf = (title: string): string[] => {
  const module = path.resolve(__dirname, '../ids.mjs');
  const program = `import { idsOf } from ${JSON.stringify(module)}; console.log([...idsOf(${JSON.stringify(title)})].join(' '));`;
  const r = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  return r.stdout.trim().split(' ');
};

it('reads single IDs, lists and ranges in the title of a test', () => {
  const title =
    'stops (LOOP-STOP-01), FUT-03/04: also TASK-07, -08 and -10; QUEUE-02..04 within 12 steps, LOCK-01, 2 times, HTTP-2';
  expect(idsOf(title)).toEqual(
    'LOOP-STOP-01 FUT-03 FUT-04 TASK-07 TASK-08 TASK-10 QUEUE-02 QUEUE-03 QUEUE-04 LOCK-01'.split(' '),
  );
});

it('writes many IDs short', () => {
  const module = path.resolve(__dirname, '../ids.mjs');
  const ids = ['DNS-01', 'DNS-02', 'DNS-03', 'SIG-02', 'FUT-CB-09', 'FUT-CB-10', 'FUT-12'];
  const program = `import { rangesOf } from ${JSON.stringify(module)}; console.log(rangesOf(${JSON.stringify(ids)}));`;
  const r = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect(r.stdout).toBe('DNS-01..03 SIG-02 FUT-CB-09..10 FUT-12\n');
});
