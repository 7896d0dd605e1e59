import { compilePackages, runProgram } from '@tsyncio/test-support';

// In a process of its own: a signal must not hit the one that runs the tests.
test('SEL-27 a signal neither ends a wait nor is an error', async () => {
  const packages = compilePackages('core', 'futures-tasks', 'socket', 'selector-io');
  const program = `
    const { spawn } = require('node:child_process');
    const { EpollSelector } = require('@tsyncio/selector-io');
    let signals = 0;
    process.on('SIGUSR2', () => signals++);
    const kills = 'for i in 1 2 3; do sleep 0.05; kill -USR2 ' + process.pid + '; done';
    const child = spawn('sh', ['-c', kills], { stdio: 'ignore' });
    child.on('exit', () => setImmediate(() => console.log(signals > 0)));
    const selector = new EpollSelector();
    const start = performance.now();
    console.log(selector.select(0.5).length, performance.now() - start >= 500);
    selector.close();`;
  const { stdout, stderr, status } = await runProgram(program, { cwd: packages.folder, type: 'commonjs' });
  packages.remove();
  expect({ stdout, stderr, status }).toEqual({ stdout: '0 true\ntrue\n', stderr: '', status: 0 });
}, 60_000);
