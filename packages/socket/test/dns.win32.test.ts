import { GaiError } from '@tsyncio/core';
import { TaskLoop } from '@tsyncio/futures-tasks';
import {
  AF_INET,
  AF_INET6,
  AI_NUMERICHOST,
  EAI_NONAME,
  getaddrinfo,
  getnameinfo,
  NI_NUMERICHOST,
  NI_NUMERICSERV,
  SOCK_STREAM,
} from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import { failure } from '@tsyncio/test-support/loops/failure';

leakAudit();

async function inLoop(body: (loop: TaskLoop) => Promise<void>): Promise<void> {
  const loop = new TaskLoop();
  try {
    await loop.runUntilComplete(() => body(loop));
  } finally {
    loop.close();
  }
}

test('DNS-01, DNS-03 winsock answers as asked: a type without a protocol, and one entry where no type is asked for', () =>
  inLoop(async (loop) => {
    expect(await getaddrinfo(loop, '127.0.0.1', 80, { type: SOCK_STREAM })).toEqual([
      [AF_INET, SOCK_STREAM, 0, '', ['127.0.0.1', 80]],
    ]);
    expect(await getaddrinfo(loop, '127.0.0.1', 80)).toEqual([[AF_INET, 0, 0, '', ['127.0.0.1', 80]]]);
    const found = await getaddrinfo(loop, 'localhost', 80, { family: AF_INET, type: SOCK_STREAM });
    expect(found.map(([family, , , , address]) => [family, address])).toContainEqual([AF_INET, ['127.0.0.1', 80]]);
  }));

test('DNS-06 addresses of IPv6 carry flow and scope', () =>
  inLoop(async (loop) => {
    expect(await getaddrinfo(loop, '::1', 80, { type: SOCK_STREAM })).toEqual([
      [AF_INET6, SOCK_STREAM, 0, '', ['::1', 80, 0, 0]],
    ]);
  }));

test('DNS-07 what is no address is a GaiError with the number of winsock', () =>
  inLoop(async (loop) => {
    const error = await failure(getaddrinfo(loop, 'not a host', 80, { flags: AI_NUMERICHOST }));
    expect(error).toBeInstanceOf(GaiError);
    expect(error).toMatchObject({ code: 'EAI_NONAME', errno: EAI_NONAME });
  }));

test('DNS-08 names of an address', () =>
  inLoop(async (loop) => {
    expect(await getnameinfo(loop, ['127.0.0.1', 80], NI_NUMERICHOST | NI_NUMERICSERV)).toEqual(['127.0.0.1', '80']);
    const [host] = await getnameinfo(loop, ['127.0.0.1', 80], NI_NUMERICSERV);
    expect(host.length).toBeGreaterThan(0);
  }));
