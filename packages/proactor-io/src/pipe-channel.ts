import type { HandleOwner } from '@tsyncio/core';
import type { OwnedDescriptor, StreamSink } from '@tsyncio/socket';
import { pipeCalls } from '@tsyncio/socket/native';

import type { IoUringProactor } from './proactor.js';
import { type CallNames, UringStreamChannel } from './stream-channel.js';

const NAMES: CallNames = { read: 'read', write: 'write', writev: 'writev' };

/** The end of a pipe that is read; anything that `read(2)` reads. */
export class UringPipeReader extends UringStreamChannel {
  constructor(io: IoUringProactor, pipe: OwnedDescriptor, sink: StreamSink, loop: HandleOwner) {
    super(io, pipe, sink, loop, pipeCalls(), false);
  }

  protected override get names(): CallNames {
    return NAMES;
  }
}

/** The end that is written. Its reader going away is an error condition on the descriptor, which any poll reports; nothing is ever read. */
export class UringPipeWriter extends UringPipeReader {
  protected override receive(): unknown {
    this.stopReading();
    return this.sink.onEof();
  }
}
