import { brand } from '@tsyncio/core';
import { BaseProtocol, type BaseProtocolCallbacks } from '@tsyncio/transports-protocols';

import type { SubprocessTransport } from './subprocess-transport.js';

/**
 * The callbacks of a protocol that has a child process at its other end. Every member is optional. Any of them may be an async function.
 *
 * `connectionMade` comes first, `connectionLost` last: when the child has ended and every pipe is lost. The others come in no particular order.
 * `pauseWriting` and `resumeWriting` are about stdin.
 */
export interface SubprocessProtocolCallbacks extends BaseProtocolCallbacks<SubprocessTransport> {
  /**
   * The child has written something. asyncio: `pipe_data_received`.
   *
   * @param fd - The child's descriptor: 1 or 2.
   * @param data - Never empty; belongs to the receiver.
   */
  pipeDataReceived?(fd: number, data: Buffer): unknown;
  /**
   * A pipe is closed. Called once for each of them. asyncio: `pipe_connection_lost`.
   *
   * @param fd - The child's descriptor: 0, 1 or 2.
   * @param error - Null after the end of the stream and after a `close`; else what has broken it.
   */
  pipeConnectionLost?(fd: number, error: Error | null): unknown;
  /** The child has ended: `getReturncode()` tells how. Called once. Its pipes may still have something to read. asyncio: `process_exited`. */
  processExited?(): unknown;
}

/** Base for protocols of child processes: override what is needed. asyncio: `asyncio.SubprocessProtocol`. */
export class SubprocessProtocol extends BaseProtocol implements SubprocessProtocolCallbacks {
  static {
    brand(this.prototype, 'SubprocessProtocol');
  }
  override connectionMade(_transport: SubprocessTransport): unknown {
    return undefined;
  }
  /** See {@link SubprocessProtocolCallbacks.pipeDataReceived}. */
  pipeDataReceived(_fd: number, _data: Buffer): unknown {
    return undefined;
  }
  /** See {@link SubprocessProtocolCallbacks.pipeConnectionLost}. */
  pipeConnectionLost(_fd: number, _error: Error | null): unknown {
    return undefined;
  }
  /** See {@link SubprocessProtocolCallbacks.processExited}. */
  processExited(): unknown {
    return undefined;
  }
}
