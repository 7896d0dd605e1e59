import { constants } from 'node:os';
import { AsyncLocalStorage } from 'node:async_hooks';
import { ContextVar, NodeHost, Scheduler, type Host } from '@tsyncio/core';
import { collectGarbage, leakAudit, quiet, recordExceptions, ScriptedHost, VirtualClock } from '@tsyncio/test-support';
import { runOnce, virtualLoop } from './virtual-loop.js';

const audit = leakAudit();
const nothing = (): void => undefined;

test('SIG-01 SIGNAL-01 the callback runs as a callback of the loop in a later iteration, with its arguments', async () => {
  const { loop, host, run } = virtualLoop();
  const seen: unknown[] = [];
  expect(
    loop.addSignalHandler('SIGTERM', (...args: string[]) => void seen.push(...args, loop.isRunning()), 'a', 'b'),
  ).toBe(undefined);
  loop.callSoon(() => {
    expect(host.signal('SIGTERM')).toBe(true);
    seen.push('arrived');
    loop.callSoon(() => seen.push('after'));
  });
  loop.callLater(1, () => loop.stop());
  await run();
  expect(seen).toEqual(['arrived', 'a', 'b', true, 'after']);
  loop.close();
});

test('SIG-02 SIGNAL-01 it wakes a sleeping loop at once, and may stop it', async () => {
  const { loop, host } = virtualLoop();
  loop.addSignalHandler('SIGTERM', () => loop.stop());
  const running = loop.runForever();
  await host.turn();
  expect(host.pending).toBe(0);
  host.signal('SIGTERM');
  expect(host.pending).toBe(1);
  await host.drive(running);
  loop.close();
});

test('SIG-02 a signal that arrives between two runs is handled in the next', async () => {
  const { loop, host } = virtualLoop();
  const seen: string[] = [];
  loop.addSignalHandler('SIGUSR2', () => seen.push('handled'));
  await host.drive(runOnce(loop));
  host.signal('SIGUSR2');
  host.signal('SIGUSR2');
  await quiet();
  expect(seen).toEqual([]);
  await host.drive(runOnce(loop));
  expect(seen).toEqual(['handled', 'handled']);
  loop.close();
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])(
  'a loop that does not run keeps one %s and steps aside until its next run',
  async (name) => {
    const { loop, host } = virtualLoop();
    let count = 0;
    loop.addSignalHandler(name, () => count++);
    expect(host.signal(name)).toBe(true);
    expect(host.signal(name)).toBe(false);
    await host.drive(runOnce(loop));
    expect(count).toBe(1);
    expect(host.signals).toEqual({ [name]: 1 });
    // Running, it takes as many as come.
    loop.callSoon(() => expect([host.signal(name), host.signal(name)]).toEqual([true, true]));
    await host.drive(runOnce(loop));
    await host.drive(runOnce(loop));
    expect(count).toBe(3);
    host.signal(name);
    expect(loop.removeSignalHandler(name)).toBe(true);
    expect(host.signals).toEqual({});
    await host.drive(runOnce(loop));
    expect(host.signals).toEqual({});
    loop.close();
  },
);

test('a loop that has stepped aside takes the signal again when its handler is set again', () => {
  const { loop, host } = virtualLoop();
  loop.addSignalHandler('SIGINT', nothing);
  host.signal('SIGINT');
  expect(host.signals).toEqual({});
  loop.addSignalHandler('SIGINT', nothing);
  expect(host.signals).toEqual({ SIGINT: 1 });
  loop.close();
});

test('SIG-03 SIGNAL-02 a second handler replaces the first, also by another name or by number', async () => {
  const { loop, host } = virtualLoop();
  const seen: string[] = [];
  const add = (sig: string | number, text: string): void => loop.addSignalHandler(sig, () => seen.push(text));
  add('SIGABRT', 'first');
  add('SIGIOT', 'alias');
  add(constants.signals.SIGABRT, 'number');
  expect(host.signals).toEqual({ SIGABRT: 1 });
  host.signal('SIGABRT');
  await host.drive(runOnce(loop));
  expect(seen).toEqual(['number']);
  loop.close();
});

