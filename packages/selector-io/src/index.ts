/**
 * Readiness: selectors over real descriptors, and the loop backend made of one.
 *
 * @packageDocumentation
 */
export { BaseSelector } from './base-selector.js';
export { DefaultSelector } from './default-selector.js';
export { EpollSelector } from './epoll-selector.js';
export { KqueueSelector } from './kqueue-selector.js';
export { PollSelector } from './poll-selector.js';
export { SelectSelector } from './select-selector.js';
export {
  EVENT_READ,
  EVENT_WRITE,
  SelectorKey,
  type Selector,
  type SelectorEvent,
  type SelectorMap,
} from './selector.js';
export { SelectorIo } from './selector-io.js';
export {
  addReader,
  addWriter,
  removeReader,
  removeWriter,
  sockAccept,
  sockConnect,
  sockRecv,
  sockRecvfrom,
  sockRecvfromInto,
  sockRecvInto,
  sockSendall,
  sockSendfile,
  sockSendto,
} from '@tsyncio/socket';
