import { ValueError } from '@tsyncio/core';
import { TaskLoop } from '@tsyncio/futures-tasks';
import { DEVNULL, PIPE, STDOUT, subprocessExec, type SubprocessLoop, subprocessShell } from '@tsyncio/subprocess';
import { leakAudit } from '@tsyncio/test-support';

import { childAudit } from './support/processes.js';
import { failure, inLoop, run, runShell, type World } from './support/world.js';

leakAudit();
childAudit();

type Options = Readonly<Record<string, unknown>>;

/** A factory that must not be called. */
const uncalled = (): never => {
  throw new Error('the factory was called');
};
const exec = (loop: World['loop'], options: Options): Promise<Error> =>
  failure(subprocessExec(loop, uncalled, 'true', [], options));
const sh = (loop: World['loop'], options: Options): Promise<Error> =>
  failure(subprocessShell(loop, uncalled, 'true', options));

test('SUBPROC-33 the constants', () => {
  expect([PIPE, STDOUT, DEVNULL]).toEqual([-1, -2, -3]);
});

test(
  'SUBPROC-05 NETARG-16 cmd is a string or bytes; an empty one is a command',
  inLoop(async ({ loop }) => {
    for (const cmd of [1, ['true'], null, undefined, {}]) {
      const error = await failure(subprocessShell(loop, uncalled, cmd as string));
      expect(error).toBeInstanceOf(ValueError);
      expect(error.message).toBe('cmd must be a string');
    }
    expect((await runShell(loop, '')).returncode).toBe(0);
    expect((await runShell(loop, Buffer.from('exit 3'))).returncode).toBe(3);
  }),
);

test(
  'SUBPROC-06 SUBPROC-14 program and arguments of other types are TypeErrors, and nothing is started',
  inLoop(async ({ loop }) => {
    for (const program of [undefined, null, 123, ['true'], {}]) {
      expect(await failure(subprocessExec(loop, uncalled, program as string))).toBeInstanceOf(TypeError);
    }
    for (const args of [[1], [null], ['a', undefined], [['a']]]) {
      const error = await failure(subprocessExec(loop, uncalled, 'true', args as string[]));
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toContain('args[');
    }
    // A string is not taken apart.
    expect(await failure(subprocessExec(loop, uncalled, 'true', '-l' as unknown as string[]))).toBeInstanceOf(
      TypeError,
    );
  }),
);

const shared: [row: string, options: Options, message: string][] = [
  ['SUBPROC-08', { universalNewlines: true }, 'universal_newlines must be False'],
  ['SUBPROC-08', { universalNewlines: 1 }, 'universal_newlines must be False'],
  ['SUBPROC-10', { bufsize: -1 }, 'bufsize must be 0'],
  ['SUBPROC-10', { bufsize: null }, 'bufsize must be 0'],
  ['SUBPROC-10', { bufsize: 4096 }, 'bufsize must be 0'],
  ['SUBPROC-11', { text: true }, 'text must be False'],
  ['SUBPROC-12', { encoding: 'utf8' }, 'encoding must be None'],
  ['SUBPROC-12', { encoding: '' }, 'encoding must be None'],
  ['SUBPROC-12', { errors: 'strict' }, 'errors must be None'],
  ['SUBPROC-12', { errors: '' }, 'errors must be None'],
];

test.each(shared)('%s NETARG-16 %o is refused by both methods', (row, options, message) =>
  inLoop(async ({ loop }) => {
    for (const error of [await exec(loop, options), await sh(loop, options)]) {
      expect(error).toBeInstanceOf(ValueError);
      expect(error.message).toBe(message);
    }
  })(),
);

test(
  'SUBPROC-09 shell contradicts the method',
  inLoop(async ({ loop }) => {
    for (const shell of [true, 1, 'yes']) {
      const error = await exec(loop, { shell });
      expect(error).toBeInstanceOf(ValueError);
      expect(error.message).toBe('shell must be False');
    }
    for (const shell of [false, null, 0, '']) {
      const error = await sh(loop, { shell });
      expect(error).toBeInstanceOf(ValueError);
      expect(error.message).toBe('shell must be True');
    }
  }),
);

test(
  'SUBPROC-08, SUBPROC-11 what says the same as the default passes',
  inLoop(async ({ loop }) => {
    const same = { universalNewlines: false, bufsize: 0, text: false, encoding: null, errors: null } as const;
    expect((await run(loop, 'true', [], { ...same, shell: false })).returncode).toBe(0);
    expect((await runShell(loop, 'true', { ...same, shell: true })).returncode).toBe(0);
    expect((await run(loop, 'true', [], { universalNewlines: null, text: null })).returncode).toBe(0);
  }),
);

test(
  'SUBPROC-13 of several wrong options the first in the order decides',
  inLoop(async ({ loop }) => {
    const wrong: Options = { universalNewlines: 1, shell: 'x', bufsize: 1, text: 1, encoding: 'a', errors: 'b' };
    const order = [
      ['universalNewlines', 'universal_newlines must be False'],
      ['shell', 'shell must be False'],
      ['bufsize', 'bufsize must be 0'],
      ['text', 'text must be False'],
      ['encoding', 'encoding must be None'],
      ['errors', 'errors must be None'],
    ] as const;
    const left: Record<string, unknown> = { ...wrong };
    for (const [name, message] of order) {
      expect((await exec(loop, left)).message).toBe(message);
      if (name !== 'shell') {
        expect((await sh(loop, { ...left, shell: name === 'universalNewlines' ? false : true })).message).toBe(message);
      }
      delete left[name];
    }
    const first = await failure(subprocessShell(loop, uncalled, 1 as unknown as string, wrong));
    expect(first.message).toBe('cmd must be a string');
  }),
);

