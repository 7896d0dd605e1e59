/** The same questions to Python's resolver functions and to ours. */
import { execFileSync } from 'node:child_process';

import type { OSError } from '@tsyncio/core';
import { TaskLoop } from '@tsyncio/futures-tasks';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  AI_ADDRCONFIG,
  AI_ALL,
  AI_CANONNAME,
  AI_NUMERICHOST,
  AI_NUMERICSERV,
  AI_PASSIVE,
  AI_V4MAPPED,
  getaddrinfo,
  getnameinfo,
  IPPROTO_TCP,
  IPPROTO_UDP,
  NI_DGRAM,
  NI_NAMEREQD,
  NI_NOFQDN,
  NI_NUMERICHOST,
  NI_NUMERICSERV,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from '@tsyncio/socket';
import * as socket from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

leakAudit();

type Question = readonly [host: string | null, port: number | string | null, numbers: readonly number[]];

/** What is answered without asking anybody else. */
const HOSTS = [
  ...[null, '', 'localhost', 'LOCALHOST', '127.0.0.1', '0.0.0.0', '127.1', '0x7f.1', '010.0.0.1', '127.0.0.1%lo'],
  ...['::1', '::', 'fe80::1', 'fe80::1%lo', 'fe80::1%1', 'fe80::1%none', '::ffff:1.2.3.4', '1::2::3'],
];
/** What the system asks the network about: slower. */
const NAMES = [
  ...[
    'no such host.invalid',
    '*',
    '%',
    'x'.repeat(300),
    '256.1.1.1',
    '1.2.3.4.5',
    '127.0.0.1 ',
    ' 127.0.0.1',
    '1.2.3.4x',
  ],
  ...['::1%', '::1%1', '[::1]', '::1 '],
];
const PORTS = [
  null,
  0,
  80,
  65_535,
  65_536,
  -1,
  '80',
  '0080',
  ' 80',
  '+80',
  '80x',
  '0x50',
  'http',
  'HTTP',
  'domain',
  'no-such',
  '',
];
/** Family, type, protocol, flags. */
const OPTIONS = [
  [0, 0, 0, 0],
  [0, SOCK_STREAM, 0, AI_PASSIVE],
  [AF_INET, SOCK_DGRAM, 0, AI_CANONNAME],
  [AF_INET6, SOCK_STREAM, 0, 0],
  [AF_INET6, SOCK_STREAM, 0, AI_V4MAPPED | AI_ALL],
  [AF_INET, 0, IPPROTO_UDP, AI_ADDRCONFIG],
];
const MORE: Question[] = [
  ...[SOCK_RAW, SOCK_SEQPACKET, 77].map((type): Question => ['127.0.0.1', 80, [0, type, 0, 0]]),
  ...[SOCK_RAW, SOCK_DGRAM].map((type): Question => ['127.0.0.1', 'http', [0, type, 0, 0]]),
  ...[AF_UNIX, 77].map((family): Question => ['127.0.0.1', 80, [family, 0, 0, 0]]),
  ['127.0.0.1', 80, [0, SOCK_STREAM, IPPROTO_UDP, 0]],
  ['127.0.0.1', 80, [0, 0, IPPROTO_TCP, 0]],
  ['127.0.0.1', 80, [0, 0, 132, 0]],
  ['127.0.0.1', 80, [0, 0, 255, 0]],
  ...[AI_NUMERICHOST, AI_NUMERICSERV, 1 << 30, -1].flatMap((flags): Question[] => [
    ['localhost', 'http', [0, SOCK_STREAM, 0, flags]],
    ['127.0.0.1', 'http', [0, SOCK_STREAM, 0, flags]],
    ['127.0.0.1', 80, [0, SOCK_STREAM, 0, flags]],
  ]),
];
const QUESTIONS: Question[] = [
  ...NAMES.map((host): Question => [host, 80, [0, SOCK_STREAM, 0, 0]]),
  ...HOSTS.flatMap((host) => PORTS.flatMap((port) => OPTIONS.map((numbers): Question => [host, port, numbers]))),
  ...MORE,
];

const NUMERIC = NI_NUMERICHOST | NI_NUMERICSERV;
const ADDRESSES = [
  ['127.0.0.1', 80],
  ['127.0.0.1', 0],
  ['0.0.0.0', 65_535],
  ['127.77.77.77', 7],
  ['::1', 443, 0, 0],
  ['::1', 53],
  ['fe80::1', 80, 0, 1],
  ['::ffff:1.2.3.4', 80, 5, 0],
  ['localhost', 80],
  ['no such host.invalid', 80],
  ['', 80],
] as const;
const NAME_FLAGS = [0, NUMERIC, NI_NUMERICHOST, NI_NUMERICSERV | NI_NOFQDN, NI_NUMERICHOST | NI_DGRAM];

