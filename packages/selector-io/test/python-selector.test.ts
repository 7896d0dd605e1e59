import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EpollSelector, PollSelector, type Selector, SelectSelector } from '@tsyncio/selector-io';
import { socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

leakAudit();

const hasPython = ((): boolean => {
  try {
    execFileSync('python3', ['-c', 'import selectors; selectors.EpollSelector'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
const testPython = hasPython ? test : test.skip;

/** What Python's selectors say of peers and descriptors that are gone, by interest. */
const program = `
import json, os, selectors, socket
answers = []
for make in (selectors.EpollSelector, selectors.PollSelector, selectors.SelectSelector):
    for events in (1, 2, 3):
        def ask(file, before):
            with make() as selector:
                selector.register(file, events)
                before()
                try:
                    answers.append([mask for key, mask in selector.select(0)])
                except OSError as error:
                    answers.append(error.errno)
        a, b = socket.socketpair()
        ask(a, lambda: None)
        ask(a, lambda: b.send(b'x'))
        ask(a, lambda: b.shutdown(socket.SHUT_WR))
        ask(a, b.close)
        ask(a, a.close)
        r, w = os.pipe()
        ask(w, lambda: None)
        ask(w, lambda: os.close(r))
        os.close(w)
        r, w = os.pipe()
        ask(r, lambda: None)
        ask(r, lambda: os.write(w, b'x'))
        ask(r, lambda: os.close(w))
        os.read(r, 1)
        ask(r, lambda: None)
        os.close(r)
print(json.dumps(answers))
`;

function pipe(): [reading: number, writing: number] {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsyncio-fifo-'));
  const fifo = path.join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const reading = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const writing = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  rmSync(folder, { recursive: true });
  return [reading, writing];
}

testPython(
  'SEL-09 SEL-29 SEL-30 what is gone is reported as by Python, by every selector and for every interest',
  () => {
    const answers: unknown[] = [];
    const selectors: (new () => Selector)[] = [EpollSelector, PollSelector, SelectSelector];
    for (const Make of selectors) {
      for (const events of [1, 2, 3]) {
        const ask = (file: number | { fileno(): number }, before: () => unknown): void => {
          const selector = new Make();
          selector.register(file, events);
          before();
          try {
            answers.push(selector.select(0).map(([, mask]) => mask));
          } catch (error) {
            answers.push(-(error as { errno: number }).errno);
          }
          selector.close();
        };
        const nothing = (): void => undefined;
        const [a, b] = socketpair();
        ask(a, nothing);
        ask(a, () => b.send(Buffer.from('x')));
        ask(a, () => b.shutdown(1));
        ask(a, () => b.close());
        ask(a, () => a.close());
        let [r, w] = pipe();
        ask(w, nothing);
        ask(w, () => closeSync(r));
        closeSync(w);
        [r, w] = pipe();
        ask(r, nothing);
        ask(r, () => writeSync(w, 'x'));
        ask(r, () => closeSync(w));
        readSync(r, Buffer.alloc(1));
        ask(r, nothing);
        closeSync(r);
      }
    }
    expect(answers).toEqual(JSON.parse(execFileSync('python3', ['-c', program], { encoding: 'utf8' })));
    expect(answers).toHaveLength(99);
  },
);