test(
  'SUBPROC-14 the failure is a rejection, not thrown at the call',
  inLoop(async ({ loop }) => {
    const operation = subprocessExec(loop, uncalled, 'true', [], { bufsize: 1 as 0 });
    await expect(operation).rejects.toThrow(ValueError);
  }),
);

test(
  'SUBPROC-15 what the factory throws comes out, and nothing is started',
  inLoop(async ({ loop }) => {
    const thrown = new Error('factory');
    const error = await failure(
      subprocessExec(
        loop,
        () => {
          throw thrown;
        },
        'true',
      ),
    );
    expect(error).toBe(thrown);
    for (const factory of [null, 'x', {}]) {
      expect(await failure(subprocessExec(loop, factory as never, 'true'))).toBeInstanceOf(TypeError);
    }
    for (const protocol of [null, 1, undefined]) {
      expect(await failure(subprocessExec(loop, () => protocol as never, 'true'))).toBeInstanceOf(TypeError);
    }
  }),
);

test(
  'SUBPROC-15 the factory is called once, without arguments, and the protocol of a failed start never',
  inLoop(async ({ loop }) => {
    const calls: unknown[][] = [];
    const called: string[] = [];
    const factory = (...args: unknown[]): object => {
      calls.push(args);
      return new Proxy({}, { get: (_, name) => (called.push(String(name)), undefined) });
    };
    await failure(subprocessExec(loop, factory, '/nonexistent/program'));
    expect(calls).toEqual([[]]);
    expect(called.filter((name) => /Made|Lost|Received|Exited|Writing/.test(name))).toEqual([]);
  }),
);

test(
  'SUBPROC-19 a NUL is a ValueError, wherever it is',
  inLoop(async ({ loop }) => {
    const calls = [
      () => subprocessExec(loop, uncalled, 'tr\0ue'),
      () => subprocessExec(loop, uncalled, 'true', ['a\0b']),
      () => subprocessExec(loop, uncalled, 'true', [Buffer.from([97, 0])]),
      () => subprocessExec(loop, uncalled, 'true', [], { cwd: '/\0' }),
      () => subprocessExec(loop, uncalled, 'true', [], { env: { A: '\0' } }),
      () => subprocessExec(loop, uncalled, 'true', [], { env: { 'A\0': '' } }),
      () => subprocessShell(loop, uncalled, 'true\0'),
    ];
    for (const call of calls) {
      const error = await failure(call());
      expect(error).toBeInstanceOf(ValueError);
      expect(error.message).toContain('embedded null byte');
    }
  }),
);

test(
  'SUBPROC-20 unknown options, those of Windows, and environments that are none',
  inLoop(async ({ loop }) => {
    expect(await exec(loop, { stdoutt: PIPE })).toBeInstanceOf(TypeError);
    expect(await sh(loop, { timeout: 1 })).toBeInstanceOf(TypeError);
    expect(await failure(subprocessExec(loop, uncalled, 'true', [], null as never))).toBeInstanceOf(TypeError);
    expect(await exec(loop, { startupinfo: {} })).toBeInstanceOf(ValueError);
    expect(await exec(loop, { creationflags: 1 })).toBeInstanceOf(ValueError);
    expect(await exec(loop, { preexecFn: () => {} })).toBeInstanceOf(ValueError);
    expect(await exec(loop, { env: { 'A=B': '' } })).toBeInstanceOf(ValueError);
    expect(await exec(loop, { env: { '': '' } })).toBeInstanceOf(ValueError);
    for (const env of [{ A: 1 }, { A: null }, 'A=1', 5]) expect(await exec(loop, { env })).toBeInstanceOf(TypeError);
    for (const cwd of [1, {}, ['/']]) expect(await exec(loop, { cwd })).toBeInstanceOf(TypeError);
    expect(await exec(loop, { executable: 1 })).toBeInstanceOf(TypeError);
    expect(await exec(loop, { passFds: ['3'] })).toBeInstanceOf(TypeError);
    expect(await exec(loop, { passFds: [-1] })).toBeInstanceOf(ValueError);
    expect(await exec(loop, { uid: 'root' })).toBeInstanceOf(TypeError);
    expect(await exec(loop, { gid: -1 })).toBeInstanceOf(ValueError);
  }),
);

test(
  'SUBPROC-39 a stream that is no target is refused before the spawn',
  inLoop(async ({ loop }) => {
    for (const name of ['stdin', 'stdout', 'stderr']) {
      for (const target of ['pipe', true, {}, [], 1.5, Symbol('x'), { fd: 'x' }]) {
        const error = await exec(loop, { [name]: target });
        expect(['TypeError', 'ValueError']).toContain(error.name);
      }
    }
  }),
);

test('a closed loop, and one without processes', async () => {
  const closed = new TaskLoop();
  closed.close();
  const runner = new TaskLoop();
  await runner.runUntilComplete(async () => {
    await expect(subprocessExec(closed as unknown as SubprocessLoop, uncalled, 'true')).rejects.toThrow(
      'Event loop is closed',
    );
    await expect(subprocessExec(runner as unknown as SubprocessLoop, uncalled, 'true')).rejects.toThrow(
      'needs a backend with pipes and processes',
    );
  });
  runner.close();
});
