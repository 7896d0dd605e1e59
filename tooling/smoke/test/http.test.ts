import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

// The example examples/http, served by `npm start -- http`, with curl and Node's http client in other processes.

jest.setTimeout(120_000);

const root = path.resolve(__dirname, '../../..');
const folder = mkdtempSync(path.join(tmpdir(), 'tsyncio-http-'));
const run = promisify(execFile);
const hasCurl = spawnSync('curl', ['--version']).status === 0;
const testCurl = hasCurl ? test : test.skip;
const curlTitle = hasCurl ? 'curl' : 'curl (skipped: curl is not installed)';
const SIZE = 10_000_000;
const file = path.join(folder, 'body');

interface Serving {
  readonly child: ChildProcess;
  readonly name: string;
  readonly port: number;
  readonly ended: Promise<number | null>;
}

const running: Serving[] = [];

async function serve(...args: string[]): Promise<Serving> {
  const child = spawn(process.execPath, ['tooling/run/run.mjs', 'start', 'http', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const name = await new Promise<string>((resolve, reject) => {
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      const match = /Serving on (\S+),/.exec((output += piece));
      if (match !== null) resolve(match[1]!);
    });
    void ended.then((status) => reject(new Error(`the server ended with ${status}: ${output}`)));
  });
  const serving = { child, name, ended, port: Number(/:(\d+)\/$/.exec(name)?.[1]) };
  running.push(serving);
  return serving;
}

let tcp: Serving;
const unix = path.join(folder, 'http.sock');

beforeAll(async () => {
  writeFileSync(file, randomBytes(SIZE));
  tcp = await serve('--port', '0');
  await serve('--unix', unix);
});

afterAll(async () => {
  for (const { child } of running) child.kill('SIGTERM');
  for (const { ended } of running) await ended;
  rmSync(folder, { recursive: true, force: true });
});

/** Sends bytes as they are and gives all that comes back until the end. */
async function exchange(port: number, ...pieces: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  for (const piece of pieces) socket.write(piece, 'latin1');
  return text(socket);
}

const bodies = (answer: string): string[] => answer.split(/HTTP\/1\.1 [^]*?\r\n\r\n/).slice(1);
const statuses = (answer: string): number[] => [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, s]) => Number(s));

describe.each([
  ['TCP', () => [tcp.name]],
  ['a Unix socket', () => ['--unix-socket', unix, 'http://localhost/']],
])(`${curlTitle} over %s`, (_, where) => {
  const curl = async (resource: string, ...args: string[]): Promise<Buffer> => {
    const to = where();
    const url = `${to.pop()!}${resource}`;
    const all = ['-sS', '--fail', '--noproxy', '*', '--max-time', '60', ...args, ...to, url];
    return (await run('curl', all, { encoding: 'buffer', maxBuffer: 2 * SIZE })).stdout;
  };

  testCurl('gets, with head and without', async () => {
    expect((await curl('')).toString()).toBe('Hello, World!\n');
    expect((await curl('', '--head')).toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*Content-Length: 14\r\n\r\n$/);
    expect((await curl('', '--http1.0', '-i')).toString()).toMatch(/Connection: close\r\n\r\nHello/);
  });

  testCurl('sends and receives ten megabytes, with Content-Length and chunked', async () => {
    const out = path.join(folder, 'out');
    for (const how of [[], ['-H', 'Transfer-Encoding: chunked'], ['-H', 'Expect:']]) {
      await curl('echo', '--data-binary', `@${file}`, '-o', out, ...how);
      expect(spawnSync('cmp', [file, out]).status).toBe(0);
    }
    const pieces = await curl(`bytes/${SIZE}`);
    expect(pieces.equals(Buffer.alloc(SIZE, 'tsyncio '))).toBe(true);
  });

  testCurl('uses one connection for several requests', async () => {
    const [url] = where().slice(-1);
    const options = where().slice(0, -1);
    const args = ['-sS', '--noproxy', '*', '-w', '%{num_connects} ', ...options];
    const each = Array.from({ length: 20 }, () => ['-o', path.join(folder, 'none'), url!]).flat();
    const { stdout } = await run('curl', [...args, ...each]);
    expect(stdout.trim().split(' ')).toEqual(['1', ...Array.from({ length: 19 }, () => '0')]);
  });
});

describe("Node's http client in a process of its own", () => {
  const node = async (program: string): Promise<unknown> => {
    const source = `const http = require('node:http');
      const ask = (agent, path, options = {}, body) => new Promise((resolve, reject) => {
        const request = http.request({ port: ${tcp.port}, host: '127.0.0.1', agent, path, ...options }, (response) => {
          const pieces = [];
          response.on('data', (piece) => pieces.push(piece));
          response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(pieces) }));
          response.on('error', reject);
        });
        request.on('error', reject);
        request.end(body);
      });
      (async () => { ${program} })().then((result) => console.log(JSON.stringify(result)));`;
    return JSON.parse((await run(process.execPath, ['-e', source])).stdout) as unknown;
  };

  test('sends a thousand requests over one connection that is kept', async () => {
    const result = await node(`
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      const sockets = new Set();
      agent.on('free', (socket) => sockets.add(socket));
      let right = 0;
      for (let i = 0; i < 1000; i++) {
        const { status, body } = await ask(agent, '/echo', { method: 'POST' }, 'request ' + i);
        if (status === 200 && body.toString() === 'request ' + i) right++;
      }
      agent.destroy();
      return { right, sockets: sockets.size };`);
    expect(result).toEqual({ right: 1000, sockets: 1 });
  });

  test('sends and receives ten megabytes', async () => {
    const result = await node(`
      const sent = require('node:crypto').randomBytes(${SIZE});
      const whole = await ask(undefined, '/echo', { method: 'PUT', headers: { 'Content-Length': sent.length } }, sent);
      const chunked = await ask(undefined, '/echo', { method: 'PUT', headers: { 'Transfer-Encoding': 'chunked' } }, sent);
      return [whole.body.equals(sent), chunked.body.equals(sent)];`);
    expect(result).toEqual([true, true]);
  });
});

