import type { BaseSelector } from './base-selector.js';
import { EpollSelector } from './epoll-selector.js';
import { KqueueSelector } from './kqueue-selector.js';
import { PollSelector } from './poll-selector.js';
import { SelectSelector } from './select-selector.js';

/** The best selector of a platform (`process.platform`), chosen by its name alone: nothing native is loaded. */
export function selectorFor(platform: string): new () => BaseSelector {
  switch (platform) {
    case 'darwin':
    case 'freebsd':
      return KqueueSelector;
    case 'linux':
      return EpollSelector;
    case 'win32':
      return SelectSelector;
    default:
      return PollSelector;
  }
}

/**
 * The best selector of this platform: `KqueueSelector` on macOS and FreeBSD, `EpollSelector` on Linux, `SelectSelector` on Windows,
 * `PollSelector` elsewhere. Python: `selectors.DefaultSelector`.
 */
export const DefaultSelector = selectorFor(process.platform);
/** An instance of {@link DefaultSelector}. */
export type DefaultSelector = BaseSelector;
