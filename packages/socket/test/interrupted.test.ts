import { type CompiledPackages, compilePackages, leakAudit, runProgram } from '@tsyncio/test-support';

leakAudit();
jest.setTimeout(30_000); // for a busy machine

let packages: CompiledPackages;
beforeAll(() => {
  packages = compilePackages('core', 'futures-tasks', 'socket');
});
afterAll(() => packages.remove());

/**
 * A program that blocks in a call while a shell sends it signals, 20 times once it sleeps, and then ends the call over descriptor 3. (A
 * program of its own: Jest's `process` has no signals.)
 *
 * A signal ends a call with EINTR, even though libuv asks for restarting, when the socket has a time limit: signal(7).
 */
const PRELUDE = `
  const { spawn } = require('child_process');
  const { once } = require('events');
  const { AF_UNIX, MSG_DONTWAIT, recvFds, SO_RCVTIMEO, SO_SNDTIMEO, SOCK_DGRAM, Socket, socketpair, SOL_SOCKET } = require('@tsyncio/socket');
  const DISTURB = \`
    i=0
    while [ $i -lt 20 ]; do
      until grep -qs '^State:.S' /proc/$PPID/status; do [ -d /proc/$PPID ] || exit 1; done
      kill -USR2 $PPID
      i=$((i + 1))
    done
  \`;
  let signals = 0;
  process.on('SIGUSR2', () => void signals++);
  function limit(socket) {
    const minute = Buffer.alloc(16);
    minute[0] = 60;
    socket.setsockopt(SOL_SOCKET, SO_RCVTIMEO, minute);
    socket.setsockopt(SOL_SOCKET, SO_SNDTIMEO, minute);
    return socket;
  }
  function fill(socket) {
    socket.setblocking(false);
    while (socket.trySend(Buffer.alloc(65536)) > 0);
    while (socket.trySend(Buffer.alloc(1)) > 0);
    socket.setblocking(true);
    return socket;
  }
  async function disturbed(relief, call, prepare = limit, [ours, theirs] = socketpair()) {
    prepare(limit(ours));
    const child = spawn('sh', ['-c', DISTURB + relief], { stdio: ['ignore', 'ignore', 'inherit', theirs.fileno()] });
    theirs.close();
    const closed = once(child, 'close');
    console.log(String(call(ours)));
    ours.close();
    console.log((await closed)[0], signals > 0);
    process.exit();
  }
`;

const onLinux = process.platform === 'linux' ? describe : describe.skip;
onLinux('a call that a signal interrupts is made again (skipped elsewhere than on Linux)', () => {
  const answer = `'printf hello >&3'`;
  const drain = `'cat <&3 >/dev/null'`;
  const x = `Buffer.from('x')`;
  test.each<[string, string, string]>([
    ['recv', 'hello', `disturbed(${answer}, (s) => s.recv(100));`],
    ['recvInto', '5', `disturbed(${answer}, (s) => s.recvInto(Buffer.alloc(100)));`],
    ['recvfrom', 'hello,', `disturbed(${answer}, (s) => s.recvfrom(100));`],
    ['recvmsg', 'hello,,0,', `disturbed(${answer}, (s) => s.recvmsg(100, 64));`],
    ['recvFds', 'hello,,0,', `disturbed(${answer}, (s) => recvFds(s, 100, 1));`],
    ['send', '1', `disturbed(${drain}, (s) => s.send(${x}), fill);`],
    [
      'sendto',
      '1',
      `
      const [ours, theirs] = [1, 2].map(() => new Socket(AF_UNIX, SOCK_DGRAM));
      theirs.bind('');
      const name = theirs.getsockname();
      const kept = theirs.dup(); // the shell may be gone before the call goes on
      const fillAll = (s) => {
        try { for (;;) s.sendto(${x}, name, MSG_DONTWAIT); } catch (error) { if (error.code !== 'EAGAIN') throw error; }
      };
      disturbed('head -c 1 <&3 >/dev/null', (s) => s.sendto(${x}, name), fillAll, [ours, theirs]);`,
    ],
    ['sendmsg', '1', `disturbed(${drain}, (s) => s.sendmsg([${x}]), fill);`],
    [
      'accept',
      '0',
      `
      const server = limit(new Socket());
      server.bind(['127.0.0.1', 0]);
      server.listen();
      const connect = \`exec '\${process.execPath}' -e 'require("net").connect(\${server.getsockname()[1]}).end()'\`;
      disturbed(connect, () => {
        const [peer] = server.accept();
        const { length } = peer.recv(1);
        peer.close();
        return length;
      });`,
    ],
  ])('%s', async (_call, printed, program) => {
    const { stdout, stderr, status } = await runProgram(PRELUDE + program, { cwd: packages.folder, type: 'commonjs' });
    expect({ stdout, stderr, status }).toEqual({ stdout: `${printed}\n0 true\n`, stderr: '', status: 0 });
  });
});
