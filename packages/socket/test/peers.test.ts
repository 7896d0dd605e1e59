import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import {
  AF_INET,
  AF_UNIX,
  type Address,
  CMSG_SPACE,
  recvFds,
  sendFds,
  SO_RCVTIMEO,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  Socket,
  socketpair,
  SOL_SOCKET,
} from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

leakAudit();
jest.setTimeout(30_000); // for a busy machine

const hasPython = ((): boolean => {
  try {
    execFileSync('python3', ['-c', 'import socket; socket.AF_UNIX'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
const withPython = hasPython ? test : test.skip;

const directory = mkdtempSync(join(tmpdir(), 'tsyncio-peers-'));
afterAll(() => rmSync(directory, { recursive: true }));

const PRELUDE = `
import array, os, socket, sys
control = socket.socket(fileno=3)
def receive_fds(most):
    size = array.array('i').itemsize
    data, messages, flags, _ = control.recvmsg(100, socket.CMSG_SPACE(most * size))
    fds = array.array('i')
    for level, kind, content in messages:
        assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
        fds.frombytes(content)
    return data, list(fds), flags
def send_fds(data, fds):
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))
    control.sendmsg([data], [rights])
`;

/** A peer that fails must not leave us waiting for ever: calls that block give up after 20 seconds. */
function impatient(socket: Socket): Socket {
  const timeval = Buffer.alloc(16);
  timeval.writeUInt8(20);
  socket.setsockopt(SOL_SOCKET, SO_RCVTIMEO, timeval);
  return socket;
}

/** Runs a program of Python that has the other end of `control` as \`control\`; \`play\` is our part of it. */
async function withPeer(type: number, program: string, play: (control: Socket, name: string) => void): Promise<void> {
  const [control, theirs] = socketpair(AF_UNIX, type);
  const name = `tsyncio-peer-${process.pid}-${theirs.fileno()}`;
  const child = spawn('python3', ['-c', PRELUDE + program, name], {
    stdio: ['ignore', 'pipe', 'pipe', theirs.fileno()],
  });
  theirs.close();
  const outcome = Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')]);
  try {
    play(impatient(control), name);
  } finally {
    control.close();
    const [stdout, stderr, [status]] = await outcome;
    expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
  }
}

withPython.each([
  ['a stream', SOCK_STREAM],
  ['datagrams', SOCK_DGRAM],
  ['sequenced packets', SOCK_SEQPACKET],
])("descriptors pass to Python's socket and back, over %s (skipped without python3)", async (_title, type) => {
  const path = join(directory, `file-${type}`);
  writeFileSync(path, 'contents of the file');
  const program = `
data, fds, flags = receive_fds(2)
assert (data, len(fds), flags & socket.MSG_CTRUNC) == (b'two', 2, 0), (data, fds, flags)
content = os.read(fds[0], 100)
socket.socket(fileno=fds[1]).sendall(content.upper())
read, write = os.pipe()
os.write(write, b'from a pipe')
send_fds(b'also two', [read, control.fileno()])
`;
  await withPeer(type, program, (control) => {
    const [near, far] = socketpair();
    const file = openSync(path, 'r');
    sendFds(control, [Buffer.from('two')], [file, far]);
    closeSync(file);
    far.close();
    expect(impatient(near).recv(100).toString()).toBe('CONTENTS OF THE FILE');
    near.close();

    const [data, fds, flags] = recvFds(control, 100, 2);
    expect([data.toString(), fds.length, flags]).toEqual(['also two', 2, 0]);
    const buffer = Buffer.alloc(100);
    expect(buffer.toString('utf8', 0, readSync(fds[0]!, buffer))).toBe('from a pipe');
    fds.forEach((fd) => closeSync(fd));
  });
});

withPython('sequenced packets over an abstract name, with Python as the server (skipped without python3)', async () => {
  const program = `
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.bind('\\0' + sys.argv[1])
server.listen()
control.send(b'ready')
peer, _ = server.accept()
assert [peer.recv(100) for _ in range(3)] == [b'one', b'two', b'three']
peer.send(b'four'); peer.send(b'five')
peer.close()
`;
  await withPeer(SOCK_STREAM, program, (control, name) => {
    expect(control.recv(5).toString()).toBe('ready');
    using client = impatient(new Socket(AF_UNIX, SOCK_SEQPACKET));
    client.connect(`\0${name}`);
    expect(client.getpeername()).toBe(`\0${name}`);
    for (const word of ['one', 'two', 'three']) client.send(Buffer.from(word));
    const answers = [1, 2, 3].map(() => client.recv(100).toString());
    expect(answers).toEqual(['four', 'five', '']);
  });
});

withPython('sequenced packets, with Python as the client of ours (skipped without python3)', async () => {
  const program = `
assert control.recv(5) == b'ready'
client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
client.bind('\\0client of ' + sys.argv[1])
client.connect('\\0' + sys.argv[1])
client.send(b'a'); client.send(b'bc')
assert client.recv(100) == b'd'
`;
  await withPeer(SOCK_STREAM, program, (control, name) => {
    using server = impatient(new Socket(AF_UNIX, SOCK_SEQPACKET));
    server.bind(`\0${name}`);
    server.listen();
    control.send(Buffer.from('ready'));
    const [peer, address] = server.accept();
    impatient(peer);
    expect(address).toBe(`\0client of ${name}`);
    expect([peer.recv(100).toString(), peer.recv(100).toString()]).toEqual(['a', 'bc']);
    peer.send(Buffer.from('d'));
    peer.close();
  });
});

describe.each<[string, number, string, (name: string) => Address, string]>([
  ['paths', AF_UNIX, 'AF_UNIX', (name) => join(directory, name), `os.path.join(os.getcwd(), sys.argv[1] + '.python')`],
  ['abstract names', AF_UNIX, 'AF_UNIX', (name) => `\0${name}`, `'\\0' + sys.argv[1] + '.python'`],
  ['UDP', AF_INET, 'AF_INET', () => ['127.0.0.1', 0], `('127.0.0.1', 0)`],
])('datagrams with %s', (_title, family, theirFamily, ours, theirs) => {
  withPython('are understood by Python, and say who sent them (skipped without python3)', async () => {
    const program = `
os.chdir(${JSON.stringify(directory)})
peer = socket.socket(socket.${theirFamily}, socket.SOCK_DGRAM)
peer.bind(${theirs})
name = peer.getsockname()
control.send(repr(name).encode())
for expected in [b'hello', b'', b'x' * 60000]:
    data, address = peer.recvfrom(65536)
    assert data == expected, data
    peer.sendto(data[::-1], address)
data, messages, flags, address = peer.recvmsg(65536)
peer.sendmsg([data, b'!'], [], 0, address)
`;
    await withPeer(SOCK_STREAM, program, (control, name) => {
      const shown = control.recv(1000).toString();
      const address = theirAddress(shown);
      using socket = impatient(new Socket(family, SOCK_DGRAM));
      socket.bind(ours(name));
      for (const data of [Buffer.from('hello'), Buffer.alloc(0), Buffer.alloc(60_000, 'x')]) {
        expect(socket.sendto(data, address)).toBe(data.length);
        const [back, from] = socket.recvfrom(65_536);
        expect([back.equals(Buffer.from(data).reverse()), from]).toEqual([true, address]);
      }
      socket.sendmsg([Buffer.from('by'), Buffer.from('e')], [], 0, address);
      expect(socket.recvmsg(100, CMSG_SPACE(4))).toEqual([Buffer.from('bye!'), [], 0, address]);
    });
  });

  /** Reads what Python's `repr` says of an address. */
  function theirAddress(shown: string): Address {
    const inet = /^\('([^']*)', (\d+)\)$/.exec(shown);
    if (inet !== null) return [inet[1]!, Number(inet[2])];
    const abstract = /^b'\\x00(.*)'$/.exec(shown);

    return abstract === null ? shown.slice(1, -1) : `\0${abstract[1]!}`;
  }
});
