/**
 * The boundary to the operating system: every foreign function, struct layout and number of the project is under this folder,
 * one sub-folder for each system. Internal: the sibling packages use it, and a change here is a breaking change for them.
 */
export { allocateBlock } from './allocate-block.js';
export { BlockPool } from './block-pool.js';
export {
  EV_ADD,
  EV_DELETE,
  EVFILT_READ,
  EVFILT_WRITE,
  hasKqueue,
  type KernelQueue,
  Kqueue,
  requireKqueue,
} from './bsd/kqueue.js';
export { datagramBatch, type DatagramBatch } from './datagram-batch.js';
export { DescriptorPoll, type PollInterest } from './descriptor-poll.js';
export { E, pathError, systemError } from './errno.js';
export { addressOf } from './koffi.js';
export { EPOLLET, EPOLLIN, EPOLLOUT } from './linux/abi.js';
export { Epoll } from './linux/epoll.js';
export { EventCounter } from './linux/event-counter.js';
export { type Completions, hasSince, IoUring, type IoUringFeatures, type KernelVersion } from './linux/io-uring.js';
export { IORING_CQE_F_BUFFER, IORING_CQE_F_MORE } from './linux/io-uring-abi.js';
export { BufferRing } from './linux/io-uring-buffers.js';
export { ioUringCalls } from './linux/io-uring-calls.js';
export { hasPidfd, pidfdOpen } from './linux/pidfd.js';
export { requireLinux, systemCalls, WOULD_BLOCK } from './platform.js';
export * from './openssl/index.js';
export { dupAbove, growPipe, makePipe, openNull } from './posix/spawn-pipe.js';
export { pipeCalls, type StreamCalls } from './posix/pipes.js';
export { POLLIN, PollList, POLLOUT } from './posix/poll.js';
export { hasEnded, killProcess, reap } from './posix/spawn-children.js';
export { canSpawn, spawnProcess, type SpawnRequest } from './posix/spawn.js';
export { fileCalls } from './posix/sendfile.js';
export { DescriptorSets, type ReadySets } from './posix/select.js';
export { GATHER_MAX, type SystemCalls } from './system-calls.js';
export { SO_EXCLUSIVEADDRUSE } from './win32/abi.js';
export { CommittedMemory } from './win32/committed-memory.js';
export { CompletionPort, PENDING, type PortCompletions } from './win32/completion-port.js';
export { makeInheritedPipe } from './win32/inherited-pipe.js';
export { namedPipes } from './win32/pipe-calls.js';
export { isSocket, SocketSets } from './win32/select.js';
