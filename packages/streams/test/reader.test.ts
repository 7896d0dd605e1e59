import { CancelledError, NotImplementedError, RuntimeError, ValueError } from '@tsyncio/core';
import { gather, sleep, TaskLoop, waitFor, type Operation } from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { EOFError, IncompleteReadError, LimitOverrunError, StreamReader } from '@tsyncio/streams';

import { bytes, CountingTransport, inTaskLoop, iterations, outcome, readerWith, rejection } from './support/world.js';

leakAudit();

/** Whether a promise is settled now; it is looked at inside of the loop. */
function watch(read: PromiseLike<unknown>): { readonly done: boolean } {
  const state = { done: false };
  const settle = (): void => {
    state.done = true;
  };
  read.then(settle, settle);
  return state;
}

describe('the reader', () => {
  test(
    'STREAM-13 the limit is 65,536 unless it is given, and above 0',
    inTaskLoop(async () => {
      expect(new StreamReader().limit).toBe(65_536);
      expect(new StreamReader({ limit: 7 }).limit).toBe(7);
      for (const limit of [0, -1, NaN]) {
        expect(() => new StreamReader({ limit })).toThrow(new ValueError('Limit cannot be <= 0'));
      }
      expect(() => new StreamReader({ limit: '9' as never })).toThrow(TypeError);
    }),
  );

  test('STREAM-13 without a loop there must be a current one', async () => {
    expect(() => new StreamReader()).toThrow(RuntimeError);
    const loop = new TaskLoop();
    const reader = new StreamReader({ loop });
    reader.feedData(bytes('data'));
    // What is there needs no running loop.
    expect(await outcome(reader.read(2))).toBe('da');
    loop.close();
  });

  test(
    'STREAM-14 data wakes a read that waits, nothing does not',
    inTaskLoop(async () => {
      const reader = new StreamReader();
      const read = reader.read(10);
      const state = watch(read);
      reader.feedData(Buffer.alloc(0));
      await iterations(3);
      expect([state.done, String(reader).includes('waiter=')]).toEqual([false, true]);
      reader.feedData(new Uint8Array([104, 105]));
      expect(await outcome(read)).toBe('hi');
      expect(() => reader.feedData('text' as never)).toThrow(TypeError);
    }),
  );

  test(
    'STREAM-15 STREAM-16 nothing can be fed after the end, which is when the buffer is empty',
    inTaskLoop(async () => {
      const reader = readerWith('x');
      expect(reader.atEof()).toBe(false);
      reader.feedEof();
      reader.feedEof();
      expect(reader.atEof()).toBe(false);
      for (const data of ['x', '']) expect(() => reader.feedData(bytes(data))).toThrow('feedData after feedEof');
      expect(await outcome(reader.read())).toBe('x');
      expect(reader.atEof()).toBe(true);
    }),
  );

  test(
    'STREAM-17 STREAM-18 with an exception every read fails, whatever is buffered',
    inTaskLoop(async () => {
      const reader = new StreamReader();
      expect(reader.exception()).toBeNull();
      const waiting = reader.readline();
      const error = new Error('broken');
      reader.setException(error);
      expect(await rejection(waiting)).toBe(error);
      expect(reader.exception()).toBe(error);
      reader.feedData(bytes('line\n'));
      const reads = [reader.read(), reader.read(0), reader.read(1), reader.readline(), reader.readexactly(0)];
      for (const read of [...reads, reader.readuntil(bytes('n'))]) expect(await rejection(read)).toBe(error);
      expect(await rejection(reader[Symbol.asyncIterator]().next() as PromiseLike<unknown>)).toBe(error);
    }),
  );

  test(
    'STREAM-17 an exception is harmless to a read that was cancelled before',
    inTaskLoop(async (loop) => {
      const reader = new StreamReader();
      const task = loop.createTask(() => reader.read(1));
      await sleep(0);
      task.cancel();
      reader.setException(new Error('late'));
      expect(await rejection(task)).toBeInstanceOf(CancelledError);
    }),
  );

  test(
    'an exception that comes between waking and waking up: what was there is given, then it counts',
    inTaskLoop(async () => {
      const reader = new StreamReader();
      const some = reader.read(5);
      reader.feedData(bytes('ab'));
      reader.setException(new Error('late'));
      expect(await outcome(some)).toBe('ab');
      const other = new StreamReader();
      const exactly = other.readexactly(5);
      other.feedData(bytes('ab'));
      other.setException(new Error('late'));
      expect(await rejection(exactly)).toMatchObject({ message: 'late' });
      const third = new StreamReader();
      const first = third.read(5);
      third.setException(new Error('first'));
      third.feedData(bytes('ab'));
      expect(await rejection(first)).toMatchObject({ message: 'first' });
    }),
  );

  test(
    'STREAM-19 a transport is set once',
    inTaskLoop(async () => {
      const reader = new StreamReader();
      reader.setTransport(new CountingTransport());
      expect(() => reader.setTransport(new CountingTransport())).toThrow(new RuntimeError('Transport already set'));
    }),
  );

  test(
    'STREAM-20 STREAM-21 above twice the limit the transport is paused, at the limit resumed',
    inTaskLoop(async () => {
      const reader = new StreamReader({ limit: 3 });
      const transport = new CountingTransport();
      reader.setTransport(transport);
      reader.feedData(bytes('123456'));
      expect(transport.calls).toEqual([]);
      reader.feedData(bytes('7'));
      reader.feedData(bytes('8'));
      expect(transport.calls).toEqual(['pause']);
      expect(String(reader)).toMatch(/ paused>$/);
      await reader.read(4);
      expect(transport.calls).toEqual(['pause']);
      await reader.read(1);
      expect(transport.calls).toEqual(['pause', 'resume']);
      await reader.read(1);
      expect(transport.calls).toEqual(['pause', 'resume']);
    }),
  );

  test.each<[string, (reader: StreamReader) => PromiseLike<Buffer>]>([
    ['read', (reader) => reader.read()],
    ['readexactly', (reader) => reader.readexactly(7)],
    ['readuntil', (reader) => reader.readuntil(bytes('7'))],
    ['readline', (reader) => reader.readline()],
  ])('STREAM-21 STREAM-35 %s resumes', (_name, read) =>
    inTaskLoop(async () => {
      const reader = new StreamReader({ limit: 3 });
      const transport = new CountingTransport();
      reader.setTransport(transport);
      reader.feedData(bytes('1237890'));
      reader.feedEof();
      await outcome(read(reader));
      expect(transport.calls).toEqual(['pause', 'resume']);
    })(),
  );

  test(
    'STREAM-22 a read that must wait resumes the transport first',
    inTaskLoop(async () => {
      const reader = new StreamReader({ limit: 3 });
      const transport = new CountingTransport();
      reader.setTransport(transport);
      const read = reader.readexactly(30);
      for (let i = 0; i < 3; i++) {
        reader.feedData(bytes('0123456789'));
        expect(transport.calls.at(-1)).toBe('pause');
        await sleep(0);
      }
      expect(await outcome(read)).toBe('0123456789'.repeat(3));
      expect(transport.calls).toEqual(['pause', 'resume', 'pause', 'resume', 'pause', 'resume']);
    }),
  );

  test(
    'STREAM-23 a transport that cannot pause is forgotten; other errors are the feeder’s',
    inTaskLoop(async () => {
      let calls = 0;
      const stubborn = {
        pauseReading(): void {
          calls++;
          throw new NotImplementedError();
        },
        resumeReading(): void {},
      };
      const reader = new StreamReader({ limit: 1 });
      reader.setTransport(stubborn);
      for (let i = 0; i < 10; i++) reader.feedData(bytes('abc'));
      expect(calls).toBe(1);
      expect(String(reader)).toBe('<StreamReader 30 bytes limit=1>');
      const other = new StreamReader({ limit: 1 });
      const broken = (): never => {
        throw new Error('broken');
      };
      other.setTransport({ ...stubborn, pauseReading: broken });
      expect(() => other.feedData(bytes('abc'))).toThrow('broken');
    }),
  );
});