describe('bytes on a connection', () => {
  const get = (target: string, more = '') => `GET ${target} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
  const post = (body: string, more = '') =>
    `POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;

  test('pipelined requests are answered in their order', async () => {
    const count = 500;
    const requests = Array.from({ length: count }, (_, i) => post(`body ${i}`));
    const answer = await exchange(tcp.port, requests.join(''), get('/bytes/5', 'Connection: close\r\n'));
    expect(bodies(answer)).toEqual([...requests.map((_, i) => `body ${i}`), '5\r\ntsync\r\n0\r\n\r\n']);
  });

  test('requests may come byte by byte', async () => {
    const socket = connect({ port: tcp.port, host: '127.0.0.1', noDelay: true });
    const answer = text(socket);
    const request = post('slowly') + get('/', 'Connection: close\r\n');
    for (const byte of request) await new Promise((resolve) => socket.write(byte, resolve));
    expect(bodies(await answer)).toEqual(['slowly', 'Hello, World!\n']);
  });

  test('an upgrade is not on offer, and what follows is a request', async () => {
    const upgrade = get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\n');
    expect(statuses(await exchange(tcp.port, upgrade, get('/none', 'Connection: close\r\n')))).toEqual([200, 404]);
  });

  test('a client that ends its direction gets its answers', async () => {
    const socket = connect({ port: tcp.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end(get('/') + get('/bytes/200000'));
    const answer = await text(socket);
    expect(statuses(answer)).toEqual([200, 200]);
    expect(answer.endsWith('0\r\n\r\n')).toBe(true);
  });

  test.each([
    ['no HTTP at all', 'GARBAGE\r\n\r\n', 400],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['a space within a name', 'GET / HTTP/1.1\r\nHo st: x\r\n\r\n', 400],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n', 400],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two hosts', 'GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', 400],
    ['a length below zero', 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n', 400],
    ['two lengths', 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na', 400],
    [
      'a length and chunks',
      'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a chunk without a size', 'POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n', 400],
    ['a body that is too large', 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n', 413],
    ['a head that is too large', `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(100_000)}\r\n\r\n`, 431],
    ['a tunnel', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n', 501],
    ['a head that is not there any more', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ])('%s is refused, after the answer to what came before, and the connection ends', async (_, bytes, status) => {
    const answer = await exchange(tcp.port, get('/'), bytes, get('/'));
    expect(statuses(answer)).toEqual([200, status]);
    expect(answer).toContain('Connection: close\r\n');
  });
});

describe('time', () => {
  test('a client that is too slow with its request is answered 408', async () => {
    const { port } = await serve('--port', '0', '--request-timeout', '0.3', '--idle-timeout', '0.6');
    expect(statuses(await exchange(port, 'GET / HTTP/1.1\r\nHost: x\r\n'))).toEqual([408]);
    expect(statuses(await exchange(port, 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab'))).toEqual([
      408,
    ]);
    // A byte now and then does not help.
    const socket = connect(port, '127.0.0.1');
    const drip = setInterval(() => socket.write('a'), 50);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nA: ');
    expect(statuses(await text(socket))).toEqual([408]);
    clearInterval(drip);
    // One that asks nothing more is let go without a word.
    expect(statuses(await exchange(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'))).toEqual([200]);
  });

  test('one that does not read its answer is let go', async () => {
    const { port } = await serve('--port', '0', '--idle-timeout', '0.5');
    const socket = connect(port, '127.0.0.1').pause();
    socket.write('GET /bytes/1000000000 HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect(whenReset(socket)).resolves.toBe('ECONNRESET');
  });
});

async function whenReset(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    // Asks for nothing, only sends: a paused socket learns of the reset by its next write.
    const ping = setInterval(() => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 100);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearInterval(ping);
      resolve(error.code === 'EPIPE' ? 'ECONNRESET' : error.code);
    });
  });
}

const hasWrk = spawnSync('wrk', ['-v']).error === undefined;
(hasWrk ? test : test.skip)(hasWrk ? 'under the load of wrk' : 'wrk (skipped: wrk is not installed)', async () => {
  for (const connections of ['50', '500']) {
    const { stdout } = await run('wrk', ['-t', '2', '-c', connections, '-d', '2s', '--timeout', '10s', tcp.name]);
    expect(stdout).not.toMatch(/Socket errors|Non-2xx/);
    expect(Number(/(\d+) requests in/.exec(stdout)?.[1])).toBeGreaterThan(1000);
  }
  expect(bodies(await exchange(tcp.port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'))).toEqual([
    'Hello, World!\n',
  ]);
});

test('the end waits for the answers, and idle connections are closed', async () => {
  const { port, child, ended } = await serve('--port', '0');
  const idle = connect(port, '127.0.0.1');
  const idleEnded = text(idle);
  const busy = connect(port, '127.0.0.1').pause();
  busy.write(`GET /bytes/${SIZE} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await new Promise((resolve) => busy.once('readable', resolve));
  child.kill('SIGTERM');
  expect(await idleEnded).toBe('');
  const answer = await text(busy);
  expect(answer.endsWith('0\r\n\r\n')).toBe(true);
  expect(answer.length).toBeGreaterThan(SIZE);
  expect(await ended).toBe(0);
});
