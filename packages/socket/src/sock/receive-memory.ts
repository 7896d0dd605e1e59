import { allocateBlock } from '../native/allocate-block.js';
import { addressOf } from '../native/koffi.js';

/** The sizes of the blocks that are kept. */
const SIZES = [64 * 1024, 256 * 1024] as const;

/** A block to receive into, and its address for the system call. */
export interface ReceiveBlock {
  readonly memory: Buffer;
  readonly address: number;
}

/** One block of each size: it is used between two lines of code, so all loops of the thread can share it. */
const kept: (ReceiveBlock | null)[] = SIZES.map(() => null);

/** Memory for at least `nbytes` bytes. */
export function receiveBlock(nbytes: number): ReceiveBlock {
  for (let i = 0; i < SIZES.length; i++) if (nbytes <= SIZES[i]!) return (kept[i] ??= newBlock(SIZES[i]!));
  return newBlock(nbytes);
}

/**
 * What was received into a block, as a Buffer that its receiver owns.
 *
 * A message that fills half of the block becomes the owner of the block (a copy would cost more than a new block); a shorter one is copied,
 * so that nobody holds 64 KiB for five bytes.
 */
export function received(block: ReceiveBlock, length: number): Buffer {
  const { memory } = block;
  if (length < memory.length / 2) return Buffer.from(memory.subarray(0, length));
  const index = kept.indexOf(block);
  if (index >= 0) kept[index] = null;
  return length === memory.length ? memory : memory.subarray(0, length);
}

function newBlock(size: number): ReceiveBlock {
  const memory = allocateBlock(size);
  return { memory, address: addressOf(memory.buffer) };
}
