import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import path from 'node:path';

const root = path.resolve(__dirname, '../../..');
const start = ['tooling/run/run.mjs', 'start'];

test('npm start runs the tour and ends by itself', async () => {
  const child = spawn(process.execPath, start, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const status = await new Promise((resolve) => child.on('close', resolve));
  expect(output).toContain('Hello World');
  expect(output).toContain('Received: abc');
  expect(output).toContain('default thread pool 100 bytes');
  expect(output).toMatch(/custom thread pool (\d+)\n[^]*custom process pool \1\n/);
  expect(output).toContain('20000 messages of 1024 bytes echoed and verified');
  expect(status).toBe(0);
}, 120_000);

test('npm start -- echo serves until it is interrupted, also with a client connected', async () => {
  const child = spawn(process.execPath, [...start, 'echo', '--port', '0'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = new Promise((resolve) => child.on('close', resolve));
  let output = '';
  const port = await new Promise<number>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const match = /port (\d+)/.exec(output);
      if (match !== null) resolve(Number(match[1]));
    });
  });
  const client = connect(port, '127.0.0.1');
  client.write('hello');
  const echoed = await new Promise((resolve) => client.once('data', (data) => resolve(data.toString())));
  expect(echoed).toBe('hello');
  const ended = new Promise((resolve) => client.once('close', resolve).resume());
  child.kill('SIGTERM');
  await ended;
  expect(await closed).toBe(0);
  expect(output).toContain('closed');
}, 120_000);
