import { isExitError, isStep } from '@tsyncio/core';
import type { OwnedDescriptor } from '@tsyncio/socket';
import { growPipe } from '@tsyncio/socket/native';
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

/** In one piece: half of what a pipe holds. */
const MUCH = 32 * 1024;

/** A pipe to a child. Much goes through few, so only those are made larger: there is a limit for each user, above which all pipes become small. */
class ChildPipe {
  private grown = false;

  constructor(private readonly pipe: OwnedDescriptor) {}

  grow(): void {
    if (this.grown) return;
    this.grown = true;
    growPipe(this.pipe.fileno());
  }
}

/** Our protocol on the pipe to the child's stdin. */
export class StdinProtocol extends ChildPipe implements WritePipeProtocol {
  constructor(
    private readonly owner: PipeOwner,
    pipe: OwnedDescriptor,
  ) {
    super(pipe);
  }

  pauseWriting(): unknown {
    this.grow();
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
export class OutputProtocol extends ChildPipe implements ReadPipeProtocol {
  constructor(
    private readonly owner: PipeOwner,
    private readonly fd: number,
    pipe: OwnedDescriptor,
  ) {
    super(pipe);
  }

  dataReceived(data: Buffer): unknown {
    if (data.length >= MUCH) this.grow();
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
