/** `sockSendfile` to programs that nobody here wrote. */
import { createHash } from 'node:crypto';
import { createReadStream, ftruncateSync, readFileSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';

import { TaskLoop } from '@tsyncio/futures-tasks';
import { EpollSelector, SelectorIo, sockAccept, sockRecv, sockSendall, sockSendfile } from '@tsyncio/selector-io';
import type { InetAddress, Socket } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { BIG, position, withLoop } from './support/files.js';
import { run, testWith } from './support/programs.js';
import { eachSelector } from '@tsyncio/test-support/loops/selectors';
import { pattern } from './support/sockets.js';

leakAudit();

const testPython = testWith('python3', '-c', 'import hashlib');
const testCurl = testWith('curl', '--version');

/** Reads to the end of the stream; prints how much there was, and its SHA-1. */
const READER = `
import hashlib, socket, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
digest, buffer, total = hashlib.sha1(), bytearray(1 << 20), 0
while n := peer.recv_into(buffer):
    digest.update(memoryview(buffer)[:n])
    total += n
print(total, digest.hexdigest())
`;

function port(listener: Socket): string {
  return String((listener.getsockname() as InetAddress)[1]);
}

eachSelector((makeLoop) => {
  testPython(
    'SENDFILE-01 to Python, from both ends of a file',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const listener = sockets.listener();
      const reader = run('python3', ['-c', READER, port(listener)]);
      const [peer] = await sockAccept(loop, listener);
      const file = files.descriptor(BIG);
      await sockSendfile(loop, peer, file, 5_000_000);
      await sockSendfile(loop, peer, file, 0, 5_000_000);
      peer.close();
      const turned = Buffer.concat([BIG.subarray(5_000_000), BIG.subarray(0, 5_000_000)]);
      const sha1 = createHash('sha1').update(turned).digest('hex');
      expect((await reader).toString()).toBe(`${BIG.length} ${sha1}\n`);
    }),
  );

  testCurl(
    'SENDFILE-09 as the body of a response, to curl',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const listener = sockets.listener();
      const output = files.path('');
      const curl = run('curl', ['-sS', '-o', output, `http://127.0.0.1:${port(listener)}/`]);
      const [peer] = await sockAccept(loop, listener);
      expect((await sockRecv(loop, peer, 1000)).toString()).toMatch(/^GET \/ HTTP/);
      const header = `HTTP/1.1 200 OK\r\nContent-Length: ${BIG.length}\r\nConnection: close\r\n\r\n`;
      await sockSendall(loop, peer, Buffer.from(header));
      await sockSendfile(loop, peer, files.descriptor(BIG));
      peer.close();
      await curl;
      expect(readFileSync(output).equals(BIG)).toBe(true);
    }),
  );
});

const GIB = 2 ** 30;
const PATCH = pattern(100_003, 5);

/** Makes a file 1 GiB long, almost all of it holes. @returns Its SHA-1 as another reader sees it. */
async function makeLarge(fd: number): Promise<string> {
  ftruncateSync(fd, GIB);
  for (let at = 0; at < GIB - PATCH.length; at += 20_000_003) writeSync(fd, PATCH, 0, PATCH.length, at);
  writeSync(fd, PATCH, 0, PATCH.length, GIB - PATCH.length);
  const digest = createHash('sha1');
  const stream = createReadStream('', { fd, start: 0, autoClose: false, highWaterMark: 1 << 20 });
  for await (const piece of stream) digest.update(piece as Buffer);
  return digest.digest('hex');
}

const { bavail, bsize } = statfsSync(tmpdir());
const testLarge = bavail * bsize > 2 * GIB ? testPython : test.skip;
const reason = testLarge === testPython ? '' : ' (no room on the disk)';

testLarge(
  `SENDFILE-01 SENDFILE-02 SENDFILE-09 a file of 1 GiB arrives whole${reason}`,
  withLoop(
    () => new TaskLoop({ backend: new SelectorIo(new EpollSelector()) }),
    async (loop, sockets, files) => {
      const file = files.descriptor('');
      const listener = sockets.listener();
      const reader = run('python3', ['-c', READER, port(listener)]);
      const sha1 = makeLarge(file);
      const [peer] = await sockAccept(loop, listener);
      expect(await sockSendfile(loop, peer, file, 0, null, { fallback: false })).toBe(GIB);
      peer.close();
      expect((await reader).toString()).toBe(`${GIB} ${await sha1}\n`);
      expect(position(file)).toBe(GIB);
    },
  ),
  60_000,
);
