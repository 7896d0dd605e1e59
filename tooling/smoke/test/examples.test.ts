import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
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

testWith('curl', 'openssl')(
  'https: curl agrees by ALPN upon HTTP/1.1, and trusts only the right certificate',
  async () => {
    const [cert, key, other] = ['cert.pem', 'key.pem', 'other.pem'].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    for (const out of [other, cert]) {
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
      const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
      const args = ['req', '-x509', ...curve, '-nodes', '-days', '2', ...subject, '-keyout', key, '-out', out];
      expect(spawnSync('openssl', args).status).toBe(0);
    }
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
