import { isExitError, isStep } from '@tsyncio/core';
import type { ReadPipeProtocol, WritePipeProtocol } from '@tsyncio/transports-protocols';

/** What a {@link ChildTransport} learns of its pipes. */
export interface PipeOwner {
  pipeDataReceived(fd: number, data: Buffer): unknown;
  pipeLost(fd: number, error: Error | null): void;
  pauseWriting(): unknown;
  resumeWriting(): unknown;
  /** A callback of the user's protocol has thrown. */
  callbackFailed(callback: string, error: unknown): void;
}

/** Our protocol on the pipe to the child's stdin. */
export class StdinProtocol implements WritePipeProtocol {
  constructor(private readonly owner: PipeOwner) {}

  pauseWriting(): unknown {
    return guarded(this.owner, 'pauseWriting', () => this.owner.pauseWriting());
  }
  resumeWriting(): unknown {
    return guarded(this.owner, 'resumeWriting', () => this.owner.resumeWriting());
  }
  connectionLost(error: Error | null): void {
    this.owner.pipeLost(0, error);
  }
}

/** Our protocol on the pipe from the child's stdout or stderr. */
export class OutputProtocol implements ReadPipeProtocol {
  constructor(
    private readonly owner: PipeOwner,
    private readonly fd: number,
  ) {}

  dataReceived(data: Buffer): unknown {
    return guarded(this.owner, 'pipeDataReceived', () => this.owner.pipeDataReceived(this.fd, data));
  }
  connectionLost(error: Error | null): void {
    this.owner.pipeLost(this.fd, error);
  }
}

/** The pipe's transport would report a failure as that of a protocol that the user has never seen. */
function guarded(owner: PipeOwner, callback: string, call: () => unknown): unknown {
  const failed = (error: unknown): void => {
    if (isExitError(error)) throw error;
    owner.callbackFailed(callback, error);
  };
  try {
    const result = call();
    return isStep(result) ? result.then(undefined, failed) : undefined;
  } catch (error) {
    return failed(error);
  }
}
