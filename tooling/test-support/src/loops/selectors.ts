import { TaskLoop } from '@tsyncio/futures-tasks';
import { IocpProactor, IoUringProactor, probeIoUring } from '@tsyncio/proactor-io';
import { EpollSelector, PollSelector, type Selector, SelectorIo, SelectSelector } from '@tsyncio/selector-io';

/** Makes a loop over a fresh selector. */
export type MakeLoop = () => TaskLoop<SelectorIo>;

/** The selectors that this machine can run, by name. */
export const selectors: readonly (readonly [name: string, make: () => Selector])[] = [
  ...(process.platform === 'win32'
    ? []
    : ([
        ['EpollSelector', () => new EpollSelector()],
        ['PollSelector', () => new PollSelector()],
      ] satisfies [string, () => Selector][])),
  ['SelectSelector', () => new SelectSelector()],
];

/** The tests that `body` declares, in a block for each selector, and one for io_uring: it has every port, and no selector. */
export function eachSelector(body: (makeLoop: MakeLoop, name: string) => void): void {
  for (const [name, make] of selectors) {
    describe(name, () => body(() => new TaskLoop({ backend: new SelectorIo(make()) }), name));
  }
  if (process.platform === 'win32') {
    // Users get no readers from it, as in asyncio; what the socket operations wait by is tested through them all the same.
    const backend = (): IocpProactor => Object.defineProperty(new IocpProactor(), 'noReaders', { value: undefined });
    const make = () => new TaskLoop({ backend: backend() }) as unknown as TaskLoop<SelectorIo>;
    describe('IocpProactor', () => body(make, 'IocpProactor'));
  }
  if (probeIoUring().available) {
    const make = () => new TaskLoop({ backend: new IoUringProactor() }) as unknown as TaskLoop<SelectorIo>;
    describe('IoUringProactor', () => body(make, 'IoUringProactor'));
  }
}
