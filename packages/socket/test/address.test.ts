import { pathToFileURL } from 'node:url';

import { AF_INET, AF_INET6, AF_UNIX, type Address } from '@tsyncio/socket';

import { epollEventLayout, linuxAbi } from '../src/native/linux/abi.js';
import { decodeAddress, encodeAddress } from '../src/native/posix/sockaddr.js';
import { thrown } from './support/errors.js';

const encode = (family: number, address: unknown): Buffer =>
  Buffer.from(encodeAddress(family, address, (name) => (name === 'eth7' ? 7 : 0), linuxAbi));

describe('socket addresses as bytes', () => {
  test.each<[string, number, unknown, string]>([
    ['IPv4', AF_INET, ['127.0.0.1', 8080], '02001f907f0000010000000000000000'],
    ['IPv4 any', AF_INET, ['', 0], '02000000000000000000000000000000'],
    ['IPv4 broadcast', AF_INET, ['<broadcast>', 1], '02000001ffffffff0000000000000000'],
    ['IPv6', AF_INET6, ['::1', 8080], '0a001f900000000000000000000000000000000000000001' + '00000000'],
    [
      'IPv6 with flow and scope',
      AF_INET6,
      ['fe80::1', 1, 2, 3],
      '0a00000100000002fe800000000000000000000000000001' + '03000000',
    ],
    [
      'IPv6 with an interface',
      AF_INET6,
      ['fe80::1%eth7', 1],
      '0a00000100000000fe800000000000000000000000000001' + '07000000',
    ],
    ['IPv6 with a number', AF_INET6, ['fe80::1%9', 1], '0a00000100000000fe800000000000000000000000000001' + '09000000'],
    ['a path', AF_UNIX, '/a/b', '01002f612f6200'],
    ['a path as URL', AF_UNIX, pathToFileURL('/a b'), '01002f61206200'],
    ['a path as bytes', AF_UNIX, Buffer.from([0x2f, 0xff]), '01002fff00'],
    ['an abstract name', AF_UNIX, '\0ab', '0100006162'],
    ['no name', AF_UNIX, '', '0100'],
  ])('%s', (_title, family, address, bytes) => {
    expect(encode(family, address).toString('hex')).toBe(bytes);
  });

  test.each<[number, Address]>([
    [AF_INET, ['1.2.3.4', 65535]],
    [AF_INET6, ['2001:db8::1', 443, 7, 9]],
    [AF_UNIX, '/tmp/ä.sock'],
    [AF_UNIX, '\0abstract\0name'],
    [AF_UNIX, Buffer.from([0x2f, 0xff, 0xfe])],
    [AF_UNIX, ''],
  ])('family %d, %j, read back', (family, address) => {
    const bytes = encode(family, address);
    expect(decodeAddress(bytes, bytes.length, linuxAbi)).toEqual(address);
  });

  test('hosts that alternate, with bad ones between', () => {
    const last = (host: string): string => encode(AF_INET, [host, 1]).toString('hex', 4, 8);
    for (let round = 0; round < 2; round++) {
      expect([last('10.0.0.1'), last('10.0.0.1'), last('10.0.0.2')]).toEqual(['0a000001', '0a000001', '0a000002']);
      for (const bad of ['10.0.0.3x', '10.0.0.3x', '256.0.0.1']) expect(thrown(() => last(bad)).name).toBe('GaiError');
      expect([last('10.0.0.2'), last(''), last('<broadcast>')]).toEqual(['0a000002', '00000000', 'ffffffff']);
    }
  });

  test('a Unix path that the kernel wrote without its NUL', () => {
    const bytes = Buffer.concat([Buffer.from([1, 0]), Buffer.alloc(108, 'x')]);
    expect(decodeAddress(bytes, 110, linuxAbi)).toBe('x'.repeat(108));
  });

  test.each<[string, number, unknown, string, RegExp]>([
    ['a string', AF_INET, '127.0.0.1:80', 'TypeError', /\[host, port\], not string/],
    ['null', AF_INET, null, 'TypeError', /not null/],
    ['one part', AF_INET, ['127.0.0.1'], 'TypeError', /array of 1/],
    ['four parts for IPv4', AF_INET, ['127.0.0.1', 1, 0, 0], 'TypeError', /array of 4/],
    ['a host that is no string', AF_INET, [127, 1], 'TypeError', /host .* string, not number/],
    ['a port that is no number', AF_INET, ['127.0.0.1', '80'], 'TypeError', /port .* number, not string/],
    ['a port too large', AF_INET, ['127.0.0.1', 65536], 'ValueError', /0 to 65535, not 65536/],
    ['a negative port', AF_INET, ['127.0.0.1', -1], 'ValueError', /not -1/],
    ['half a port', AF_INET, ['127.0.0.1', 1.5], 'ValueError', /not 1.5/],
    ['a flow too large', AF_INET6, ['::1', 1, 0x100000], 'ValueError', /flowinfo/],
    ['an array for a path', AF_UNIX, ['x', 1], 'TypeError', /path .* not an array/],
    ['a path with NUL', AF_UNIX, 'a\0b', 'ValueError', /NUL/],
    ['a path too long', AF_UNIX, 'x'.repeat(108), 'OSError', /107 bytes, this one has 108/],
    ['an unknown family', 17, [], 'ValueError', /family 17/],
  ])('%s is refused', (_title, family, address, name, message) => {
    const error = thrown(() => encode(family, address));
    expect(error.name).toBe(name);
    expect(error.message).toMatch(message);
  });

  test.each<[string, number, string, string]>([
    ['a name', AF_INET, 'localhost', 'EAI_NONAME'],
    ['IPv6 for IPv4', AF_INET, '::1', 'EAI_ADDRFAMILY'],
    ['IPv4 for IPv6', AF_INET6, '127.0.0.1', 'EAI_ADDRFAMILY'],
    ['an unknown interface', AF_INET6, 'fe80::1%nope', 'EAI_NONAME'],
  ])('%s is a GaiError', (_title, family, host, code) => {
    const error = thrown(() => encode(family, [host, 1]));
    expect([error.name, error['code']]).toEqual(['GaiError', code]);
    expect(error.message).toContain(host.split('%').pop());
  });
});

test('struct epoll_event is packed on x64 only', () => {
  expect(epollEventLayout('x64')).toEqual({ words: 3, dataWord: 1 });
  for (const arch of ['arm64', 'riscv64', 'loong64']) expect(epollEventLayout(arch)).toEqual({ words: 4, dataWord: 2 });
});
