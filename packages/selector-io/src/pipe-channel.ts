import type { HandleOwner } from '@tsyncio/core';
import { type CallNames, type OwnedDescriptor, PIPE_CALLS, type StreamSink } from '@tsyncio/socket';
import { pipeCalls } from '@tsyncio/socket/native';

import type { SelectorIo } from './selector-io.js';
import { SelectorStreamChannel } from './stream-channel.js';

/** The end of a pipe that is read; anything that `read(2)` reads. */
export class SelectorPipeReader extends SelectorStreamChannel {
  constructor(io: SelectorIo, pipe: OwnedDescriptor, sink: StreamSink, loop: HandleOwner) {
    super(io, pipe, sink, loop, pipeCalls());
  }

  protected override get names(): CallNames {
    return PIPE_CALLS;
  }
}

/**
 * The end that is written. Its reader going away is an error condition on the descriptor, which selectors report as readable whoever asks;
 * nothing is ever read.
 */
export class SelectorPipeWriter extends SelectorPipeReader {
  protected override receive(): unknown {
    this.stopReading();
    return this.sink.onEof();
  }
}
