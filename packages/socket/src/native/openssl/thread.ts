import { isMainThread } from 'node:worker_threads';

import { NodeHost } from '@tsyncio/core';

import { openssl } from './libssl.js';
import { Pipe } from './pipe.js';

/** What the SSLs of a thread share. */
export interface TlsThread {
  readonly pipe: Pipe;
  /** True once the thread is ending: nothing of OpenSSL may be called any more. */
  readonly over: boolean;
}

let shared: { pipe: Pipe; over: boolean } | undefined;
/** The SSLs that exist. A worker that ends frees those that are left; not by `terminate()`, which runs no hook. A process just ends. */
const live = new Set<number>();
/** A session that was dropped without an end, for example because its loop was closed. */
const dropped = new FinalizationRegistry<number>(release);

/** What the SSLs of this thread share; made at the first call. */
export function tlsThread(): TlsThread {
  if (shared !== undefined) return shared;
  const thread = { pipe: new Pipe(), over: false };
  if (!isMainThread) {
    new NodeHost().onExit(() => {
      thread.over = true;
      for (const ssl of [...live]) release(ssl);
      thread.pipe.free();
    });
  }
  return (shared = thread);
}

/** Watches over an `SSL` until {@link release}. */
export function adopt(owner: object, ssl: number): void {
  live.add(ssl);
  dropped.register(owner, ssl, owner);
}

/** Frees an `SSL`, once. */
export function release(ssl: number): void {
  if (live.delete(ssl)) openssl().free(ssl);
}

/** The owner has released its `SSL`: the number may be another's soon. */
export function forget(owner: object): void {
  dropped.unregister(owner);
}

/** For tests: how many SSLs this thread has. */
export function liveCount(): number {
  return live.size;
}