const hasPython = ((): boolean => {
  try {
    execFileSync('python3', ['-c', 'import socket'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
const title = (text: string): string => (hasPython ? text : `${text} (no python3 here)`);
const testPython = hasPython ? test : test.skip;

/** Python's answers: lists, or the resolver's number. */
function python(method: string, questions: readonly unknown[]): unknown[] {
  const program = `
import json, socket, sys
for arguments in json.load(sys.stdin):
    try:
        answer = getattr(socket, sys.argv[1])(*[tuple(a) if isinstance(a, list) else a for a in arguments])
    except socket.gaierror as error:
        answer = error.errno
    except UnicodeError:
        answer = 'impossible name'
    except OSError as error:
        answer = 'OSError'
    print(json.dumps(answer))`;
  const input = JSON.stringify(questions);
  const text = execFileSync('python3', ['-c', program, method], { encoding: 'utf8', input, maxBuffer: 1 << 26 });
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

/** Each answer with its question, so that a difference can be read. */
function labelled(questions: readonly unknown[], answers: readonly unknown[]): string[] {
  return questions.map((question, i) => `${JSON.stringify(question)}: ${JSON.stringify(answers[i])}`);
}

async function ours(ask: (loop: TaskLoop) => Promise<unknown[]>): Promise<unknown[]> {
  const loop = new TaskLoop();
  try {
    return await loop.runUntilComplete(() => ask(loop));
  } finally {
    loop.close();
  }
}

/** The result, or the resolver's number. */
async function answer(lookup: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await lookup;
  } catch (error) {
    if ((error as OSError).name !== 'GaiError') throw error;
    return (error as OSError).errno;
  }
}

testPython(
  title(`NDNS-01 NDNS-02 DNS-04 ${QUESTIONS.length} lookups give what Python gives`),
  async () => {
    const found = await ours(async (loop) => {
      const answers: unknown[] = [];
      for (const [host, port, [family, type, proto, flags]] of QUESTIONS) {
        answers.push(await answer(getaddrinfo(loop, host, port, { family, type, proto, flags })));
      }
      return answers;
    });
    const expected = python(
      'getaddrinfo',
      QUESTIONS.map(([host, port, numbers]) => [host, port, ...numbers]),
    );
    // Python refuses names that its own codec cannot take; here the system is asked.
    const same = expected.map((each, i) => (each === 'impossible name' ? found[i] : each));
    expect(labelled(QUESTIONS, found)).toEqual(labelled(QUESTIONS, same));
  },
  60_000,
);

testPython(
  title('NDNS-04 DNS-08 the names of addresses are those of Python'),
  async () => {
    const questions = ADDRESSES.flatMap((address) =>
      // The name of any other host would be asked for over the network.
      NAME_FLAGS.filter((flags) => address[0] === '127.0.0.1' || (flags & NI_NUMERICHOST) !== 0).map(
        (flags) => [address, flags] as const,
      ),
    );
    const found = await ours(async (loop) => {
      const answers: unknown[] = [];
      for (const [address, flags] of questions) answers.push(await answer(getnameinfo(loop, address, flags)));
      return answers;
    });
    expect(labelled(questions, found)).toEqual(labelled(questions, python('getnameinfo', questions)));
  },
  60_000,
);

testPython(title('the numbers are those of Python'), () => {
  const all = socket as unknown as Record<string, unknown>;
  const names = Object.keys(all).filter((name) => /^(AI|NI|EAI)_/.test(name));
  const program = `
import json, socket, sys
print(json.dumps({name: getattr(socket, name, None) for name in json.load(sys.stdin)}))`;
  const text = execFileSync('python3', ['-c', program], { encoding: 'utf8', input: JSON.stringify(names) });
  const known = Object.entries(JSON.parse(text) as Record<string, number | null>).filter(([, value]) => value !== null);
  expect(known.length).toBeGreaterThan(20);
  expect(Object.fromEntries(known.map(([name]) => [name, all[name]]))).toEqual(Object.fromEntries(known));
});

test('NDNS-04 numbers are told at once; a name is not', async () => {
  await ours(async (loop) => {
    expect(getnameinfo(loop, ['127.0.0.1', 80], NUMERIC).done()).toBe(true);
    const lookup = getnameinfo(loop, ['127.0.0.1', 80], NI_NAMEREQD);
    expect(lookup.done()).toBe(false);
    return [await answer(lookup)];
  });
});

test('NDNS-04 the zone of a host is its scope', async () => {
  // Python puts the scope of the address, 0, in its place.
  expect(await ours((loop) => getnameinfo(loop, ['fe80::1%lo', 80], NUMERIC).then((pair) => [...pair]))).toEqual([
    'fe80::1%lo',
    '80',
  ]);
});

test('a name in other letters is looked up in its ASCII form', async () => {
  const texts = await ours(async (loop) => {
    loop.setDebug(true);
    loop.slowCallbackDuration = 60;
    const failure = async (host: string): Promise<string> =>
      getaddrinfo(loop, host, 80).then(
        () => 'found',
        (error: Error) => error.message,
      );
    // U+FF11 and U+3002: a full-width digit, an ideographic full stop.
    return [await failure('bücher ünknown.invalid'), await getaddrinfo(loop, '１27。0.0.1', 80, { type: SOCK_STREAM })];
  });
  expect(texts).toEqual([
    expect.stringMatching(/^getaddrinfo EAI_/),
    [[AF_INET, SOCK_STREAM, IPPROTO_TCP, '', ['127.0.0.1', 80]]],
  ]);
});