test.each([false, true])(
  'SIG-04 SIGNAL-07 what cannot be a callback is a TypeError before all else, debug=%p',
  (debug) => {
    const loop = new Scheduler({ debug });
    loop.close();
    audit.takeRecords();
    for (const bad of [
      null,
      undefined,
      'SIGINT',
      Promise.resolve(),
      (function* () {})(),
      function* () {},
      async function* () {},
    ]) {
      expect(() => loop.addSignalHandler('nonsense', bad as never)).toThrow(TypeError);
    }
  },
);

test('SIG-04 SIGNAL-07 an async callback runs, and its rejection is reported', async () => {
  const { loop, host } = virtualLoop();
  const reports = recordExceptions(loop);
  const error = new Error('shut down');
  const seen: string[] = [];
  loop.addSignalHandler('SIGTERM', async () => {
    await Promise.resolve();
    seen.push('handled');
    throw error;
  });
  host.signal('SIGTERM');
  await host.drive(runOnce(loop));
  expect(seen).toEqual(['handled']);
  expect(reports).toMatchObject([{ exception: error }]);
  loop.close();
});

const methods: [string, (loop: Scheduler, sig: never) => unknown][] = [
  ['addSignalHandler', (loop, sig) => loop.addSignalHandler(sig, nothing)],
  ['removeSignalHandler', (loop, sig) => loop.removeSignalHandler(sig)],
];

describe.each(methods)('%s', (_name, call) => {
  test.each([null, undefined, 1.5, NaN, true, [2], {}, Symbol('SIGINT'), 2n])(
    'SIG-05 SIGNAL-05 a signal %p is a TypeError',
    (sig) => {
      const { loop } = virtualLoop();
      expect(() => call(loop, sig as never)).toThrow(TypeError);
      loop.close();
    },
  );

  test.each([0, -1, 32, 65, 10_000, 'SIGNONE', 'INT', 'sigint', '2', ''])(
    'SIG-05 SIGNAL-05 a signal %p is a ValueError',
    (sig) => {
      const { loop } = virtualLoop();
      expect(() => call(loop, sig as never)).toThrow(expect.objectContaining({ name: 'ValueError' }));
      loop.close();
    },
  );
});

test.each(['SIGKILL', 'SIGSTOP', constants.signals.SIGKILL, constants.signals.SIGSTOP])(
  'SIG-06 SIGNAL-06 %p is a ValueError, and nothing is left',
  (sig) => {
    const { loop, host } = virtualLoop();
    expect(() => loop.addSignalHandler(sig, nothing)).toThrow(expect.objectContaining({ name: 'ValueError' }));
    expect(loop.removeSignalHandler(sig)).toBe(false);
    expect(host.signals).toEqual({});
    loop.close();
  },
);

test('SIG-08 SIGNAL-04 removing tells whether there was one, and leaves no listener', () => {
  const { loop, host } = virtualLoop();
  expect(loop.removeSignalHandler('SIGINT')).toBe(false);
  loop.addSignalHandler('SIGINT', nothing);
  loop.addSignalHandler('SIGTERM', nothing);
  expect(loop.removeSignalHandler(constants.signals.SIGINT)).toBe(true);
  expect(loop.removeSignalHandler('SIGINT')).toBe(false);
  expect(host.signals).toEqual({ SIGTERM: 1 });
  loop.close();
});

test('SIG-10 SIGNAL-11 a callback that throws is reported, and runs for the next signal', async () => {
  const { loop, host } = virtualLoop();
  const reports = recordExceptions(loop);
  loop.addSignalHandler('SIGTERM', function onTerm() {
    throw new Error('handler');
  });
  for (let i = 0; i < 2; i++) {
    loop.callSoon(() => host.signal('SIGTERM'));
    await host.drive(runOnce(loop));
    await host.drive(runOnce(loop));
  }
  expect(reports.map(({ message }) => message)).toEqual(Array(2).fill('Exception in callback onTerm()'));
  loop.close();
});

