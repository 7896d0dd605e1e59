import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { Context, ContextVar, copyContext, Scheduler, Token } from '@tsyncio/core';
import { compilePackages, leakAudit } from '@tsyncio/test-support';
import { runOnce } from './virtual-loop.js';

// They start processes and threads, on machines that may be busy.
jest.setTimeout(60_000);

leakAudit();

/** Code outside of any loop has one context for ever: each test gets its own. */
const inContext = (body: () => void) => (): void => new Context().run(body);

test('CTXVAR-01 a variable needs a text as name, which cannot be changed', () => {
  for (const wrong of [undefined, 1, null, {}]) expect(() => new ContextVar(wrong as never)).toThrow(TypeError);
  const variable = new ContextVar<number>('mine');
  expect(variable.name).toBe('mine');
  expect(() => {
    (variable as { name: string }).name = 'other';
  }).toThrow(TypeError);
  expect(String(variable)).toBe("<ContextVar name='mine'>");
});

test(
  'CTXVAR-02 get: the value, else the argument, else the default, else an error',
  inContext(() => {
    const plain = new ContextVar<string>('plain');
    const full = new ContextVar('full', { default: 'default' });
    expect(() => plain.get()).toThrow(expect.objectContaining({ name: 'ValueError' }));
    expect([plain.get('argument'), full.get(), full.get('argument')]).toEqual(['argument', 'default', 'argument']);
    plain.set('value');
    full.set('value');
    expect([plain.get(), plain.get('argument'), full.get('argument')]).toEqual(['value', 'value', 'value']);
  }),
);

test(
  'CTXVAR-02 undefined is a value, as default, as argument and when set',
  inContext(() => {
    const variable = new ContextVar<undefined | number>('v', { default: undefined });
    expect(variable.get()).toBeUndefined();
    expect(new ContextVar('w').get(undefined)).toBeUndefined();
    const other = new ContextVar<undefined | number>('x', { default: 1 });
    other.set(undefined);
    expect(other.get(2)).toBeUndefined();
  }),
);

test(
  'CTXVAR-03 set gives a token that tells and restores what was there',
  inContext(() => {
    const variable = new ContextVar<number>('v');
    const first = variable.set(1);
    const second = variable.set(2);
    expect([first.variable === variable, first.oldValue, second.oldValue]).toEqual([true, Token.MISSING, 1]);
    variable.reset(second);
    expect(variable.get()).toBe(1);
    variable.reset(first);
    expect(variable.get('none')).toBe('none');
  }),
);

test(
  'CTXVAR-04 a token serves once, its own variable, in its own context',
  inContext(() => {
    const variable = new ContextVar<number>('v');
    const other = new ContextVar<number>('w');
    const token = variable.set(1);
    expect(() => other.reset(token)).toThrow(expect.objectContaining({ name: 'ValueError' }));
    expect(() => copyContext().run(() => variable.reset(token))).toThrow(
      expect.objectContaining({ name: 'ValueError' }),
    );
    expect(variable.get()).toBe(1);
    variable.reset(token);
    expect(() => variable.reset(token)).toThrow(expect.objectContaining({ name: 'RuntimeError' }));
    expect(() => variable.reset({} as never)).toThrow(TypeError);
  }),
);

test('CTXVAR-04 in callbacks: a token serves in the callback that made it, also after an await, and in no other', async () => {
  const loop = new Scheduler();
  const variable = new ContextVar('v', { default: 0 });
  const results: string[] = [];
  const reset = (token: Token<number>): void => {
    try {
      variable.reset(token);
      results.push(`reset to ${variable.get()}`);
    } catch (error) {
      results.push((error as Error).name);
    }
  };
  loop.callSoon(() => {
    const token = variable.set(1);
    loop.callSoon(reset, variable.set(2));
    reset(token);
  });
  loop.callSoon(async () => {
    const token = variable.set(3);
    await Promise.resolve();
    reset(token);
  });
  await runOnce(loop);
  await runOnce(loop);
  expect(results).toEqual(['reset to 0', 'reset to 0', 'ValueError']);
  loop.close();
});

test(
  'CTXVAR-05 a copy is a snapshot that shares the values themselves',
  inContext(() => {
    const variable = new ContextVar<object>('v');
    const value = {};
    variable.set(value);
    const copy = copyContext();
    variable.set({ later: true });
    expect(copy.get(variable)).toBe(value);
    copy.run(() => variable.set({ inside: true }));
    expect(variable.get()).toEqual({ later: true });
  }),
);

