import { statSync, unlinkSync } from 'node:fs';

import { logger, repr, ValueError } from '@tsyncio/core';

/** The path of a Unix-domain socket; one that begins with NUL is an abstract name (Linux). */
export type UnixPath = string | Uint8Array | URL;

/** @throws TypeError unless it is a path. ValueError if it is empty. Internal. */
export function checkUnixPath(method: string, path: unknown): asserts path is UnixPath {
  if (path instanceof URL) return;
  if (typeof path !== 'string' && !(path instanceof Uint8Array)) {
    throw new TypeError(`${method}: path must be a string, a Uint8Array or a URL, got ${repr(path)}`);
  }
  if (path.length === 0) throw new ValueError(`${method}: path must not be empty`);
}

/**
 * Removes the socket file that an earlier server has left at a path, so that it can be bound again: only a socket, and nothing for an
 * abstract name. What cannot be looked at or removed is logged; binding will tell. Internal.
 */
export function removeStaleSocket(path: UnixPath): void {
  const name = fileName(path);
  if (name === null) return;
  try {
    if (statSync(name).isSocket()) unlinkSync(name);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return;
    logger.error(`Unable to check or remove stale UNIX socket ${repr(String(name))}`, error);
  }
}

/** The file that a socket has just been bound to. Internal. */
export class SocketFile {
  private constructor(
    private readonly name: Buffer | string | URL,
    private readonly device: number,
    private readonly inode: number,
  ) {}

  /** @returns Null for an abstract name. @throws Error of `stat`. */
  static at(path: UnixPath): SocketFile | null {
    const name = fileName(path);
    if (name === null) return null;
    const { dev, ino } = statSync(name);
    return new SocketFile(name, dev, ino);
  }

  /** Removes it, if it is still the same file: another server may have taken the path. What goes wrong is logged. */
  remove(): void {
    try {
      const { dev, ino } = statSync(this.name);
      if (dev === this.device && ino === this.inode) unlinkSync(this.name);
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return;
      logger.error(`Unable to clean up listening UNIX socket ${repr(String(this.name))}`, error);
    }
  }
}

/** What the file system knows the path by; null for an abstract name. */
function fileName(path: UnixPath): Buffer | string | URL | null {
  const name = path instanceof Uint8Array ? Buffer.from(path) : path;
  return !(name instanceof URL) && (name[0] === 0 || name[0] === '\0') ? null : name;
}
