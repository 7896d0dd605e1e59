import type { OwnedDescriptor } from '@tsyncio/socket';
import type { PipeOpener } from '@tsyncio/transports-protocols';

/** Our ends of the pipes to one child, for its transport. */
export interface OurEnds {
  /** Who opens them; undefined: the loop's backend. */
  readonly io?: PipeOpener | undefined;
  /** Our end of the pipe at a descriptor of the child's; null: there is none. */
  end(fd: number): OwnedDescriptor | null;
  /** From now on somebody else closes it. */
  take(fd: number): unknown;
}
