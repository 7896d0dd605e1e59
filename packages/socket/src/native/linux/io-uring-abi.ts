/**
 * Numbers and layouts of io_uring, as in `include/uapi/linux/io_uring.h`: the same on every architecture but for the numbers of
 * `mmap`'s flags, which are those of the generic ABI.
 */

/** System call numbers: one table for all architectures, because io_uring came after they were unified. */
export const SYS_IO_URING_SETUP = 425;
export const SYS_IO_URING_ENTER = 426;
export const SYS_IO_URING_REGISTER = 427;

export const IORING_SETUP_CQSIZE = 1 << 3;
export const IORING_SETUP_CLAMP = 1 << 4;
export const IORING_SETUP_SUBMIT_ALL = 1 << 7;
export const IORING_SETUP_COOP_TASKRUN = 1 << 8;
export const IORING_SETUP_TASKRUN_FLAG = 1 << 9;
export const IORING_SETUP_SINGLE_ISSUER = 1 << 12;
export const IORING_SETUP_DEFER_TASKRUN = 1 << 13;
export const IORING_SETUP_NO_SQARRAY = 1 << 16;

export const IORING_ENTER_GETEVENTS = 1 << 0;

export const IORING_SQ_CQ_OVERFLOW = 1 << 1;
export const IORING_SQ_TASKRUN = 1 << 2;
export const IORING_CQ_EVENTFD_DISABLED = 1 << 0;

export const IORING_REGISTER_EVENTFD = 4;
export const IORING_UNREGISTER_EVENTFD = 5;
export const IORING_REGISTER_PBUF_RING = 22;
export const IORING_REGISTER_SYNC_CANCEL = 24;
export const IOU_PBUF_RING_INC = 2;

export const IORING_OP_POLL_ADD = 6;
export const IORING_OP_ASYNC_CANCEL = 14;
export const IORING_OP_RECV = 27;

export const IOSQE_BUFFER_SELECT = 1 << 5;
export const IORING_RECV_MULTISHOT = 1 << 1;

/** The completion carries a provided buffer; its id is in the upper half of the flags. */
export const IORING_CQE_F_BUFFER = 1 << 0;
/** The request goes on: this was not its last completion. */
export const IORING_CQE_F_MORE = 1 << 1;
/** The provided buffer is not used up: later completions fill the rest. */
export const IORING_CQE_F_BUF_MORE = 1 << 4;
export const IORING_CQE_BUFFER_SHIFT = 16;

/** Where a mapping of the ring's descriptor begins. */
export const IORING_OFF_SQ_RING = 0;
export const IORING_OFF_SQES = 0x10000000;

/**
 * `struct io_uring_params` in 32-bit words: entries and flags, then two tables of offsets into the mapped memory.
 */
export const PARAMS_WORDS = 30;
export const PARAMS_SQ_ENTRIES = 0;
export const PARAMS_CQ_ENTRIES = 1;
export const PARAMS_FLAGS = 2;
export const PARAMS_SQ_OFFSETS = 10; // head, tail, ring_mask, ring_entries, flags, dropped, array
export const PARAMS_CQ_OFFSETS = 20; // head, tail, ring_mask, ring_entries, overflow, cqes, flags

/** `struct io_uring_sqe` in 32-bit words. */
export const SQE_WORDS = 16;
/** `struct io_uring_cqe` in 32-bit words: user data (two), result, flags. */
export const CQE_WORDS = 4;

/** `struct io_uring_buf`: u64 address, u32 length, u16 id; the ring's tail stands where the first one has a reserved u16. */
export const BUF_BYTES = 16;
export const BUF_TAIL = 14;

export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;
export const MAP_ANONYMOUS = 0x20;
export const MAP_POPULATE = 0x8000;

export const EFD_CLOEXEC = 0o2000000;
export const EFD_NONBLOCK = 0o4000;
