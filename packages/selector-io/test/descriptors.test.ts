import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { TaskLoop } from '@tsyncio/futures-tasks';
import {
  addReader,
  addWriter,
  EpollSelector,
  EVENT_READ,
  removeReader,
  removeWriter,
  type SelectorIo,
} from '@tsyncio/selector-io';
import { socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { thrown } from './support/errors.js';
import { eventfd, inotify, inotifyName, pidfd, pipe, pseudoTerminal, timerfd } from './support/kernel-objects.js';
import { iterations } from './support/loops.js';
import { eachSelector } from '@tsyncio/test-support/loops/selectors';

leakAudit();

const { O_NOCTTY, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;
const python = spawnSync('python3', ['--version']).status === 0;

eachSelector((makeLoop, name) => {
  let loop: TaskLoop<SelectorIo>;
  let folder: string;
  const descriptors: number[] = [];
  /** Closes it, or both, at the end of the test. */
  const keep = <T extends number | number[]>(made: T): T => {
    descriptors.push(...[made].flat());
    return made;
  };

  beforeEach(() => {
    loop = makeLoop();
    folder = mkdtempSync(path.join(tmpdir(), 'tsyncio-'));
  });

  afterEach(() => {
    loop.close();
    for (const fd of descriptors.splice(0)) closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  const read = (fd: number): Buffer => {
    const buffer = Buffer.alloc(4096);
    return buffer.subarray(0, readSync(fd, buffer));
  };

  /** Runs the loop, asleep, until `fd` is readable; gives back what is there to read. */
  async function firstRead(fd: number): Promise<Buffer> {
    let data: Buffer | null = null;
    addReader(loop, fd, () => {
      data = read(fd);
      removeReader(loop, fd);
      loop.stop();
    });
    await loop.runForever();
    return data!;
  }

  /** From outside of the loop, when it sleeps. */
  const soon = (action: () => void): void => void setTimeout(action, 5);

  test('pipes: data, room, the end, and a reader that is gone', async () => {
    const [readEnd, writeEnd] = keep(pipe());
    soon(() => writeSync(writeEnd, 'abc'));
    expect(String(await firstRead(readEnd))).toBe('abc');
    thrown(() => {
      for (;;) writeSync(writeEnd, Buffer.alloc(65536));
    });
    const log: string[] = [];
    addWriter(loop, writeEnd, () => {
      log.push('room');
      removeWriter(loop, writeEnd);
      loop.stop();
    });
    await iterations(loop, 2);
    expect(log).toEqual([]);
    soon(() => {
      log.push('make room');
      while (thrownCode(() => read(readEnd)) === null);
    });
    await loop.runForever();
    expect(log).toEqual(['make room', 'room']);
    soon(() => closeSync(descriptors.pop()!)); // the write end
    expect(await firstRead(readEnd)).toHaveLength(0);
  });

  test('a pipe without a reader is told to who waits for room', async () => {
    const [readEnd, writeEnd] = pipe();
    keep(writeEnd);
    thrown(() => {
      for (;;) writeSync(writeEnd, Buffer.alloc(65536));
    });
    let error: string | null = null;
    addWriter(loop, writeEnd, () => {
      error = thrownCode(() => writeSync(writeEnd, 'x'));
      removeWriter(loop, writeEnd);
      loop.stop();
    });
    soon(() => closeSync(readEnd));
    await loop.runForever();
    expect(error).toBe('EPIPE');
  });

  test('a FIFO that another process writes to', async () => {
    const fifo = path.join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const fd = keep(openSync(fifo, O_RDONLY | O_NONBLOCK));
    const child = spawn('sh', ['-c', `echo hello > '${fifo}'`], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    expect(String(await firstRead(fd))).toBe('hello\n');
    await ended;
  });

  test('an eventfd', async () => {
    const fd = keep(eventfd());
    for (const n of [1n, 5n]) {
      soon(() => writeSync(fd, new BigUint64Array([n, n]), 0, 8));
      expect((await firstRead(fd)).readBigUInt64LE()).toBe(n);
    }
  });

  test('a timerfd', async () => {
    const fd = keep(timerfd(10));
    expect((await firstRead(fd)).readBigUInt64LE()).toBe(1n);
  });

  test('inotify: a file that is written', async () => {
    const fd = keep(inotify(folder));
    soon(() => writeFileSync(path.join(folder, 'changed.txt'), 'x'));
    expect(inotifyName(await firstRead(fd))).toBe('changed.txt');
  });

  test('a pidfd: the end of a process', async () => {
    const child = spawn('sh', ['-c', 'read line'], { stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    const fd = keep(pidfd(child.pid!));
    addReader(loop, fd, () => loop.stop());
    soon(() => child.stdin.end());
    await loop.runForever();
    removeReader(loop, fd);
    await ended;
  });

  test('both ends of a pseudo-terminal, and its hang-up', async () => {
    const [master, path] = pseudoTerminal();
    keep(master);
    const slave = openSync(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    soon(() => writeSync(master, 'typed\n'));
    expect(String(await firstRead(slave))).toBe('typed\n');
    expect(String(await firstRead(master))).toBe('typed\r\n'); // the echo
    soon(() => writeSync(slave, 'shown\n'));
    expect(String(await firstRead(master))).toBe('shown\r\n');
    let code: string | null = null;
    addReader(loop, master, () => {
      code = thrownCode(() => read(master));
      removeReader(loop, master);
      loop.stop();
    });
    soon(() => closeSync(slave));
    await loop.runForever();
    expect(code).toBe('EIO');
  });

  const withPython = python ? test : test.skip;
  withPython(`a terminal that Python works on${python ? '' : ' (python3 is missing)'}`, async () => {
    const [master, slavePath] = pseudoTerminal();
    keep(master);
    const slave = openSync(slavePath, O_RDWR | O_NOCTTY);
    const program = 'import sys; print(sys.stdin.isatty(), sys.stdout.isatty()); print(input("name? ")[::-1])';
    const child = spawn('python3', ['-c', program], { stdio: [slave, slave, slave] });
    closeSync(slave);
    let screen = '';
    addReader(loop, master, () => {
      try {
        screen += String(read(master));
      } catch {
        removeReader(loop, master); // EIO: it has ended
        loop.stop();
      }
      if (screen.endsWith('name? ')) writeSync(master, 'guido\n');
    });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    await loop.runForever();
    await ended;
    expect(screen).toBe('True True\r\nname? guido\r\nodiug\r\n');
  });

  test('the descriptor of another selector', async () => {
    const [a, b] = socketpair();
    using inner = new EpollSelector();
    inner.register(a, EVENT_READ, 'inner');
    let found: unknown[] = [];
    addReader(loop, inner, () => {
      found = inner.select(0).map(([key]) => key.data);
      removeReader(loop, inner);
      loop.stop();
    });
    soon(() => b.send(Buffer.from('x')));
    await loop.runForever();
    expect(found).toEqual(['inner']);
    a.close();
    b.close();
  });

  test.each(['/dev/null', '/dev/zero', '/'])('READER-15 %s has no readiness', async (file) => {
    const fd = keep(openSync(file, 'r'));
    let calls = 0;
    if (name === 'EpollSelector') {
      expect(thrown(() => addReader(loop, fd, () => undefined))).toMatchObject({ code: 'EPERM', syscall: 'epoll_ctl' });
      expect(loop.backend.active).toBe(false);
      return;
    }
    addReader(loop, fd, () => void calls++);
    await iterations(loop, 3);
    expect(calls).toBe(3);
  });

  test('a character device that has: /dev/random', async () => {
    const fd = keep(openSync('/dev/random', O_RDONLY | O_NONBLOCK));
    expect((await firstRead(fd)).length).toBeGreaterThan(0);
  });

  test('sockets of Node are refused with a reason', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    for (const call of [addReader, addWriter, removeReader, removeWriter] as const) {
      expect(thrown(() => call(loop, server as never, () => undefined))).toMatchObject({
        name: 'ValueError',
        message: "a stream of Node cannot be used as a descriptor: Node's own loop owns it and watches it",
      });
    }
    expect(loop.backend.active).toBe(false);
    await new Promise((resolve) => server.close(resolve));
  });

  test('READER-06 an object is asked for its number at each call', async () => {
    const [readEnd, writeEnd] = keep(pipe());
    const [other] = keep(pipe());
    let fd = readEnd;
    const file = { fileno: () => fd };
    let calls = 0;
    addReader(loop, file, () => void calls++);
    fd = other;
    writeSync(writeEnd, 'x');
    await iterations(loop, 1);
    expect(calls).toBe(1); // the descriptor that it was registered with
    expect(removeReader(loop, file)).toBe(false); // it names another one now
    expect(removeReader(loop, readEnd)).toBe(true);
    expect(loop.backend.active).toBe(false);
  });

  test('READER-07 READER-16 an object whose fileno() throws', () => {
    const [readEnd] = keep(pipe());
    let broken = false;
    const file = {
      fileno(): number {
        if (broken) throw new Error('closed');
        return readEnd;
      },
    };
    addReader(loop, file, () => undefined);
    broken = true;
    expect(thrown(() => addReader(loop, { fileno: file.fileno }, () => undefined)).message).toBe('closed');
    // Known by identity, as an object that was closed.
    expect(removeReader(loop, file)).toBe(true);
    expect(thrown(() => removeReader(loop, file)).message).toBe('closed');
  });

  test('a descriptor that only can be written', async () => {
    const fifo = path.join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const readEnd = keep(openSync(fifo, O_RDONLY | O_NONBLOCK));
    const writeEnd = keep(openSync(fifo, O_WRONLY | O_NONBLOCK));
    addWriter(loop, writeEnd, () => {
      writeSync(writeEnd, 'x');
      removeWriter(loop, writeEnd);
    });
    expect(String(await firstRead(readEnd))).toBe('x');
  });
});

function thrownCode(action: () => unknown): string | null {
  try {
    action();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? null;
  }
  return null;
}
