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
  const name = path instanceof Uint8Array ? Buffer.from(path) : path;
  if (!(name instanceof URL) && (name[0] === 0 || name[0] === '\0')) return;
  try {
    if (statSync(name).isSocket()) unlinkSync(name);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return;
    logger.error(`Unable to check or remove stale UNIX socket ${repr(String(name))}`, error);
  }
}
