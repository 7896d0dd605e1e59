import { E } from '@tsyncio/socket/native';

import { NamedPipeChannel } from './named-pipe-channel.js';

/** The end of a pipe that is only written. What can be read is read all the same, because that is how one learns that the other end is closed. */
export class WrittenPipeChannel extends NamedPipeChannel {
  /** It has no receiver. */
  protected override arrival(): void {}

  protected override readFailed(result: number): void {
    // A pipe of one direction: the next write will tell.
    if (result === -E.EACCES) this.stopReading();
    else super.readFailed(result);
  }
}
