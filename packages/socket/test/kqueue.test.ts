import {
  encodeTimespec,
  EV_ADD,
  EV_DELETE,
  EVFILT_READ,
  EVFILT_WRITE,
  hasKqueue,
  KeventArray,
  requireKqueue,
} from '../src/native/bsd/kqueue.js';
import { koffi } from '../src/native/koffi.js';

// There is no kqueue here: the layouts are compared with what a C compiler makes of the declarations in the systems' headers.
const fields = {
  ident: 'uintptr_t',
  filter: 'short',
  flags: 'unsigned short',
  fflags: 'unsigned int',
  data: 'int64_t',
  udata: 'uintptr_t',
};
const structs = {
  darwin: () => koffi().struct({ ...fields }),
  freebsd: () => koffi().struct({ ...fields, ext: koffi().array('uint64_t', 4) }),
};

describe.each(['darwin', 'freebsd'] as const)('struct kevent of %s', (platform) => {
  const struct = structs[platform]();
  const { sizeof, encode, decode } = koffi();
  const size = sizeof(struct);

  test('has the size of the system', () => {
    expect(size).toBe(platform === 'darwin' ? 32 : 64);
    expect(new KeventArray(3, platform).memory.byteLength).toBe(3 * size);
  });

  test('a change is written as C would write it', () => {
    const array = new KeventArray(2, platform);
    const bytes = new Uint8Array(array.memory).fill(0xff);
    const changes = [
      [0, 7, EVFILT_READ, EV_ADD],
      [1, 0x7fffffff, EVFILT_WRITE, EV_DELETE],
    ] as const;
    for (const [index, fd, filter, flags] of changes) {
      array.encode(index, fd, filter, flags);
      const read = decode(Buffer.from(array.memory, index * size, size), struct) as Record<string, unknown>;
      expect(read).toMatchObject({ ident: fd, filter, flags, fflags: 0, data: 0, udata: 0 });
    }
    expect([...bytes.subarray(0, 16)]).toEqual([7, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 0, 0, 0, 0, 0]);
    expect([...bytes.subarray(size, size + 12)]).toEqual([0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 0xfe, 0xff, 2, 0]);
  });

  test('an event is read as C would have written it', () => {
    const array = new KeventArray(3, platform);
    const event = { ident: 1234, filter: -2, flags: 0x8001, fflags: 5, data: 99, udata: 0 };
    encode(Buffer.from(array.memory, 2 * size, size), struct, {
      ...event,
      ...(platform === 'freebsd' && { ext: [1, 2, 3, 4] }),
    });
    expect([array.fdAt(2), array.filterAt(2)]).toEqual([1234, EVFILT_WRITE]);
    expect([array.fdAt(1), array.filterAt(1)]).toEqual([0, 0]);
  });
});

test.each([
  [0, 0n, 0n],
  [1.5, 1n, 500_000_000n],
  [0.000_000_000_4, 0n, 1n], // up to a nanosecond, never to nothing
  [1.999_999_999_9, 2n, 0n],
  [2_147_483.647, 2_147_483n, 647_000_001n],
])('struct timespec of %d s', (seconds, whole, nanos) => {
  const view = new DataView(new ArrayBuffer(16));
  encodeTimespec(view, seconds);
  const [s, ns] = [view.getBigInt64(0, true), view.getBigInt64(8, true)];
  expect(s).toBe(whole);
  expect(ns >= nanos - 1n && ns <= nanos).toBe(true);
});

test('which systems have a kqueue that is known', () => {
  expect(['darwin', 'freebsd', 'linux', 'win32', 'netbsd', 'constructor'].map(hasKqueue)).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
  requireKqueue('KqueueSelector', 'darwin');
  expect(() => requireKqueue('KqueueSelector', 'netbsd')).toThrow(
    'tsyncio has no KqueueSelector for netbsd: it needs kqueue(2), of macOS or FreeBSD',
  );
});
