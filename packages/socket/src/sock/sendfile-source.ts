import { fstatSync, read } from 'node:fs';
import { promisify } from 'node:util';

import { isOSError } from '@tsyncio/core';

import type { FileDescriptorLike } from '../address.js';
import { checkInteger, fileDescriptor, kindOf } from '../arguments.js';
import { closedFileError, systemError } from '../native/errno.js';
import { fileCalls } from '../native/posix/sendfile.js';

/** A file that can be read at a place, as `FileHandle` of `node:fs/promises` can: what `sockSendfile` needs of one without descriptor. */
export interface ReadableFile {
  /**
   * Fills the start of `buffer`.
   *
   * @param offset - Always 0.
   * @param length - How much at most.
   * @param position - Where in the file; null for the next bytes of what has no positions, such as a pipe.
   * @returns how many bytes there were; 0 at the end of the file.
   */
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
  ): PromiseLike<{ readonly bytesRead: number }>;
}

/** What {@link sockSendfile} takes for a file: a descriptor, an object that has one (a `FileHandle`), or one that can be read. */
export type FileLike = FileDescriptorLike | ReadableFile;

/** What is read from, by the system call or piece by piece. */
export class FileSource {
  /** The descriptor, or -1. */
  private readonly known: number;
  private readonly reader: ReadableFile | null;
  private sequential = false;

  /** @throws TypeError if `file` is none. OSError (`EBADF`) if it is closed. ValueError for a stream of `node:net` and the like. */
  constructor(private readonly file: FileLike) {
    this.reader = isReadable(file) ? file : null;
    this.known = descriptorOf(file, this.reader !== null);
  }

  get hasDescriptor(): boolean {
    return this.known >= 0;
  }

  /** The descriptor. @throws OSError (`EBADF`) if its owner has closed it: the number may be another's by now. */
  descriptor(): number {
    const { file, known } = this;
    if (typeof file !== 'number' && descriptorOf(file, true) !== known) throw closedFileError('sendfile');
    return known;
  }

  /** Its size as the system reports it. @throws Error of Node. */
  size(): number {
    return fstatSync(this.descriptor()).size;
  }

  /** Puts the position there, if there is one. */
  seek(position: number): void {
    if (this.known >= 0) fileCalls().seek(this.descriptor(), position);
  }

  /** Reads off the thread into the start of `buffer`. What has no positions, such as a pipe, is read from where it is. */
  async read(buffer: Uint8Array, length: number, position: number): Promise<number> {
    try {
      return await this.readAt(buffer, length, this.sequential ? null : position);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException | null)?.code;
      if (code !== 'ESPIPE' || position !== 0 || this.sequential) throw fromNode(error);
      this.sequential = true;
      return this.read(buffer, length, position);
    }
  }

  private async readAt(buffer: Uint8Array, length: number, position: number | null): Promise<number> {
    const { reader } = this;
    const { bytesRead } = await (reader === null
      ? readDescriptor(this.descriptor(), buffer, 0, length, position)
      : reader.read(buffer, 0, length, position));
    checkInteger('bytesRead', bytesRead, 0, length);
    return bytesRead;
  }
}

const readDescriptor = promisify(read);

/** A system error of Node's as one of ours; any other as it is. */
function fromNode(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || isOSError(error)) return error;
  const { errno, syscall } = error as NodeJS.ErrnoException;
  return typeof errno === 'number' && syscall === 'read' ? systemError(errno, syscall) : error;
}

/** A stream of Node has a `read` too, which is something else. */
function isReadable(file: unknown): file is ReadableFile {
  if (typeof file !== 'object' || file === null) return false;
  const { read: method, pipe } = file as { read?: unknown; pipe?: unknown };
  return typeof method === 'function' && typeof pipe !== 'function';
}

/** -1: it has none and need not have one. */
function descriptorOf(file: FileLike, optional: boolean): number {
  if (typeof file === 'number') return fileDescriptor(file);
  if (typeof file !== 'object' || file === null) throw noFile(file);
  const owner = file as { fileno?: unknown; fd?: unknown; _handle?: unknown };
  if (owner._handle !== undefined) return fileDescriptor(file as FileDescriptorLike); // says what is wrong with it
  let fd: unknown;
  try {
    fd = typeof owner.fileno === 'function' ? owner.fileno.call(owner) : owner.fd;
  } catch (error) {
    if (!optional) throw error;
  }
  if (fd === -1) throw closedFileError('sendfile');
  if (typeof fd === 'number') return fileDescriptor(fd);
  if (optional) return -1;
  throw noFile(file);
}

function noFile(file: unknown): TypeError {
  return new TypeError(`file must be a descriptor, a FileHandle or an object with read(), not ${kindOf(file)}`);
}