describe('read', () => {
  test(
    'STREAM-24 STREAM-25 at least one byte, at most n, at once if they are there',
    inTaskLoop(async () => {
      const reader = new StreamReader();
      const read = reader.read(3);
      expect(read.done()).toBe(false);
      reader.feedData(bytes('a'));
      expect(await outcome(read)).toBe('a');
      reader.feedData(bytes('bcdefg'));
      const now = reader.read(3);
      expect(now.done()).toBe(true);
      expect(await outcome(now)).toBe('bcd');
      reader.feedData(bytes('h'));
      expect(await outcome(reader.read(100))).toBe('efgh');
    }),
  );

  test(
    'STREAM-26 everything up to the end, however much',
    inTaskLoop(async () => {
      for (const n of [undefined, -1, -7]) {
        const reader = readerWith('12345', { limit: 2 });
        const transport = new CountingTransport();
        reader.setTransport(transport);
        const read = reader.read(n);
        for (let i = 0; i < 5; i++) {
          reader.feedData(bytes('67890'));
          await sleep(0);
        }
        reader.feedEof();
        expect(await outcome(read)).toBe(`12345${'67890'.repeat(5)}`);
        expect(await outcome(reader.read(n))).toBe('');
      }
    }),
  );

  test(
    'STREAM-27 STREAM-28 no bytes for 0, and at the end as often as asked',
    inTaskLoop(async () => {
      const reader = readerWith('x');
      expect(await outcome(reader.read(0))).toBe('');
      expect(await outcome(reader.read(9))).toBe('x');
      const waiting = reader.read(9);
      reader.feedEof();
      expect(await outcome(waiting)).toBe('');
      for (let i = 0; i < 3; i++) expect(await outcome(reader.read(1))).toBe('');
    }),
  );

  test(
    'STREAM-29 more than the limit, if it is there',
    inTaskLoop(async () => {
      expect(await outcome(readerWith('12345', { limit: 3 }).read(5))).toBe('12345');
    }),
  );

  test(
    'STREAM-30 what read() had collected is lost when it is cancelled or fails',
    inTaskLoop(async (loop) => {
      const reader = readerWith('lost');
      const task = loop.createTask(() => reader.read());
      await iterations(2);
      task.cancel();
      expect(await rejection(task)).toBeInstanceOf(CancelledError);
      reader.feedData(bytes('kept'));
      expect(await outcome(reader.read(10))).toBe('kept');
      const failing = reader.read();
      reader.feedData(bytes('more'));
      await sleep(0);
      reader.setException(new Error('broken'));
      expect(await rejection(failing)).toMatchObject({ message: 'broken' });
      expect(String(reader)).toMatch(/^<StreamReader exception=/);
    }),
  );

  test(
    'sizes that are none are refused through the operation',
    inTaskLoop(async () => {
      const reader = readerWith('x');
      for (const n of [1.5, NaN, '1', null, Infinity]) {
        expect(await rejection(reader.read(n as number))).toBeInstanceOf(TypeError);
        expect(await rejection(reader.readexactly(n as number))).toBeInstanceOf(TypeError);
      }
      expect(await outcome(reader.read(1))).toBe('x');
    }),
  );
});

