import { closeSync, openSync } from 'node:fs';

import { ContextVar, type ExceptionContext, Handle, KeyboardInterrupt } from '@tsyncio/core';
import type { TaskLoop } from '@tsyncio/futures-tasks';
import { addReader, addWriter, removeReader, removeWriter, type SelectorIo } from '@tsyncio/selector-io';
import { type Socket, socketpair } from '@tsyncio/socket';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';

import { thrown } from './support/errors.js';
import { iterations } from './support/loops.js';
import { eachSelector } from '@tsyncio/test-support/loops/selectors';

leakAudit();

eachSelector((makeLoop, name) => {
  let loop: TaskLoop<SelectorIo>;
  let a: Socket;
  let b: Socket;

  beforeEach(() => {
    loop = makeLoop();
    [a, b] = socketpair();
  });

  afterEach(() => {
    loop.close();
    a.close();
    b.close();
  });

  const bytes = Buffer.from('x');

  describe('watched descriptors', () => {
    test('READER-01 READER-05 a reader runs once an iteration while there is something to read', async () => {
      const calls: unknown[][] = [];
      expect(addReader(loop, a, (...args: unknown[]) => void calls.push(args), 1, 'two')).toBeUndefined();
      await iterations(loop, 2);
      expect(calls).toEqual([]);
      b.send(bytes);
      await iterations(loop, 3);
      expect(calls).toEqual([
        [1, 'two'],
        [1, 'two'],
        [1, 'two'],
      ]);
      a.recv(1);
      await iterations(loop, 2);
      expect(calls).toHaveLength(3);
      expect([removeReader(loop, a), removeReader(loop, a)]).toEqual([true, false]);
      expect([removeWriter(loop, a), removeReader(loop, 999)]).toEqual([false, false]);
    });

    test('READER-02 a writer runs once an iteration while there is room', async () => {
      let calls = 0;
      addWriter(loop, a, () => void calls++);
      await iterations(loop, 3);
      expect(calls).toBe(3);
      expect([removeWriter(loop, a), removeWriter(loop, a)]).toEqual([true, false]);
      await iterations(loop, 1);
      expect(calls).toBe(3);
    });

    test('CTX-09 a reader keeps what it sets in context variables from run to run, and nobody else sees it', async () => {
      const count = new ContextVar<number>('count', { default: 0 });
      const seen: number[] = [];
      b.send(bytes);
      addReader(loop, a, () => {
        seen.push(count.get());
        count.set(count.get() + 1);
      });
      await iterations(loop, 3);
      expect(seen).toEqual([0, 1, 2]);
      expect(count.get()).toBe(0);
    });

    test('READER-03 the second replaces the first', async () => {
      const calls: string[] = [];
      b.send(bytes);
      addReader(loop, a, () => void calls.push('old'));
      addReader(loop, a, () => void calls.push('new'));
      await iterations(loop, 1);
      expect(calls).toEqual(['new']);
      expect([removeReader(loop, a), removeReader(loop, a)]).toEqual([true, false]);
    });

    test('READER-04 reader and writer are independent, the reader is first', async () => {
      const calls: string[] = [];
      b.send(bytes);
      addWriter(loop, a, () => void calls.push('write'));
      addReader(loop, a, () => void calls.push('read'));
      await iterations(loop, 1);
      expect(calls).toEqual(['read', 'write']);
      expect(removeReader(loop, a)).toBe(true);
      await iterations(loop, 1);
      expect(calls).toEqual(['read', 'write', 'write']);
      addReader(loop, a, () => void calls.push('read again'));
      expect(removeWriter(loop, a)).toBe(true);
      await iterations(loop, 1);
      expect(calls.slice(3)).toEqual(['read again']);
    });

    test('READER-06 a number and an object are the same descriptor', async () => {
      const calls: string[] = [];
      b.send(bytes);
      addReader(loop, a, () => void calls.push('object'));
      addReader(loop, a.fileno(), () => void calls.push('number'));
      await iterations(loop, 1);
      expect(calls).toEqual(['number']);
      expect(removeReader(loop, { fileno: () => a.fileno() })).toBe(true);
    });

    test.each([-1, 1.5, 'x', null, {}])('READER-07 %p is refused by all four', (file) => {
      const calls = [
        () => addReader(loop, file as never, () => undefined),
        () => addWriter(loop, file as never, () => undefined),
        () => removeReader(loop, file as never),
        () => removeWriter(loop, file as never),
      ];
      for (const call of calls) expect(thrown(call).name).toBe('ValueError');
    });

    test('READER-10 on a closed loop', () => {
      addReader(loop, a, () => undefined);
      loop.close();
      for (const add of [addReader, addWriter]) {
        expect(thrown(() => add(loop, a, () => undefined))).toMatchObject({
          name: 'RuntimeError',
          message: 'Event loop is closed',
        });
      }
      expect([removeReader(loop, a), removeWriter(loop, a)]).toEqual([false, false]);
    });

    test('READER-11 what a reader removes does not run, though it was queued', async () => {
      const calls: string[] = [];
      b.send(bytes);
      addReader(loop, a, () => {
        calls.push('read');
        removeWriter(loop, a);
        removeWriter(loop, b);
      });
      addWriter(loop, a, () => void calls.push('write'));
      addWriter(loop, b, () => void calls.push('write b'));
      await iterations(loop, 2);
      expect(calls).not.toContain('write');
      // Which of the two descriptors comes first is the kernel's choice.
      expect(calls.filter((call) => call === 'read')).toHaveLength(2);
      expect(calls.filter((call) => call === 'write b').length).toBeLessThanOrEqual(1);
      removeReader(loop, a);
    });

    test('READER-12 what a reader replaces runs in the next iteration', async () => {
      const calls: string[] = [];
      b.send(bytes);
      addReader(loop, a, () => {
        calls.push('read');
        removeReader(loop, a);
        addWriter(loop, a, () => void calls.push('new'));
      });
      addWriter(loop, a, () => void calls.push('old'));
      await iterations(loop, 1);
      expect(calls).toEqual(['read']);
      await iterations(loop, 1);
      expect(calls).toEqual(['read', 'new']);
    });

    test('READER-13 queued callbacks, then descriptors, then timers', async () => {
      const calls: string[] = [];
      b.send(bytes);
      loop.callLater(0, () => void calls.push('timer'));
      addReader(loop, a, () => void calls.push('reader'));
      loop.callSoon(() => void calls.push('soon'));
      await iterations(loop, 1);
      expect(calls).toEqual(['soon', 'reader', 'timer']);
    });

    test('READER-14 one that throws is reported and stays', async () => {
      const reports: ExceptionContext[] = [];
      loop.setExceptionHandler((_loop, context) => void reports.push(context));
      b.send(bytes);
      const error = new Error('boom');
      addReader(loop, a, () => {
        throw error;
      });
      await iterations(loop, 2);
      expect(reports).toHaveLength(2);
      expect(reports[0]).toMatchObject({ message: expect.stringContaining('Exception in callback'), exception: error });
      expect(reports[0]!.handle).toBe(reports[1]!.handle);
      expect(removeReader(loop, a)).toBe(true);
    });

    if (name === 'EpollSelector') {
      test('READER-15 a regular file is EPERM, and leaves nothing behind', () => {
        const file = openSync(__filename, 'r');
        for (const add of [addReader, addWriter]) {
          expect(thrown(() => add(loop, file, () => undefined))).toMatchObject({
            name: 'PermissionError',
            code: 'EPERM',
          });
        }
        expect(removeReader(loop, file)).toBe(false);
        closeSync(file);
        expect(thrown(() => addReader(loop, file, () => undefined))).toMatchObject({ code: 'EBADF' });
        expect(loop.backend.active).toBe(false);
      });
    } else {
      test('READER-15 SEL-08 a regular file is ready in every iteration, for reading and for writing', async () => {
        const file = openSync(__filename, 'r');
        const calls: string[] = [];
        addReader(loop, file, () => void calls.push('read'));
        addWriter(loop, file, () => void calls.push('write'));
        await iterations(loop, 2);
        expect(calls).toEqual(['read', 'write', 'read', 'write']);
        expect([removeReader(loop, file), removeWriter(loop, file)]).toEqual([true, true]);
        closeSync(file);
        expect(loop.backend.active).toBe(false);
      });
    }

    test('READER-16 removed by the object that was closed meanwhile', () => {
      addReader(loop, a, () => undefined);
      a.close();
      expect(removeReader(loop, a)).toBe(true);
      expect(thrown(() => removeReader(loop, a)).name).toBe('ValueError');
      expect(loop.backend.active).toBe(false);
    });

    test('READER-18 it runs in the context in which it was added', async () => {
      const variable = new ContextVar<string>('name');
      const seen: string[] = [];
      b.send(bytes);
      loop.callSoon(() => {
        variable.set('inner');
        addReader(loop, a, () => void seen.push(variable.get('unset')));
      });
      await iterations(loop, 2);
      expect(seen).toEqual(['inner']);
      expect(variable.get('outer')).toBe('outer');
    });

    test("READER-19 the documentation's example", async () => {
      let received = '';
      addReader(loop, a, () => {
        received += a.recv(100).toString();
        removeReader(loop, a);
        loop.stop();
      });
      loop.callSoon(() => b.send(Buffer.from('abc')));
      await loop.runForever();
      expect(received).toBe('abc');
    });

    test('a callback that is no function is a TypeError', () => {
      for (const add of [addReader, addWriter]) {
        expect(() => add(loop, a, 'x' as never)).toThrow(/callback must be a function, not string/);
      }
      expect(loop.backend.active).toBe(false);
    });

    test('added from plain Node code while the loop sleeps with nothing to watch', async () => {
      const run = loop.runForever();
      setTimeout(() => {
        addReader(loop, a, () => loop.stop());
        b.send(bytes);
      }, 20);
      await run;
      removeReader(loop, a);
    });

    test('READER-11 of two ready descriptors, each can take the other back', async () => {
      const [c, d] = socketpair();
      const calls: string[] = [];
      b.send(bytes);
      d.send(bytes);
      addReader(loop, a, () => {
        calls.push('a');
        removeReader(loop, c);
      });
      addReader(loop, c, () => {
        calls.push('c');
        removeReader(loop, a);
      });
      await iterations(loop, 3);
      expect(calls).toEqual(Array(3).fill(calls[0])); // whoever was first, for ever
      for (const socket of [c, d]) socket.close();
    });

    test('a descriptor that is closed and opened again in one iteration: only its new reader runs', async () => {
      const [c, d] = socketpair();
      const calls: string[] = [];
      let renewed: [Socket, Socket] | null = null;
      addReader(loop, a, () => {
        calls.push('a');
        if (renewed !== null) return;
        removeReader(loop, c);
        const number = c.fileno();
        c.close();
        renewed = socketpair();
        expect(renewed[0].fileno()).toBe(number);
        addReader(loop, renewed[0], () => void calls.push('new'));
      });
      addReader(loop, c, () => void calls.push('old'));
      d.send(bytes);
      // On the queue before its own reader, whatever the order of the selector.
      loop.callSoon(() => undefined);
      b.send(bytes);
      await iterations(loop, 1);
      const before = calls.filter((call) => call === 'old').length;
      renewed![1].send(bytes);
      await iterations(loop, 1);
      expect(before).toBeLessThanOrEqual(1);
      expect(calls.slice(-2).sort()).toEqual(['a', 'new']);
      expect(calls.filter((call) => call === 'old')).toHaveLength(before);
      for (const socket of [...renewed!, d]) socket.close();
    });

    test('READER-14 a rejection of an async one is reported, and it stays', async () => {
      const reports = recordExceptions(loop);
      b.send(bytes);
      addReader(loop, a, async () => {
        await Promise.resolve();
        throw new Error('late');
      });
      await iterations(loop, 2);
      expect(reports.map(({ exception }) => (exception as Error).message)).toEqual(['late', 'late']);
      expect(removeReader(loop, a)).toBe(true);
    });

    test('an exit error of a reader ends the run; the registration outlives it', async () => {
      b.send(bytes);
      const interrupt = new KeyboardInterrupt();
      addReader(loop, a, () => {
        throw interrupt;
      });
      await expect(loop.runForever()).rejects.toBe(interrupt);
      await expect(loop.runForever()).rejects.toBe(interrupt);
      expect(removeReader(loop, a)).toBe(true);
    });

    test('what a reader returns counts only if it is a real promise', async () => {
      let begun = 0;
      const calls: string[] = [];
      b.send(bytes);
      addReader(loop, a, () => {
        calls.push('read');
        return { then: () => void begun++ };
      });
      addWriter(loop, a, () => void calls.push('write'));
      await iterations(loop, 1);
      expect([calls, begun]).toEqual([['read', 'write'], 0]);
    });

    test('SEL-34 a descriptor beyond 1023: refused by select alone, before anything is registered', async () => {
      const hoard = Array.from({ length: 1100 }, () => openSync('/dev/null', 'r'));
      const [c, d] = socketpair();
      hoard.forEach((fd) => closeSync(fd));
      expect(c.fileno()).toBeGreaterThan(1023);
      let calls = 0;
      const add = (): void => addReader(loop, c, () => void calls++);
      if (name === 'SelectSelector') {
        expect(thrown(add)).toMatchObject({
          name: 'ValueError',
          message: expect.stringContaining('FD_SETSIZE is 1024'),
        });
        expect([removeReader(loop, c), loop.backend.active]).toEqual([false, false]);
      } else {
        add();
        d.send(bytes);
        await iterations(loop, 1);
        expect(calls).toBe(1);
        removeReader(loop, c);
      }
      c.close();
      d.close();
    });

    const afterwards = { EpollSelector: 'silence', PollSelector: 'a call', SelectSelector: 'EBADF' }[name]!;
    test(`SEL-09 READER-16 a descriptor that was closed while it was watched: ${afterwards}`, async () => {
      const number = a.fileno();
      let calls = 0;
      addReader(loop, a, () => void calls++);
      a.close();
      const run = iterations(loop, 2);
      if (name === 'SelectSelector') await expect(run).rejects.toMatchObject({ code: 'EBADF', syscall: 'select' });
      else await run;
      expect(calls).toBe(name === 'PollSelector' ? 2 : 0);
      expect(removeReader(loop, number)).toBe(true);
      await iterations(loop, 1);
      expect(loop.backend.active).toBe(false);
    });

    test('an async callback is a step: its continuation comes before the next callback', async () => {
      const calls: string[] = [];
      b.send(bytes);
      addReader(loop, a, async () => {
        calls.push('begin');
        await Promise.resolve();
        calls.push('end');
      });
      addWriter(loop, a, () => void calls.push('writer'));
      await iterations(loop, 1);
      expect(calls).toEqual(['begin', 'end', 'writer']);
    });
  });

  test('READER-17 a handle that was cancelled by other means is unregistered when its descriptor is reported', async () => {
    const handles = [new Handle(() => undefined, [], loop), new Handle(() => undefined, [], loop)] as const;
    loop.backend.addReader(a, handles[0]);
    loop.backend.addWriter(a, handles[1]);
    b.send(bytes);
    for (const handle of handles) handle.cancel();
    await iterations(loop, 1);
    expect(loop.backend.active).toBe(false);
    expect([removeReader(loop, a), removeWriter(loop, a)]).toEqual([false, false]);
  });
});
