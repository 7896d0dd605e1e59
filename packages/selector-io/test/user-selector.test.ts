import { selectorContract } from '@tsyncio/contract-tests';
import {
  EVENT_READ,
  EVENT_WRITE,
  SelectSelector,
  type Selector,
  type SelectorEvent,
  type SelectorKey,
  type SelectorMap,
} from '@tsyncio/selector-io';
import { type FileDescriptorLike, socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

leakAudit();

/** What a user may write: the results with the most urgent data first. */
class UrgentFirst implements Selector {
  private readonly inner = new SelectSelector();
  register(file: FileDescriptorLike, events: number, data?: unknown): SelectorKey {
    return this.inner.register(file, events, data);
  }
  unregister(file: FileDescriptorLike): SelectorKey {
    return this.inner.unregister(file);
  }
  modify(file: FileDescriptorLike, events: number, data?: unknown): SelectorKey {
    return this.inner.modify(file, events, data);
  }
  select(timeout?: number | null): readonly SelectorEvent[] {
    return this.inner.select(timeout).sort(([a], [b]) => Number(b.data) - Number(a.data));
  }
  getKey(file: FileDescriptorLike): SelectorKey {
    return this.inner.getKey(file);
  }
  getMap(): SelectorMap | null {
    return this.inner.getMap();
  }
  close(): void {
    this.inner.close();
  }
}

selectorContract("A user's selector", () => ({ selector: new UrgentFirst(), pair: () => socketpair() }));

test("a user's selector has its own order", () => {
  const selector = new UrgentFirst();
  const [a, b] = socketpair();
  selector.register(a, EVENT_READ | EVENT_WRITE, 1);
  selector.register(b, EVENT_WRITE, 2);
  expect(selector.select(0).map(([key]) => key.data)).toEqual([2, 1]);
  selector.close();
  a.close();
  b.close();
});