describe('readline', () => {
  test(
    'STREAM-31 STREAM-32 lines over any number of pieces, then the rest',
    inTaskLoop(async () => {
      const reader = new StreamReader();
      const line = reader.readline();
      for (const piece of ['one', ' and', '\r', '\ntwo\n\nth', 'ree']) {
        reader.feedData(bytes(piece));
        await sleep(0);
      }
      expect(await outcome(line)).toBe('one and\r\n');
      expect(await outcome(reader.readline())).toBe('two\n');
      expect(await outcome(reader.readline())).toBe('\n');
      reader.feedEof();
      expect(await outcome(reader.readline())).toBe('three');
      expect(await outcome(reader.readline())).toBe('');
    }),
  );

  test(
    'STREAM-33 STREAM-34 a line of the limit is a line, a longer one is dropped',
    inTaskLoop(async () => {
      const reader = readerWith('1234\n12345\nnext\n', { limit: 4 });
      expect(await outcome(reader.readline())).toBe('1234\n');
      expect(await outcome(reader.readline())).toEqual(
        new ValueError('Separator is found, but chunk is longer than limit'),
      );
      expect(await outcome(reader.readline())).toBe('next\n');
    }),
  );

  test(
    'STREAM-35 all there is of a line without an end is dropped',
    inTaskLoop(async () => {
      const reader = new StreamReader({ limit: 4 });
      const transport = new CountingTransport();
      reader.setTransport(transport);
      const line = reader.readline();
      reader.feedData(bytes('123456789'));
      expect(await outcome(line)).toEqual(new ValueError('Separator is not found, and chunk exceed the limit'));
      expect(transport.calls).toEqual(['pause', 'resume']);
      reader.feedData(bytes('abc\n'));
      expect(await outcome(reader.readline())).toBe('abc\n');
    }),
  );

  test(
    'STREAM-36 a cancelled read leaves the buffer as it is',
    inTaskLoop(async (loop) => {
      const reader = readerWith('some');
      for (const read of [
        () => reader.readline(),
        () => reader.readuntil(bytes('xyz')),
        () => reader.readexactly(10),
        () => reader[Symbol.asyncIterator]().next() as unknown as Operation<Buffer>,
      ]) {
        const task = loop.createTask<unknown>(read);
        await sleep(0);
        task.cancel();
        expect(await rejection(task)).toBeInstanceOf(CancelledError);
        // Woken by data, and cancelled before it wakes up.
        const second = loop.createTask<unknown>(read);
        await sleep(0);
        reader.feedData(bytes('.'));
        second.cancel();
        expect(await rejection(second)).toBeInstanceOf(CancelledError);
        const late = read();
        expect(late.cancel()).toBe(true);
        expect(await rejection(late)).toBeInstanceOf(CancelledError);
        expect(late.cancel()).toBe(false);
      }
      await expect(waitFor(reader.readline(), 0.001)).rejects.toMatchObject({ name: 'TimeoutError' });
      expect(await outcome(reader.read(100))).toBe('some....');
    }),
  );
});

