import type { Scheduler, IoBackend } from '@tsyncio/core';

type AnyLoop = Scheduler<IoBackend>;

/** One wrong use of a call. */
export interface Misuse<L> {
  /** The call; it may give back a promise that is rejected. */
  call(loop: L): unknown;
  /** Name of the error; left out: the call must be harmless. */
  readonly throws?: string;
  /** What the message must match. */
  readonly message?: RegExp;
}

/** The wrong uses of one public call, by situation. */
export interface Misuses<L> {
  /** Arguments of a wrong type or value, by what they are. */
  readonly wrong?: Readonly<Record<string, Misuse<L>>>;
  /** The same call a second time; the first one may fail too. */
  readonly twice?: Misuse<L>;
  readonly afterClose?: Misuse<L>;
  /** From a callback of the loop, while it runs. */
  readonly insideCallback?: Misuse<L>;
}

/**
 * Makes a test for each wrong use: the error is the right one, comes at once, and the loop works on.
 *
 * @param title - Name of the call, with the IDs that the table proves.
 * @param make - Makes a loop; each test closes its own.
 */
export function badCall<L extends AnyLoop>(title: string, make: () => L, misuses: Misuses<L>): void {
  const inLoop = (situation: string, misuse: Misuse<L>, play: (loop: L) => Promise<void>): void => {
    test(`${title}: ${situation}: ${misuse.throws ?? 'harmless'}`, async () => {
      const loop = make();
      try {
        await play(loop);
        if (!loop.isClosed()) await expectToWork(loop);
      } finally {
        loop.close();
      }
    });
  };
  for (const [what, misuse] of Object.entries(misuses.wrong ?? {})) {
    inLoop(what, misuse, (loop) => attempt(loop, misuse));
  }
  const { twice, afterClose, insideCallback } = misuses;
  if (twice !== undefined) {
    inLoop('twice', twice, async (loop) => {
      await settle(() => twice.call(loop));
      await attempt(loop, twice);
    });
  }
  if (afterClose !== undefined) {
    inLoop('after close', afterClose, async (loop) => {
      loop.close();
      await attempt(loop, afterClose);
    });
  }
  if (insideCallback !== undefined) {
    inLoop('inside a callback', insideCallback, async (loop) => {
      let outcome: Promise<void> | undefined;
      loop.callSoon(() => {
        outcome = attempt(loop, insideCallback);
        loop.stop();
      });
      await loop.runForever();
      await outcome;
    });
  }
}

type Outcome = { readonly error: unknown } | { readonly error?: never };

async function settle(call: () => unknown): Promise<Outcome> {
  try {
    await call();
    return {};
  } catch (error) {
    return { error };
  }
}

async function attempt<L>(loop: L, { call, throws, message }: Misuse<L>): Promise<void> {
  const outcome = await settle(() => call(loop));
  const name = 'error' in outcome ? String((outcome.error as Partial<Error> | null)?.name) : undefined;
  expect(name).toBe(throws);
  if (message !== undefined) expect((outcome.error as Error).message).toMatch(message);
}

/** The next callback runs, and the loop stops when told to. */
async function expectToWork(loop: AnyLoop): Promise<void> {
  let called = 0;
  loop.callSoon(() => {
    called++;
    loop.stop();
  });
  await loop.runForever();
  expect(called).toBe(1);
}