test('SIG-11 the callback runs in the context of the registration: a copy of the variables, which its calls share', async () => {
  const { loop, host } = virtualLoop();
  const variable = new ContextVar('variable', { default: 0 });
  const request = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  request.run('mine', () => {
    loop.addSignalHandler('SIGTERM', () => {
      variable.set(variable.get() + 1);
      seen.push(variable.get(), request.getStore());
    });
  });
  host.signal('SIGTERM');
  await host.drive(runOnce(loop));
  host.signal('SIGTERM');
  await host.drive(runOnce(loop));
  expect(seen).toEqual([1, 'mine', 2, 'mine']);
  expect(variable.get()).toBe(0);
  loop.close();
});

test('SIG-12 SIGNAL-09 on a closed loop adding is a RuntimeError and removing gives false', () => {
  const { loop } = virtualLoop();
  loop.close();
  expect(() => loop.addSignalHandler('SIGTERM', nothing)).toThrow('Event loop is closed');
  expect(loop.removeSignalHandler('SIGTERM')).toBe(false);
});

test('SIG-12 after the removal nothing is called; what has arrived before is', async () => {
  const { loop, host } = virtualLoop();
  const seen: string[] = [];
  loop.addSignalHandler('SIGTERM', () => seen.push('handled'));
  host.signal('SIGTERM');
  loop.removeSignalHandler('SIGTERM');
  expect(host.signal('SIGTERM')).toBe(false);
  await host.drive(runOnce(loop));
  expect(seen).toEqual(['handled']);
  loop.close();
});

test('SIGNAL-03 signals that arrive while the loop is busy are handled in the order of their arrival', async () => {
  const { loop, host } = virtualLoop();
  const seen: string[] = [];
  for (const name of ['SIGUSR1', 'SIGUSR2', 'SIGHUP']) loop.addSignalHandler(name, () => seen.push(name));
  loop.callSoon(() => ['SIGHUP', 'SIGUSR1', 'SIGHUP', 'SIGUSR2'].forEach((name) => host.signal(name)));
  await host.drive(runOnce(loop));
  await host.drive(runOnce(loop));
  expect(seen).toEqual(['SIGHUP', 'SIGUSR1', 'SIGHUP', 'SIGUSR2']);
  loop.close();
});

test('LOOP-CLOSE-08 SIGNAL-10 close takes every handler back, and a signal that waits is dropped', async () => {
  const { loop, host } = virtualLoop();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGUSR2']) {
    loop.addSignalHandler(name, () => {
      throw new Error('closed');
    });
  }
  host.signal('SIGUSR2');
  loop.close();
  expect(host.signals).toEqual({});
  await quiet();
});

test('SIGNAL-12 a listener that the host calls after it was taken back does nothing', async () => {
  class LateHost extends ScriptedHost {
    late: () => void = nothing;
    override onSignal(name: string, callback: () => void): () => void {
      this.late = callback;
      return super.onSignal(name, callback);
    }
  }
  const host = new LateHost();
  const loop = new Scheduler({ host, clock: host.clock });
  loop.addSignalHandler('SIGTERM', () => {
    throw new Error('removed');
  });
  loop.removeSignalHandler('SIGTERM');
  host.late();
  await host.drive(runOnce(loop));
  loop.close();
});

test('SIGNAL-13 what the system refuses with EINVAL is a RuntimeError, other errors come as they are; nothing is left', () => {
  class RefusingHost extends ScriptedHost {
    code = 'EINVAL';
    override onSignal(): () => void {
      throw Object.assign(new Error('no'), { code: this.code });
    }
  }
  const host = new RefusingHost();
  const loop = new Scheduler({ host, clock: host.clock });
  expect(() => loop.addSignalHandler('SIGTERM', nothing)).toThrow(expect.objectContaining({ name: 'RuntimeError' }));
  expect(loop.removeSignalHandler('SIGTERM')).toBe(false);
  host.code = 'EPERM';
  expect(() => loop.addSignalHandler('SIGTERM', nothing)).toThrow(expect.objectContaining({ code: 'EPERM' }));
  expect(loop.removeSignalHandler('SIGTERM')).toBe(false);
  loop.close();
});

