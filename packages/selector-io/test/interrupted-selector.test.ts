import { type CompiledPackages, compilePackages, leakAudit, runProgram } from '@tsyncio/test-support';

leakAudit();

let packages: CompiledPackages;
beforeAll(() => {
  packages = compilePackages('core', 'futures-tasks', 'socket', 'selector-io');
}, 60_000);
afterAll(() => packages.remove());

/** A selector that writes down how each call to the kernel ended, and somebody who sends signals all the time. */
const prologue = (selector: string): string => `
  import { spawn } from 'node:child_process';
  import { ${selector} } from '@tsyncio/selector-io';
  import { socketpair } from '@tsyncio/socket';
  const calls = [];
  class Selector extends ${selector} {
    wait(seconds) {
      const ready = super.wait(seconds);
      calls.push(ready);
      return ready;
    }
  }
  let handled = 0;
  process.on('SIGUSR2', () => handled++);
  const signals = (text) => spawn('sh', ['-c', text.replaceAll('KILL', 'kill -USR2 ' + process.pid)],
    { stdio: ['ignore', 'ignore', 'ignore', b.fileno()] });
  const EINTR = -4;
  const [a, b] = socketpair();
  const selector = new Selector();
  const key = selector.register(a, 1);
`;

describe.each(['EpollSelector', 'PollSelector', 'SelectSelector'])('%s', (selector) => {
  test('SEL-27 a signal neither ends a wait nor fails it: the rest of the time is waited out', async () => {
    const program = `${prologue(selector)}
      const child = signals('while KILL; do sleep 0.02; done');
      const ended = new Promise((resolve) => child.on('exit', resolve));
      let early = 0;
      let found = 0;
      let waits = 0;
      // Until a wait was interrupted several times: the child may be slow.
      do {
        calls.length = 0;
        const start = performance.now();
        found += selector.select(0.3).length;
        if (performance.now() - start < 300) early++;
      } while (calls.filter((result) => result === EINTR).length < 3 && ++waits < 50);
      const interrupted = calls.filter((result) => result === EINTR).length;
      child.kill('SIGKILL');
      await ended;
      await new Promise((resolve) => setTimeout(resolve, 1));
      console.log(JSON.stringify({ early, found, interrupted: interrupted >= 3, last: calls.at(-1), handled: handled > 0 }));
    `;
    const { stdout, stderr } = await runProgram(program, { cwd: packages.folder });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ early: 0, found: 0, interrupted: true, last: 0, handled: true });
  }, 30_000);

  test('SEL-27 nor a wait without an end, which goes on until something is ready', async () => {
    const program = `${prologue(selector)}
      signals('sleep 0.2; for i in 1 2 3 4 5; do KILL; sleep 0.02; done; echo x >&3');
      const results = selector.select();
      console.log(JSON.stringify({
        found: results.length,
        same: results[0][0] === key && results[0][1] === 1,
        interrupted: calls.includes(EINTR),
        last: calls.at(-1),
      }));
    `;
    const { stdout, stderr } = await runProgram(program, { cwd: packages.folder });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ found: 1, same: true, interrupted: true, last: 1 });
  }, 30_000);
});
