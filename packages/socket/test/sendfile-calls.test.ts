/** The arguments of `sendfile` on each system, and what its answers mean. Those of macOS and FreeBSD have never run there. */
import { leakAudit } from '@tsyncio/test-support';

import { E } from '../src/native/errno.js';
import {
  type Cell,
  darwinSendfile,
  freebsdSendfile,
  linuxSendfile,
  type Sendfile,
} from '../src/native/posix/sendfile.js';

leakAudit();

const SOCKET = 8;
const FILE = 9;
const AT = 0x1000;
const FAR = 5 * 2 ** 32 + 7;

/** What the kernel does at one call: it returns, and leaves numbers behind. */
interface Answer {
  readonly returns: number;
  readonly cell?: bigint;
  readonly errno?: number;
}

/** A kernel that gives these answers, one after the other. */
function kernel(answers: Answer[]) {
  const calls: { args: number[]; cell: bigint }[] = [];
  const cell: Cell = { value: new BigInt64Array(1), address: AT };
  const errno = new Int32Array(1);
  const call = (...args: number[]): number => {
    calls.push({ args, cell: cell.value[0]! });
    const answer = answers.shift()!;
    if (answer.cell !== undefined) cell.value[0] = answer.cell;
    if (answer.errno !== undefined) errno[0] = answer.errno;
    return answer.returns;
  };
  return { calls, call, cell, errno };
}

type System = 'linux' | 'darwin' | 'freebsd';
const systems = { linux: linuxSendfile, darwin: darwinSendfile, freebsd: freebsdSendfile };

function run(system: System, answers: Answer[]): { result: number; calls: { args: number[]; cell: bigint }[] } {
  const { calls, call, cell, errno } = kernel(answers);
  const sendfile: Sendfile = systems[system](call, cell, errno);
  return { result: sendfile(SOCKET, FILE, FAR, 1000), calls };
}

test.each<[System, args: number[], cell: bigint, answer: Answer]>([
  ['linux', [SOCKET, FILE, AT, 1000], BigInt(FAR), { returns: 600, cell: BigInt(FAR + 600) }],
  ['darwin', [FILE, SOCKET, FAR, AT, 0, 0], 1000n, { returns: 0, cell: 600n }],
  ['freebsd', [FILE, SOCKET, FAR, 1000, 0, AT, 0], 0n, { returns: 0, cell: 600n }],
])('what %s is asked, and how many bytes were sent', (system, args, cell, answer) => {
  const { result, calls } = run(system, [answer]);
  expect(result).toBe(600);
  expect(calls).toEqual([{ args, cell }]);
});

describe.each<System>(['linux', 'darwin', 'freebsd'])('%s', (system) => {
  test('a signal before anything was sent: called again, with the same arguments', () => {
    const done: Answer = system === 'linux' ? { returns: 5 } : { returns: 0, cell: 5n };
    const { result, calls } = run(system, [{ returns: -1, errno: E.EINTR, cell: 0n }, done]);
    expect(result).toBe(5);
    expect(calls[1]).toEqual(calls[0]);
    expect(calls).toHaveLength(2);
  });

  test('no room, other errors, and the end of the file', () => {
    expect(run(system, [{ returns: -1, errno: E.EAGAIN, cell: 0n }]).result).toBe(-E.EAGAIN);
    expect(run(system, [{ returns: -1, errno: E.EPIPE }]).result).toBe(-E.EPIPE);
    expect(run(system, [{ returns: -1, errno: E.EINVAL }]).result).toBe(-E.EINVAL);
    expect(run(system, [{ returns: 0, cell: 0n }]).result).toBe(0);
  });
});

describe.each<System>(['darwin', 'freebsd'])('%s', (system) => {
  test.each(['EAGAIN', 'EINTR', 'EBUSY'] as const)('%s after a part was sent: the part counts', (code) => {
    const { result, calls } = run(system, [{ returns: -1, errno: E[code], cell: 300n }]);
    expect([result, calls.length]).toEqual([300, 1]);
  });

  test('a disk that is busy is no room', () => {
    expect(run(system, [{ returns: -1, errno: E.EBUSY, cell: 0n }]).result).toBe(-E.EAGAIN);
  });
});