test('SIGNAL-13 a host that fails to take a listener back is only logged', () => {
  class StubbornHost extends ScriptedHost {
    override onSignal(): () => void {
      return () => {
        throw new Error('cannot');
      };
    }
  }
  const host = new StubbornHost();
  const loop = new Scheduler({ host, clock: host.clock, debug: false });
  loop.addSignalHandler('SIGTERM', nothing);
  expect(loop.removeSignalHandler('SIGTERM')).toBe(true);
  loop.addSignalHandler('SIGHUP', nothing);
  loop.close();
  expect(audit.takeRecords()).toEqual(
    Array(2).fill({ level: 'info', message: 'a signal listener could not be taken back: Error: cannot' }),
  );
});

test('SIGNAL-14 every loop with a handler for the signal gets it', async () => {
  const host = new ScriptedHost();
  // Two loops of one program: their hosts are views of the same process.
  const other = Object.assign(new ScriptedHost(host.clock), {
    onSignal: (name: string, callback: () => void) => host.onSignal(name, callback),
  });
  const a = new Scheduler({ host, clock: host.clock });
  const b = new Scheduler({ host: other, clock: host.clock });
  const seen: string[] = [];
  a.addSignalHandler('SIGTERM', () => seen.push('a'));
  b.addSignalHandler('SIGTERM', () => seen.push('b'));
  b.addSignalHandler('SIGUSR2', () => seen.push('b only'));
  host.signal('SIGTERM');
  host.signal('SIGUSR2');
  await host.drive(runOnce(a));
  await other.drive(runOnce(b));
  expect(seen).toEqual(['a', 'b', 'b only']);
  a.close();
  expect(host.signals).toEqual({ SIGTERM: 1, SIGUSR2: 1 });
  b.close();
  expect(host.signals).toEqual({});
});

test('SIGNAL-15 a host without signals: NotImplementedError', () => {
  const clock = new VirtualClock();
  const node = new NodeHost();
  const host: Host = {
    scheduleTurn: (turn) => node.scheduleTurn(turn),
    afterStep: (callback) => node.afterStep(callback),
    arm: nothing,
    disarm: nothing,
    hold: nothing,
    release: nothing,
    now: () => clock.time(),
    warn: nothing,
    onExit: () => nothing,
  };
  const loop = new Scheduler({ host, clock });
  expect(() => loop.addSignalHandler('SIGTERM', nothing)).toThrow(
    expect.objectContaining({ name: 'NotImplementedError' }),
  );
  expect(loop.removeSignalHandler('SIGTERM')).toBe(false);
  loop.onInterrupt(nothing)();
  loop.close();
});

test('a forgotten loop can be collected although it has handlers, and takes its listeners with it', async () => {
  const host = new ScriptedHost();
  (() => {
    const loop = new Scheduler({ host, clock: host.clock });
    loop.addSignalHandler('SIGTERM', () => loop.stop());
  })();
  expect(host.signals).toEqual({ SIGTERM: 1 });
  await collectGarbage(() => host.signals['SIGTERM'] === undefined);
  expect(host.signals).toEqual({});
  expect(host.signal('SIGTERM')).toBe(false);
});

test('onInterrupt hears of a SIGINT only if nobody handles it', () => {
  const { loop, host } = virtualLoop();
  let heard = 0;
  const takeBack = loop.onInterrupt(() => heard++);
  host.signal('SIGINT');
  loop.addSignalHandler('SIGINT', nothing);
  host.signal('SIGINT');
  loop.removeSignalHandler('SIGINT');
  expect(heard).toBe(1);
  takeBack();
  expect(host.signal('SIGINT')).toBe(false);
  loop.close();
});