describe('readuntil and readexactly', () => {
  test(
    'STREAM-37 up to a separator, by default the end of a line',
    inTaskLoop(async () => {
      const reader = readerWith('a;b\nrest');
      expect(await outcome(reader.readuntil(bytes(';')))).toBe('a;');
      expect(await outcome(reader.readuntil())).toBe('b\n');
      expect(await outcome(reader.read(9))).toBe('rest');
    }),
  );

  test(
    'STREAM-38 separators of several bytes, over pieces',
    inTaskLoop(async () => {
      const reader = new StreamReader();
      const read = reader.readuntil(bytes('aaa'));
      for (const piece of ['aa', 'XYa', 'aa']) {
        reader.feedData(bytes(piece));
        await sleep(0);
      }
      expect(await outcome(read)).toBe('aaXYaaa');
      for (const big of [Buffer.alloc(3000, 'x'), Buffer.alloc(1, 'x')]) {
        const other = new StreamReader();
        const until = other.readuntil(bytes('SEPARATOR'));
        const text = Buffer.concat([big, bytes('SEPSEPARATO'), big, bytes('SEPARATOR!')]);
        for (let i = 0; i < text.length; i += 7) {
          other.feedData(text.subarray(i, i + 7));
          await sleep(0);
        }
        expect((await until).equals(text.subarray(0, -1))).toBe(true);
        expect(await outcome(other.read(2))).toBe('!');
      }
    }),
  );

  test(
    'STREAM-39 an empty separator, before a stored exception',
    inTaskLoop(async () => {
      const reader = readerWith('x');
      reader.setException(new Error('stored'));
      for (const separator of [bytes(''), [bytes('a'), bytes('')]]) {
        expect(await rejection(reader.readuntil(separator))).toEqual(
          new ValueError('Separator should be at least one-byte string'),
        );
      }
      expect(await rejection(reader.readuntil([]))).toEqual(
        new ValueError('Separator should contain at least one element'),
      );
      for (const wrong of ['\n', ['\n'], 7]) {
        expect(await rejection(reader.readuntil(wrong as never))).toBeInstanceOf(TypeError);
      }
    }),
  );

  test(
    'STREAM-40 STREAM-45 STREAM-47 the end comes before',
    inTaskLoop(async () => {
      const reader = readerWith('partial');
      reader.feedEof();
      const error = await rejection<IncompleteReadError>(reader.readuntil(bytes('!')));
      expect(error).toBeInstanceOf(IncompleteReadError);
      expect(error).toBeInstanceOf(EOFError);
      expect([error.name, error.partial.toString(), error.expected, error.message]).toEqual([
        'IncompleteReadError',
        'partial',
        null,
        '7 bytes read on a total of undefined expected bytes',
      ]);
      expect(reader.atEof()).toBe(true);
      const other = readerWith('x'.repeat(10));
      const exactly = other.readexactly(36);
      other.feedData(bytes('y'.repeat(8)));
      await sleep(0);
      other.feedEof();
      const short = await rejection<IncompleteReadError>(exactly);
      expect([short.partial.length, short.expected, short.message]).toEqual([
        18,
        36,
        '18 bytes read on a total of 36 expected bytes',
      ]);
      expect(other.atEof()).toBe(true);
    }),
  );

  test('ERR-04 the errors and what they carry', () => {
    const incomplete = new IncompleteReadError(bytes('abc'), 5);
    expect(incomplete).toMatchObject({ name: 'IncompleteReadError', partial: bytes('abc'), expected: 5 });
    expect(incomplete.message).toBe('3 bytes read on a total of 5 expected bytes');
    expect(new IncompleteReadError(bytes(''), null).message).toBe(
      '0 bytes read on a total of undefined expected bytes',
    );
    expect(incomplete).toBeInstanceOf(EOFError);
    const overrun = new LimitOverrunError('too long', 10);
    expect(overrun).toMatchObject({ name: 'LimitOverrunError', message: 'too long', consumed: 10 });
    expect(overrun).not.toBeInstanceOf(EOFError);
  });

  test(
    'STREAM-41 STREAM-42 STREAM-47 more than the limit before the separator, or without one',
    inTaskLoop(async () => {
      const reader = readerWith('12345!!', { limit: 4 });
      const found = await rejection<LimitOverrunError>(reader.readuntil(bytes('!!')));
      expect(found).toBeInstanceOf(LimitOverrunError);
      expect([found.message, found.consumed]).toEqual(['Separator is found, but chunk is longer than limit', 5]);
      expect(await outcome(reader.readexactly(5))).toBe('12345');
      expect(await outcome(reader.readuntil(bytes('!!')))).toBe('!!');

      const waiting = reader.readuntil(bytes('!!'));
      const state = watch(waiting);
      // 5 + 1 - 2 is the limit.
      reader.feedData(bytes('12345'));
      await iterations(2);
      expect(state.done).toBe(false);
      reader.feedData(bytes('6'));
      const missing = await rejection<LimitOverrunError>(waiting);
      expect([missing.message, missing.consumed]).toEqual(['Separator is not found, and chunk exceed the limit', 5]);
      expect(await outcome(reader.read(9))).toBe('123456');
    }),
  );

  test(
    'STREAM-43 an overrun and a match count at the end too',
    inTaskLoop(async () => {
      const long = readerWith('123456', { limit: 4 });
      long.feedEof();
      expect(await rejection(long.readuntil(bytes('!')))).toBeInstanceOf(LimitOverrunError);
      const match = new StreamReader();
      const read = match.readuntil(bytes('!'));
      match.feedData(bytes('all!'));
      match.feedEof();
      expect(await outcome(read)).toBe('all!');
    }),
  );

  test(
    'STREAM-44 STREAM-46 exactly so many bytes, also none',
    inTaskLoop(async () => {
      const reader = new StreamReader({ limit: 2 });
      const read = reader.readexactly(7);
      for (const piece of ['abc', 'd', 'efgh']) {
        reader.feedData(bytes(piece));
        await sleep(0);
      }
      expect(await outcome(read)).toBe('abcdefg');
      expect(await outcome(reader.readexactly(0))).toBe('');
      expect(await outcome(reader.readexactly(1))).toBe('h');
      reader.feedEof();
      expect(await outcome(reader.readexactly(0))).toBe('');
      reader.setException(new Error('stored'));
      expect(await rejection(reader.readexactly(-1))).toEqual(
        new ValueError('readexactly size can not be less than zero'),
      );
    }),
  );

  test(
    'several separators: the one that ends first, of two the shorter (Python 3.13)',
    inTaskLoop(async () => {
      const reader = readerWith('one\r\ntwo\nthree;END');
      const any = [bytes('\r\n'), bytes('\n'), bytes('END')];
      expect(await outcome(reader.readuntil(any))).toBe('one\r\n');
      expect(await outcome(reader.readuntil(any))).toBe('two\n');
      expect(await outcome(reader.readuntil(any))).toBe('three;END');
      // Both end at the same byte: the limit is compared with where the shorter begins.
      const limited = readerWith('abc\r\n', { limit: 3 });
      const overrun = await rejection<LimitOverrunError>(limited.readuntil([bytes('\r\n'), bytes('\n')]));
      expect(overrun.consumed).toBe(4);
      const waiting = reader.readuntil([bytes('a'), bytes('bcd')]);
      reader.feedData(bytes('..bc'));
      await sleep(0);
      reader.feedData(bytes('da'));
      expect(await outcome(waiting)).toBe('..bcd');
    }),
  );
});