test(
  'CTXVAR-06 run passes arguments, result and error, and restores the context either way',
  inContext(() => {
    const variable = new ContextVar('v', { default: 'outside' });
    const context = new Context();
    const result = context.run(
      (a: number, b: number) => {
        variable.set('inside');
        return a + b;
      },
      1,
      2,
    );
    expect([result, variable.get(), context.get(variable)]).toEqual([3, 'outside', 'inside']);
    const error = new Error('mine');
    expect(() =>
      context.run(() => {
        throw error;
      }),
    ).toThrow(error);
    expect(variable.get()).toBe('outside');
    expect(() => (context as unknown as { run(): void }).run()).toThrow(TypeError);
    expect(() => context.bind(1 as never)).toThrow(TypeError);
  }),
);

test('CTXVAR-07 a context that is entered cannot be entered again, and can be later', () => {
  const context = new Context();
  const other = new Context();
  const again = (): unknown => context.run(() => 'again');
  const refused = expect.objectContaining({ name: 'RuntimeError' });
  expect(() => context.run(again)).toThrow(refused);
  expect(() => context.run(() => other.run(again))).toThrow(refused);
  expect(again()).toBe('again');
});

test('CTXVAR-07 code that an async function goes on with is still inside', async () => {
  const context = new Context();
  const variable = new ContextVar('v', { default: 0 });
  const seen = await context.run(async () => {
    variable.set(1);
    await Promise.resolve();
    expect(() => context.run(() => undefined)).toThrow(expect.objectContaining({ name: 'RuntimeError' }));
    return variable.get();
  });
  expect([seen, context.get(variable)]).toEqual([1, 1]);
});

test(
  'CTXVAR-08 a context is a read-only mapping',
  inContext(() => {
    const a = new ContextVar<number>('a');
    const b = new ContextVar<string>('b');
    const c = new ContextVar<string>('c');
    a.set(1);
    b.set('x');
    const context = copyContext();
    expect([context.get(a), context.get(c), context.get(c, 'none')]).toEqual([1, undefined, 'none']);
    expect([context.has(a as ContextVar<unknown>), context.has(c as ContextVar<unknown>), context.size]).toEqual([
      true,
      false,
      2,
    ]);
    expect([...context]).toEqual([a, b]);
    expect([...context.keys()]).toEqual([a, b]);
    expect([...context.values()]).toEqual([1, 'x']);
    expect([...context.entries()]).toEqual([
      [a, 1],
      [b, 'x'],
    ]);
    const copy = context.copy();
    expect([copy === context, copy.equals(context), context.equals(new Context())]).toEqual([false, true, false]);
    copy.run(() => a.set(2));
    expect([copy.equals(context), context.get(a)]).toEqual([false, 1]);
    copy.run(() => {
      a.set(1);
      c.set('more');
    });
    expect(copy.equals(context)).toBe(false);
    for (const wrong of ['a', 1, null, {}]) {
      expect(() => context.get(wrong as never)).toThrow(TypeError);
      expect(() => context.has(wrong as never)).toThrow(TypeError);
    }
  }),
);

test('CTXVAR-09 a new context is empty', () => {
  const variable = new ContextVar('v', { default: 'default' });
  copyContext().run(() => {
    variable.set('set');
    const empty = new Context();
    expect([empty.size, empty.run(() => variable.get())]).toEqual([0, 'default']);
  });
});

test('CTXVAR-09 each thread begins with an empty context of its own', async () => {
  const packages = compilePackages('core');
  const program = `
    const { parentPort } = require('node:worker_threads');
    const { copyContext, ContextVar } = require('@tsyncio/core');
    const before = copyContext().size;
    new ContextVar('v').set(1);
    parentPort.postMessage([before, copyContext().size]);
  `;
  const file = path.join(packages.folder, 'worker.cjs');
  writeFileSync(file, program);
  new ContextVar('here').set('in the main thread');
  const worker = new Worker(file);
  const sizes = await new Promise((resolve, reject) => {
    worker.on('message', resolve).on('error', reject);
  });
  await worker.terminate();
  packages.remove();
  expect(sizes).toEqual([0, 1]);
});
