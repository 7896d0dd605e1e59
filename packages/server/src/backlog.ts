import { repr, ValueError } from '@tsyncio/core';

/** Connections that may wait to be accepted, unless the caller says otherwise: asyncio's number. */
export const DEFAULT_BACKLOG = 100;
const BACKLOG_MAX = 0x7fffffff;

/** @throws TypeError if it is no number; ValueError if it is no integer that `listen` takes. */
export function checkBacklog(method: string, backlog: unknown): void {
  if (typeof backlog !== 'number') throw new TypeError(`${method}: backlog must be a number, got ${repr(backlog)}`);
  if (!Number.isInteger(backlog) || Math.abs(backlog) > BACKLOG_MAX) {
    throw new ValueError(`${method}: backlog must be an integer, got ${backlog}`);
  }
}