describe('several readers', () => {
  const message = (name: string): string =>
    `${name}() called while another coroutine is already waiting for incoming data`;

  test(
    'STREAM-48 a second read that had to wait is refused, and does not disturb the first',
    inTaskLoop(async () => {
      const reader = readerWith('ab');
      const first = reader.readexactly(4);
      for (const [name, read] of [
        ['readuntil', () => reader.readline()],
        ['readuntil', () => reader.readuntil(bytes(';'))],
        ['readexactly', () => reader.readexactly(3)],
      ] as const) {
        expect(await outcome(read())).toEqual(new RuntimeError(message(name)));
      }
      expect(await outcome(reader.readexactly(1))).toBe('a');
      expect(await outcome(reader.read(1))).toBe('b');
      for (const read of [reader.read(5), reader.read()])
        expect(await outcome(read)).toEqual(new RuntimeError(message('read')));
      reader.feedData(bytes('1234'));
      expect(await outcome(first)).toBe('1234');
    }),
  );

  test(
    'STREAM-48 one that was woken for data which somebody else took waits on',
    inTaskLoop(async () => {
      const reader = new StreamReader();
      const first = reader.read(5);
      reader.feedData(bytes('gone'));
      expect(await outcome(reader.read(4))).toBe('gone');
      const state = watch(first);
      expect(await outcome(reader.read(1))).toEqual(new RuntimeError(message('read')));
      await iterations(3);
      expect(state.done).toBe(false);
      reader.feedData(bytes('mine'));
      expect(await outcome(first)).toBe('mine');
    }),
  );

  test(
    'STREAM-49 iteration gives the lines, and goes on after one that was too long',
    inTaskLoop(async () => {
      const reader = readerWith('one\n\ntoo long\ntwo\nrest', { limit: 4 });
      reader.feedEof();
      const lines: string[] = [];
      const collect = async (): Promise<void> => {
        for await (const line of reader) lines.push(line.toString());
      };
      expect(await rejection(collect())).toBeInstanceOf(ValueError);
      expect(lines).toEqual(['one\n', '\n']);
      await collect();
      expect(lines).toEqual(['one\n', '\n', 'two\n', 'rest']);
      await collect();
      expect(lines).toHaveLength(4);
    }),
  );

  test(
    'STREAM-49 iteration waits, and breaking off leaves the rest',
    inTaskLoop(async () => {
      const reader = new StreamReader();
      const feed = async (): Promise<void> => {
        for (const piece of ['fi', 'rst\nsec', 'ond\nthird\n']) {
          reader.feedData(bytes(piece));
          await sleep(0);
        }
      };
      const use = async (): Promise<string[]> => {
        const lines: string[] = [];
        for await (const line of reader) {
          lines.push(line.toString());
          if (lines.length === 2) break;
        }
        return lines;
      };
      const [lines] = await gather(use, feed);
      expect(lines).toEqual(['first\n', 'second\n']);
      expect(await outcome(reader.readline())).toBe('third\n');
    }),
  );

  test(
    'STREAM-50 the text of a reader',
    inTaskLoop(async () => {
      const reader = new StreamReader({ limit: 123 });
      expect(String(new StreamReader())).toBe('<StreamReader>');
      const read = reader.read(1);
      expect(String(reader)).toBe('<StreamReader limit=123 waiter=<Operation pending>>');
      reader.setTransport({
        pauseReading() {},
        resumeReading() {},
        toString: () => '<Transport>',
      } as CountingTransport);
      reader.feedData(Buffer.alloc(300));
      await read;
      reader.feedEof();
      reader.setException(new Error('bad'));
      expect(String(reader)).toBe(
        "<StreamReader 299 bytes eof limit=123 exception=Error('bad') transport=<Transport> paused>",
      );
      expect(`${(await import('node:util')).inspect(reader)}`).toBe(String(reader));
    }),
  );

  test(
    'a generator coroutine reads too, and a read that failed unseen is reported',
    inTaskLoop(async (loop) => {
      const reader = readerWith('a\nb\n');
      const task = loop.createTask(
        (function* () {
          const first: Buffer = yield* reader.readline();
          const second: Buffer = yield* reader.readline();
          const third: Buffer = yield* reader.read(10);
          return [first, second, third].map(String);
        })(),
      );
      await iterations(2);
      reader.feedData(bytes('c'));
      expect(await task).toEqual(['a\n', 'b\n', 'c']);
    }),
  );
});
