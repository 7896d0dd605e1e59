import { captureSource, debugFromEnvironment, type EntryPoint, formatSource, logger, NodeHost } from '@tsyncio/core';

import { kindOf } from './arguments.js';

/** A descriptor that a socket owns, and where it was opened. Holds no reference to the socket. */
interface Ownership {
  readonly fd: number;
  readonly source: readonly string[];
}

/** What is known while debugging. Null: off. */
interface Book {
  /** The ownership of each descriptor, by number. */
  readonly byNumber: Map<number, Ownership>;
  readonly bySocket: WeakMap<object, Ownership>;
  /** Learns of sockets that were forgotten. */
  readonly forgotten: FinalizationRegistry<Ownership>;
}

const host = new NodeHost();

let book: Book | null = debugFromEnvironment() ? newBook() : null;

/** True while ownership is watched: whoever opens or closes a descriptor asks this first, and does nothing else if not. */
export function descriptorDebug(): boolean {
  return book !== null;
}

/**
 * Turns the debug mode of descriptors on or off, for this thread. At first it is on if the environment variable `TSYNCIO_DEBUG` or
 * `PYTHONASYNCIODEBUG` is set to anything.
 *
 * While it is on, every `Socket` remembers where it was opened, and these faults are reported with that:
 *
 * - a socket whose descriptor somebody else has closed: an error in the log, when the socket is closed, or as soon as a new socket
 *   gets the same number;
 * - a socket that is collected by the garbage collector without having been closed: a `ResourceWarning` of the process.
 *
 * Sockets that are open when it is turned on are not watched. Turning it off forgets all.
 */
export function setDescriptorDebug(enabled: boolean): void {
  if (typeof enabled !== 'boolean') throw new TypeError(`enabled must be a boolean, not ${kindOf(enabled)}`);
  if (enabled !== descriptorDebug()) book = enabled ? newBook() : null;
}

function newBook(): Book {
  const made: Book = {
    byNumber: new Map(),
    bySocket: new WeakMap(),
    forgotten: new FinalizationRegistry((ownership) => {
      if (made === book) leaked(made, ownership);
    }),
  };
  return made;
}

/** `socket` owns `fd` from now on. For debug mode only. @param below - The function through which the user came. */
export function ownershipBegins(socket: object, fd: number, below: EntryPoint): void {
  if (book === null) return;
  const { byNumber, bySocket, forgotten } = book;
  const ownership: Ownership = { fd, source: captureSource(below) };
  const earlier = byNumber.get(fd);
  if (earlier !== undefined) reportStolen(fd, earlier, ownership);
  byNumber.set(fd, ownership);
  bySocket.set(socket, ownership);
  forgotten.register(socket, ownership, socket);
}

/** `socket` does not own its descriptor any more. @returns where it was opened; null if that is not known. */
export function ownershipEnds(socket: object): Ownership | null {
  const ownership = book?.bySocket.get(socket);
  if (book === null || ownership === undefined) return null;
  book.bySocket.delete(socket);
  book.forgotten.unregister(socket);
  forget(book, ownership);
  return ownership;
}

/** Somebody else closed the descriptor of a socket: the kernel did not know it, or has given the number to a new socket. */
export function reportStolen(fd: number, ownership: Ownership | null, next: Ownership | null = null): void {
  const lines =
    next === null
      ? [`descriptor ${fd} was closed already when its socket was: somebody else closed it`]
      : [
          `descriptor ${fd} belongs to a new socket while one that has it is still open: ` +
            'somebody else closed it, or two sockets were made of it',
        ];
  if (ownership !== null) lines.push(opened('It was opened', ownership));
  if (next !== null) lines.push(opened('The new socket was opened', next));
  logger.error(lines.join('\n'));
}

function leaked(where: Book, ownership: Ownership): void {
  forget(where, ownership);
  host.warn(`unclosed socket, descriptor ${ownership.fd}\n${opened('It was opened', ownership)}`, 'ResourceWarning');
}

function forget({ byNumber }: Book, ownership: Ownership): void {
  if (byNumber.get(ownership.fd) === ownership) byNumber.delete(ownership.fd);
}

function opened(what: string, { source }: Ownership): string {
  return formatSource(`${what} at (most recent call last):`, source);
}
