/** The raw socket operations against programs that nobody here wrote. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { gather, type TaskLoop } from '@tsyncio/futures-tasks';
import { type SelectorIo, sockAccept, sockConnect, sockRecv, sockSendall } from '@tsyncio/selector-io';
import { AF_UNIX, type InetAddress, SHUT_WR, type Socket } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { run, testWith } from './support/programs.js';
import { eachSelector } from '@tsyncio/test-support/loops/selectors';
import { inLoop, pattern } from './support/sockets.js';

leakAudit();

const testPython = testWith('python3', '-c', 'import asyncio');
const testCurl = testWith('curl', '--version');
const testSocat = testWith('socat', '-V');
const testNetcat = testWith('nc', '-N', '-h');

type Loop = TaskLoop<SelectorIo>;

/** Sends back what it gets, and closes when its peer has ended. */
async function echo(loop: Loop, sock: Socket, nbytes = 65_536): Promise<void> {
  for (;;) {
    const data = await sockRecv(loop, sock, nbytes);
    if (data.length === 0) break;
    await sockSendall(loop, sock, data);
  }
  sock.close();
}

/** Serves `n` connections of `listener`, side by side. */
async function serve(loop: Loop, listener: Socket, n: number, one: (sock: Socket) => Promise<void>): Promise<void> {
  const tasks = [];
  for (let i = 0; i < n; i++) {
    const [sock] = await sockAccept(loop, listener);
    tasks.push(loop.createTask(() => one(sock)));
  }
  await gather(...tasks);
}

/** Receives to the end of the stream. */
async function receiveAll(loop: Loop, sock: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = await sockRecv(loop, sock, 65_536);
    if (piece.length === 0) return Buffer.concat(pieces);
    pieces.push(piece);
  }
}

