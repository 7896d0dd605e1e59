import { brand, NotImplementedError } from '@tsyncio/core';
import { BaseTransport, type ReadTransport, type WriteTransport } from '@tsyncio/transports-protocols';

import type { SubprocessProtocolCallbacks } from './subprocess-protocol.js';

/** A signal by name, `'SIGTERM'`, or by number. */
export type Signal = NodeJS.Signals | number;

function refuse(method: string): never {
  throw new NotImplementedError(`${method}() is not implemented by this transport`);
}

/**
 * A child process and the pipes to it: what `subprocessExec` gives. Methods of this class that are its own throw `NotImplementedError` until
 * overridden. asyncio: `asyncio.SubprocessTransport`.
 *
 * `close()` closes the pipes and kills the child (SIGKILL) if it still runs; the callbacks that are due still come. `isClosing()` is about that call
 * alone: it stays false when the child ends by itself. `getExtraInfo('subprocess')` is a {@link ChildProcessInfo}.
 */
export class SubprocessTransport extends BaseTransport {
  static {
    brand(this.prototype, 'SubprocessTransport');
  }

  override setProtocol(_protocol: SubprocessProtocolCallbacks): void {
    refuse('setProtocol');
  }

  override getProtocol(): SubprocessProtocolCallbacks | null {
    return refuse('getProtocol');
  }

  /** The child's process id, also after its end. asyncio: `get_pid`. */
  getPid(): number {
    return refuse('getPid');
  }

  /**
   * How the child ended, once the loop has been told: its exit code, or minus the number of the signal that ended it. Null before that.
   * asyncio: `get_returncode`.
   */
  getReturncode(): number | null {
    return refuse('getReturncode');
  }

  /**
   * The transport of a pipe to the child, also after it was closed: a {@link WriteTransport} for 0, a {@link ReadTransport} for 1 and 2. Null
   * if that descriptor is no pipe of ours. asyncio: `get_pipe_transport`.
   */
  getPipeTransport(fd: 0): WriteTransport | null;
  getPipeTransport(fd: 1 | 2): ReadTransport | null;
  getPipeTransport(fd: number): WriteTransport | ReadTransport | null;
  getPipeTransport(_fd: number): WriteTransport | ReadTransport | null {
    return refuse('getPipeTransport');
  }

  /**
   * Sends a signal to the child; does nothing when it is known to have ended. asyncio: `send_signal`.
   *
   * @throws ProcessLookupError after `connectionLost`. TypeError for what is neither name nor integer, ValueError for an unknown name. OSError
   *   (`EINVAL`) for a number that the system does not know.
   */
  sendSignal(_signal: Signal): void {
    refuse('sendSignal');
  }

  /** Sends SIGTERM: please end. As {@link sendSignal}. asyncio: `terminate`. */
  terminate(): void {
    refuse('terminate');
  }

  /** Sends SIGKILL, which ends the child without asking it. As {@link sendSignal}. asyncio: `kill`. */
  kill(): void {
    refuse('kill');
  }
}
