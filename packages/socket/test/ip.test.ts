import * as fc from 'fast-check';
import { isIPv4, isIPv6 } from 'node:net';

import { ipVersion } from '@tsyncio/socket';

import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../src/native/ip.js';

const hex = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('hex'));

describe('IP literals', () => {
  test.each([
    ['0.0.0.0', '00000000'],
    ['127.0.0.1', '7f000001'],
    ['255.255.255.255', 'ffffffff'],
    ['1.2.3', null],
    ['1.2.3.4.5', null],
    ['01.2.3.4', null],
    ['256.0.0.1', null],
    ['1.2.3.', null],
    ['1.2.3.4 ', null],
    ['1.2.3.-4', null],
    ['0x7f.0.0.1', null],
    ['', null],
  ])('IPv4 %j', (text, bytes) => {
    expect(hex(parseIpv4(text))).toBe(bytes);
  });

  test.each([
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['1::', '00010000000000000000000000000000'],
    ['fe80::a:B', 'fe8000000000000000000000000a000b'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
    ['::ffff:1.2.3.4', '00000000000000000000ffff01020304'],
    ['1:2:3:4:5:6:1.2.3.4', '00010002000300040005000601020304'],
    ['1:2:3:4:5:6:7:8:9', null],
    ['1:2:3:4:5:6:7', null],
    ['1:2:3:4::5:6:7:8', null],
    ['::1::', null],
    [':::', null],
    [':1', null],
    ['1:', null],
    ['12345::', null],
    ['g::', null],
    ['1.2.3.4::', null],
    ['::1.2.3.4:5', null],
    ['::01.2.3.4', null],
    ['', null],
  ])('IPv6 %j', (text, bytes) => {
    expect(hex(parseIpv6(text))).toBe(bytes);
  });

  // Written by inet_ntop of glibc (Python's socket.inet_ntop).
  test.each([
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['00010000000000000000000000000000', '1::'],
    ['fe80000000000000000000000000abcd', 'fe80::abcd'],
    ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['00000000000000000000ffff01020304', '::ffff:1.2.3.4'],
    ['00000000000000000000000001020304', '::1.2.3.4'],
    ['00000000000000000000000000010203', '::0.1.2.3'],
    ['0000000000000000ffff000001020304', '::ffff:0:102:304'],
    ['00010002000300040005000600070000', '1:2:3:4:5:6:7:0'],
  ])('%s is written %s', (bytes, text) => {
    expect(formatIpv6(Buffer.from(bytes, 'hex'))).toBe(text);
  });

  test('what is written parses to the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect(hex(parseIpv6(formatIpv6(bytes)))).toBe(hex(bytes));
        expect(hex(parseIpv4(formatIpv4(bytes.subarray(0, 4))))).toBe(hex(bytes.subarray(0, 4)));
      }),
    );
  });

  test('agrees with node:net on random texts', () => {
    const piece = fc.oneof(
      fc.constantFrom(':', '::', '.', '0', '00', 'ffff', '1.2.3.4', '256', 'g', '%', ' '),
      fc.integer({ min: 0, max: 70000 }).map((n) => n.toString(16)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 16 }), (pieces) => {
        const text = pieces.join('');
        expect(parseIpv4(text) !== null).toBe(isIPv4(text));
        if (!text.includes('%')) expect(parseIpv6(text) !== null).toBe(isIPv6(text));
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ['127.0.0.1', 4],
    ['::1', 6],
    ['fe80::1%eth0', 6],
    ['fe80::1%', 0],
    ['127.0.0.1%1', 0],
    ['localhost', 0],
    ['', 0],
  ])('ipVersion(%j) is %d', (text, version) => {
    expect(ipVersion(text)).toBe(version);
  });
});
