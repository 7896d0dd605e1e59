// Node's own children: node:child_process.
import { spawn as start } from 'node:child_process';
import { once } from 'node:events';
import { main } from './measure.mjs';

async function spawn(pipes) {
  const child = start('true', [], { stdio: pipes ? 'pipe' : 'ignore' });
  // Without a reader of its output a child is never closed.
  child.stdout?.resume();
  child.stderr?.resume();
  await once(child, 'close');
}

async function cat(bytes, piece) {
  const child = start('cat', [], { stdio: ['pipe', 'pipe', 'inherit'] });
  let received = 0;
  child.stdout.on('data', (data) => (received += data.length));
  const closed = once(child, 'close');
  for (let sent = 0; sent < bytes; sent += piece.length) {
    if (!child.stdin.write(piece)) await once(child.stdin, 'drain');
  }
  child.stdin.end();
  await closed;
  if (received < bytes) throw new Error(`got ${received} of ${bytes} bytes`);
}

await main({ spawn, cat });
