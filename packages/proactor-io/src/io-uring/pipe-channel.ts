import type { HandleOwner } from '@tsyncio/core';
import { type CallNames, type OwnedDescriptor, PIPE_CALLS, type StreamSink } from '@tsyncio/socket';
import { pipeCalls } from '@tsyncio/socket/native';

import type { IoUringProactor } from './io-uring-proactor.js';
import { UringStreamChannel } from './stream-channel.js';

/** The end of a pipe that is read; anything that `read(2)` reads. */
export class UringPipeReader extends UringStreamChannel {
  constructor(io: IoUringProactor, pipe: OwnedDescriptor, sink: StreamSink, loop: HandleOwner) {
    super(io, pipe, sink, loop, pipeCalls(), false);
  }

  protected override get names(): CallNames {
    return PIPE_CALLS;
  }
}

/** The end that is written. Its reader going away is an error condition on the descriptor, which any poll reports; nothing is ever read. */
export class UringPipeWriter extends UringPipeReader {
  protected override receive(): unknown {
    this.stopReading();
    return this.sink.onEof();
  }
}
