import { EpollSelector } from './epoll-selector.js';

/** The best selector of this platform: epoll on Linux, so far the only one. Python: `selectors.DefaultSelector`. */
export const DefaultSelector = EpollSelector;
/** An instance of {@link DefaultSelector}. */
export type DefaultSelector = EpollSelector;
