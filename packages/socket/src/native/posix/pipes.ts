import { E } from '../errno.js';
import { addressOf, koffi } from '../koffi.js';
import { GATHER_MAX, type SystemCalls } from '../system-calls.js';
import { errnoMemory } from './errno-memory.js';
import { pointerTo } from './scratch.js';

/** What a byte stream is read and written by. */
export type StreamCalls = Pick<SystemCalls, 'recv' | 'recvInto' | 'send' | 'gather'>;

/** What Linux moves at most in a call; it also keeps lengths inside an `int`. */
const MAX_LENGTH = 0x7ffff000;

let calls: StreamCalls | undefined;

/**
 * `read(2)`, `write(2)` and `writev(2)` in the shape of the calls of sockets: for descriptors that are none. Flags are ignored.
 *
 * There is no MSG_NOSIGNAL for `write`: SIGPIPE does not come because Node ignores it from its start on, so a write without a reader fails
 * with EPIPE.
 */
export function pipeCalls(): StreamCalls {
  return (calls ??= declare());
}

function declare(): StreamCalls {
  const libc = koffi().load(null);
  const func = (name: string, ...parameters: string[]): unknown => libc.func(name, 'int', parameters);
  type At = (fd: number, address: number, length: number) => number;
  type Bytes = (fd: number, bytes: Uint8Array, length: number) => number;
  const read = func('read', 'int', 'uintptr_t', 'size_t') as At;
  const readInto = func('read', 'int', 'void *', 'size_t') as Bytes;
  const write = func('write', 'int', 'void *', 'size_t') as Bytes;
  const writev = func('writev', 'int', 'uintptr_t', 'int') as At;
  const { EINTR } = E;
  const errno = errnoMemory();
  const vector = new BigUint64Array(2 * GATHER_MAX); // struct iovec: address and length
  const vectorAt = addressOf(vector.buffer);
  return {
    recv(fd, address, length) {
      for (;;) {
        const n = read(fd, address, length);
        if (n >= 0) return n;
        if (errno[0] !== EINTR) return -errno[0]!;
      }
    },
    recvInto(fd, into, length) {
      for (;;) {
        const n = readInto(fd, into, length);
        if (n >= 0) return n;
        if (errno[0] !== EINTR) return -errno[0]!;
      }
    },
    send(fd, data) {
      for (;;) {
        const n = write(fd, data, Math.min(data.length, MAX_LENGTH));
        if (n >= 0) return n;
        if (errno[0] !== EINTR) return -errno[0]!;
      }
    },
    gather(fd, chunks, from) {
      const end = Math.min(chunks.length, from + GATHER_MAX);
      let used = 0;
      for (let i = from, total = 0; i < end && total < MAX_LENGTH; i++) {
        const chunk = chunks[i]!;
        const length = Math.min(chunk.length, MAX_LENGTH - total);
        vector[used++] = pointerTo(chunk);
        vector[used++] = BigInt(length);
        total += length;
      }
      for (;;) {
        const n = writev(fd, vectorAt, used / 2);
        if (n >= 0) return n;
        if (errno[0] !== EINTR) return -errno[0]!;
      }
    },
  };
}
