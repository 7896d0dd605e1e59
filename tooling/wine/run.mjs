// Tests of Windows under Wine: node tooling/wine/run.mjs [jest arguments]. What it needs it installs (see setup.mjs). Where that is impossible it says
// so and counts one skipped test.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { environment, home, node, root, setUp, shutDown } from './setup.mjs';

const impossible = setUp();
if (impossible !== null) {
  console.log(`skipped: no tests of Windows here: ${impossible}`);
  console.log('0 passed, 0 failed, 1 skipped');
} else {
  process.exitCode = runJest(process.argv.slice(2));
}

function runJest(parameters) {
  const log = path.join(home, `jest-${process.pid}.log`);
  // Node under Wine cannot open a pipe of Unix as its output: it writes to a file.
  const output = openSync(log, 'w');
  const jest = path.join('node_modules', 'jest', 'bin', 'jest.js');
  const run = spawnSync('wine', [node, jest, '--ci', '--config', 'tooling/wine/windows.config.mjs', ...parameters], {
    cwd: root,
    env: environment,
    stdio: ['ignore', output, output],
    timeout: 900_000,
  });
  closeSync(output);
  shutDown();
  process.stdout.write(readFileSync(log));
  rmSync(log);
  return run.status ?? 1;
}
