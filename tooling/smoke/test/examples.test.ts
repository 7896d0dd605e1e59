import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createConnection, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { root } from './support/app.js';
import { client, python, serve, testWith } from './support/serving.js';

// Every example, in a process of its own, with a client that others have written.

const folder = mkdtempSync(path.join(tmpdir(), 'tsyncio-examples-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

testWith('python3')('chat: two people talk, and hear that the server goes down', async () => {
  const chat = await serve('chat', '--port', '0');
  expect(await python('chat.py', chat.port)).toBe('ok\n');
  const last = createConnection(chat.port, '127.0.0.1');
  last.write('last\n');
  let heard = '';
  const ended = new Promise((resolve) => last.on('end', resolve));
  await new Promise<void>((resolve) =>
    last.on('data', (data) => {
      heard += String(data);
      if (heard.includes('welcome')) resolve();
    }),
  );
  expect(await chat.stop()).toBe(0);
  await ended;
  expect(heard).toMatch(/the server is going down\n$/);
});

/** A certificate for localhost that signs itself, and its key. */
function certificate(): [cert: string, key: string] {
  const place = mkdtempSync(path.join(folder, 'certificate-'));
  const [cert, key] = [path.join(place, 'cert.pem'), path.join(place, 'key.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const args = ['req', '-x509', ...curve, '-nodes', '-days', '2', ...subject, '-keyout', key, '-out', cert];
  expect(spawnSync('openssl', args).status).toBe(0);
  return [cert, key];
}

testWith('curl', 'openssl')(
  'https: curl agrees by ALPN upon HTTP/1.1, and trusts only the right certificate',
  async () => {
    const [cert, key] = certificate();
    const [other] = certificate();
    const { port, stop } = await serve('https', '--port', '0', '--cert', cert, '--key', key);
    const curl = (ca: string, ...args: string[]): Promise<string> =>
      client(
        'curl',
        '-sS',
        '-v',
        '--noproxy',
        '*',
        '--resolve',
        `localhost:${port}:127.0.0.1`,
        '--cacert',
        ca,
        ...args,
      );
    const output = await curl(cert, `https://localhost:${port}/`);
    expect(output).toContain('Hello, World!');
    expect(output).toMatch(/ALPN.*(accepted|server accepted to use) http\/1\.1/);
    const file = path.join(folder, 'body');
    writeFileSync(file, Buffer.alloc(3_000_000, 'over TLS '));
    const out = path.join(folder, 'out');
    await curl(cert, '-o', out, '--data-binary', `@${file}`, `https://localhost:${port}/echo`);
    expect(readFileSync(out).equals(readFileSync(file))).toBe(true);
    await expect(curl(other, `https://localhost:${port}/`)).rejects.toThrow(/certificate/);
    await expect(curl(cert, '--tls-max', '1.1', `https://localhost:${port}/`)).rejects.toThrow();
    expect(await stop()).toBe(0);
  },
);

testWith('python3')('dns: a client gets records, errors, and no answer to nonsense', async () => {
  const { port, stop } = await serve('dns', '--port', '0');
  expect(await python('dns.py', port)).toBe('ok\n');
  expect(await stop()).toBe(0);
});

testWith('dig')('dns: dig asks it', async () => {
  const { port } = await serve('dns', '--port', '0');
  const dig = (...args: string[]): Promise<string> =>
    client('dig', '@127.0.0.1', '-p', String(port), '+short', ...args);
  expect((await dig('tsyncio.test')).split('\n').sort().join(' ').trim()).toBe('192.0.2.1 192.0.2.2');
  expect(await dig('tsyncio.test', 'AAAA')).toBe('2001:db8::1\n');
});

testWith('python3')('descriptors: a client gets an open file over a Unix socket', async () => {
  writeFileSync(path.join(folder, 'message.txt'), 'passed along');
  symlinkSync('message.txt', path.join(folder, 'link'));
  const place = path.join(folder, 'files.sock');
  const { stop } = await serve('descriptors', '--socket', place, '--folder', folder);
  expect(await python('descriptors.py', place, 'message.txt', 'passed along')).toBe('ok\n');
  expect(await stop()).toBe(0);
});

testWith('python3')('redis: a client sets, counts, pipelines, and lets things expire', async () => {
  const { port, stop } = await serve('redis', '--port', '0');
  expect(await python('redis.py', port)).toBe('ok\n');
  expect(await stop()).toBe(0);
});

testWith('redis-cli')('redis: redis-cli talks to it', async () => {
  const { port } = await serve('redis', '--port', '0');
  const cli = (...args: string[]): Promise<string> => client('redis-cli', '-p', String(port), ...args);
  expect(await cli('set', 'a', 'b')).toBe('OK\n');
  expect(await cli('get', 'a')).toBe('b\n');
});

testWith('redis-benchmark')('redis: redis-benchmark runs against it', async () => {
  const { port } = await serve('redis', '--port', '0');
  const args = ['-p', String(port), '-t', 'set,get', '-n', '2000', '-P', '8', '-q'];
  expect(await client('redis-benchmark', ...args)).toContain('requests per second');
});

testWith('python3')('multi-core: the kernel spreads connections over the workers', async () => {
  const { port, stop } = await serve('multi-core', '--port', '0', '--workers', '3');
  const seen = (await python('multi_core.py', port)).trim().split(' ');
  expect(seen).toHaveLength(3);
  for (const name of seen) expect(name).toMatch(/^worker-\d+$/);
  expect(await stop()).toBe(0);
});

testWith('curl')('socks5: curl goes through it, by name and by address, and learns what is wrong', async () => {
  const target = createServer((request, response) => {
    request.resume().on('end', () => response.end(Buffer.alloc(2_000_000, 'through ')));
  });
  await new Promise<void>((resolve) => target.listen(0, 'localhost', resolve));
  const { port: there } = target.address() as AddressInfo;
  const { port, stop } = await serve('socks5', '--port', '0');
  const curl = (...args: string[]): Promise<string> =>
    client('curl', '-sS', '--noproxy', '', '--max-time', '30', ...args);
  const out = path.join(folder, 'through');
  for (const how of ['--socks5-hostname', '--socks5']) {
    await curl(how, `127.0.0.1:${port}`, '-o', out, '-d', 'x', `http://localhost:${there}/`);
    expect(readFileSync(out).equals(Buffer.alloc(2_000_000, 'through '))).toBe(true);
  }
  target.close();
  target.closeAllConnections();
  await expect(curl('--socks5', `127.0.0.1:${port}`, `http://127.0.0.1:${there}/`)).rejects.toThrow(/\(5\)/);
  await expect(curl('--socks5-hostname', `127.0.0.1:${port}`, 'http://no-such-name.invalid/')).rejects.toThrow(/\(4\)/);
  expect(await stop()).toBe(0);
});

testWith('python3', 'openssl')(
  "smtp: Python's smtplib sends mail in clear and over TLS, and nothing can be slipped in",
  async () => {
    const [cert, key] = certificate();
    const smtp = await serve('smtp', '--port', '0', '--cert', cert, '--key', key);
    expect(await python('smtp.py', smtp.port, cert)).toBe('ok\n');
    expect(await smtp.stop()).toBe(0);
    const lines = smtp.output().split('\n').slice(1, -1);
    expect(lines).toEqual([
      'a@example.org to b@example.org c@example.org, 56 bytes, in clear',
      expect.stringMatching(/^a@example.org to b@example.org, \d{7} bytes, over TLS$/),
    ]);
  },
);

testWith('curl', 'openssl')('smtp: curl insists on TLS', async () => {
  const [cert, key] = certificate();
  const smtp = await serve('smtp', '--port', '0', '--cert', cert, '--key', key);
  const addresses = ['--mail-from', 'a@example.org', '--mail-rcpt', 'b@example.org'];
  const file = path.join(folder, 'mail');
  writeFileSync(file, 'Subject: hello\r\n\r\nfrom curl\r\n');
  await client(
    'curl',
    '-sS',
    '--ssl-reqd',
    '--cacert',
    cert,
    ...addresses,
    '-T',
    file,
    `smtp://localhost:${smtp.port}`,
  );
  await smtp.stop();
  expect(smtp.output()).toContain('a@example.org to b@example.org, 29 bytes, over TLS');
});

testWith('python3')('shutdown: what was begun is finished, what takes too long is cancelled', async () => {
  const server = await serve('shutdown', '--port', '0', '--grace', '2');
  const script = path.join(root, 'tooling/smoke/clients/shutdown.py');
  const asking = spawn('python3', [script, String(server.port)], { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  const ended = new Promise((resolve) => asking.on('close', resolve));
  await new Promise<void>((resolve) =>
    asking.stdout.on('data', (data) => {
      output += String(data);
      if (output.includes('at work')) resolve();
    }),
  );
  const stopped = server.stop('SIGTERM');
  asking.stdin.write('told\n');
  expect(await ended).toBe(0);
  expect(output).toBe('at work\nok\n');
  expect(await stopped).toBe(0);
  expect(server.output().split('\n').slice(1)).toEqual([
    'SIGTERM: ending',
    '2 at work',
    '1 took too long',
    'cancelled: 50',
    'closed',
    '',
  ]);
});

test('jobs: commands run side by side, tell how they get on, and none is left running', async () => {
  const jobs = path.join(folder, 'jobs.txt');
  const lines = [
    '# name: command',
    'counts: for i in 1 2 3; do echo step $i; done',
    'complains: echo what is wrong >&2; exit 3',
    'never ends: exec sleep 600',
  ];
  writeFileSync(jobs, lines.join('\n'));
  const args = ['--file', jobs, '--workers', '2', '--timeout', '1'];
  const child = spawn(process.execPath, [path.join(root, 'examples/dist/jobs.js'), ...args], { stdio: 'pipe' });
  const [output, status] = await Promise.all([
    text(child.stdout),
    new Promise((resolve) => child.on('close', resolve)),
  ]);
  const said = (name: string): string[] =>
    output.split('\n').flatMap((line) => new RegExp(`^\\[\\d/3\\] ${name}: (.*)$`).exec(line)?.[1] ?? []);
  expect(said('counts')).toEqual(['step 1', 'step 2', 'step 3', 'done']);
  expect(said('complains')).toEqual(['what is wrong', 'exit code 3']);
  expect(said('never ends')).toEqual(['too slow']);
  expect(output).toMatch(/\n1 done, 2 failed\n$/);
  expect(status).toBe(1);
}, 60_000);

test('jobs: Ctrl+C ends the commands', async () => {
  const jobs = path.join(folder, 'long.txt');
  writeFileSync(jobs, 'long: echo $$; exec sleep 600');
  const child = spawn(process.execPath, [path.join(root, 'examples/dist/jobs.js'), '--file', jobs], { stdio: 'pipe' });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const pid = await new Promise<number>((resolve) =>
    child.stdout.on('data', (data) => {
      const match = /long: (\d+)/.exec(String(data));
      if (match !== null) resolve(Number(match[1]));
    }),
  );
  process.kill(pid, 0);
  child.kill('SIGINT');
  expect(await ended).toBe(130);
  expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
}, 60_000);