/** A small HTTP server, for one request: the body comes back, with the request line before it. */
async function respond(loop: Loop, sock: Socket): Promise<void> {
  let request = '';
  let end = -1;
  while (end < 0) {
    request += (await sockRecv(loop, sock, 1000)).toString('latin1');
    end = request.indexOf('\r\n\r\n');
  }
  const length = Number(/^content-length: *(\d+)/im.exec(request)?.[1] ?? 0);
  const pieces: Buffer[] = [Buffer.from(request.slice(end + 4), 'latin1')];
  for (let left = length - pieces[0]!.length; left > 0; left -= pieces.at(-1)!.length) {
    pieces.push(await sockRecv(loop, sock, 65_536));
  }
  const line = Buffer.from(`${request.slice(0, request.indexOf('\r\n'))}\n`);
  const size = line.length + length;
  await sockSendall(loop, sock, Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n`));
  await sockSendall(loop, sock, Buffer.concat([line, ...pieces]));
  sock.close();
}

// Echo clients: they send, read at the same time, and print what came back.
const BLOCKING_CLIENT = `
import socket, sys, threading
data = sys.stdin.buffer.read()
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
t = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
t.start()
while True:
    piece = s.recv(10000)
    if not piece: break
    sys.stdout.buffer.write(piece)
t.join()
`;

const ASYNCIO_CLIENT = `
import asyncio, socket, sys
async def main():
    loop = asyncio.get_running_loop()
    data = sys.stdin.buffer.read()
    s = socket.socket(); s.setblocking(False)
    await loop.sock_connect(s, ('127.0.0.1', int(sys.argv[1])))
    async def send():
        await loop.sock_sendall(s, data)
        s.shutdown(socket.SHUT_WR)
    sending = asyncio.ensure_future(send())
    while True:
        piece = await loop.sock_recv(s, 10000)
        if not piece: break
        sys.stdout.buffer.write(piece)
    await sending
asyncio.run(main())
`;

const PYTHON_SERVER = `
import socket, sys
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen(5)
print(l.getsockname()[1], flush=True)
s, _ = l.accept()
while True:
    piece = s.recv(70000)
    if not piece: break
    s.sendall(piece[::-1])
s.close()
`;

eachSelector((makeLoop) => {
  describe.each([
    ['blocking sockets', BLOCKING_CLIENT],
    ["asyncio's sock_recv and sock_sendall", ASYNCIO_CLIENT],
  ])('Python: %s', (_how, client) => {
    testPython(
      'SOCK-07 SOCK-18 clients of an echo get back what they send',
      inLoop(makeLoop, async (loop, sockets) => {
        const listener = sockets.listener();
        const port = String((listener.getsockname() as InetAddress)[1]);
        const questions = [1, 65_536, 3_000_000].map((size, i) => pattern(size, i));
        const serving = loop.createTask(() => serve(loop, listener, questions.length, (sock) => echo(loop, sock)));
        const answers = await Promise.all(questions.map((data) => run('python3', ['-c', client, port], data)));
        await serving;
        expect(answers.map((answer, i) => answer.equals(questions[i]!))).toEqual([true, true, true]);
      }),
    );
  });

  testPython(
    'SOCK-12 a server of Python: connect, send, end, receive',
    inLoop(makeLoop, async (loop, sockets) => {
      const child = spawn('python3', ['-c', PYTHON_SERVER], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = new Promise((resolve) => child.on('close', resolve));
      const port = await new Promise<number>((resolve) => child.stdout.once('data', (text) => resolve(Number(text))));
      const client = sockets.make();
      await sockConnect(loop, client, ['127.0.0.1', port]);
      await sockSendall(loop, client, Buffer.from('stressed'));
      expect((await sockRecv(loop, client, 100)).toString()).toBe('desserts');
      const sending = loop.createTask(async () => {
        await sockSendall(loop, client, Buffer.alloc(2_000_000, 'x'));
        client.shutdown(SHUT_WR);
      });
      expect((await receiveAll(loop, client)).equals(Buffer.alloc(2_000_000, 'x'))).toBe(true);
      await sending;
      expect(await ended).toBe(0);
    }),
  );

  describe('over a Unix socket', () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'tsyncio-'));
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    testCurl(
      'SOCK-18 curl, as client of an HTTP server made of sockAccept, sockRecv and sockSendall',
      inLoop(makeLoop, async (loop, sockets) => {
        const path = join(folder, 'http');
        const listener = sockets.listener(path, AF_UNIX);
        const serving = loop.createTask(() => serve(loop, listener, 3, (sock) => respond(loop, sock)));
        const curl = (input: Buffer, ...args: string[]): Promise<Buffer> =>
          run('curl', ['-sS', '--unix-socket', path, '-H', 'Expect:', ...args], input);
        expect((await curl(Buffer.alloc(0), 'http://x/some?where')).toString()).toBe('GET /some?where HTTP/1.1\n');
        for (const size of [10, 3_000_000]) {
          const answer = await curl(pattern(size), '--data-binary', '@-', 'http://x/echo');
          expect(answer.equals(Buffer.concat([Buffer.from('POST /echo HTTP/1.1\n'), pattern(size)]))).toBe(true);
        }
        await serving;
      }),
    );

    testSocat(
      'SOCK-07 socat gets back what it sends',
      inLoop(makeLoop, async (loop, sockets) => {
        const path = join(folder, 'echo');
        const listener = sockets.listener(path, AF_UNIX);
        const serving = loop.createTask(() => serve(loop, listener, 1, (sock) => echo(loop, sock)));
        const answer = await run('socat', ['-t', '10', '-', `UNIX-CONNECT:${path}`], pattern(1_000_000));
        expect(answer.equals(pattern(1_000_000))).toBe(true);
        await serving;
      }),
    );

    testNetcat(
      'SOCK-07 nc gets back what it sends',
      inLoop(makeLoop, async (loop, sockets) => {
        const listener = sockets.listener();
        const [host, port] = listener.getsockname() as InetAddress;
        const serving = loop.createTask(() => serve(loop, listener, 1, (sock) => echo(loop, sock)));
        const answer = await run('nc', ['-N', host, String(port)], pattern(100_000));
        expect(answer.equals(pattern(100_000))).toBe(true);
        await serving;
      }),
    );
  });
});
