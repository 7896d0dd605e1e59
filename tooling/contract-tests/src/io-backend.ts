import type { IoBackend, ReadyJob } from '@tsyncio/core';

/** A backend, and how to give it something to find. */
export interface BackendUnderTest {
  readonly backend: IoBackend;
  /**
   * Registers something that is ready from now on and for which the backend hands over `job`, and gives back how to unregister it.
   * Left out for a backend that never finds anything.
   */
  makeReady?(job: ReadyJob): () => void;
  /** Lets Node's poll phase pass. */
  turn(): Promise<void>;
}

/**
 * What a scheduler relies on in its {@link IoBackend}, whatever it watches.
 *
 * @param name - For the titles.
 * @param make - A fresh backend for each test, not attached.
 */
export function ioBackendContract(name: string, make: () => BackendUnderTest): void {
  describe(`${name} as an IoBackend`, () => {
    let made: BackendUnderTest;
    let backend: IoBackend;
    let found: ReadyJob[];
    const sink = {
      addReady: (job: ReadyJob): void => {
        found.push(job);
      },
    };
    const job: ReadyJob = { run: () => undefined, cancelled: () => false };

    beforeEach(() => {
      made = make();
      backend = made.backend;
      found = [];
      backend.attach(sink);
    });

    afterEach(() => {
      backend.disarm();
      backend.close();
    });

    /** Turns until `done`, at most so many that a broken backend fails instead of hanging. */
    async function turnsUntil(done: () => boolean): Promise<void> {
      for (let i = 0; i < 1000 && !done(); i++) await made.turn();
    }

    test('serves one loop', () => {
      expect(() => backend.attach(sink)).toThrow(expect.objectContaining({ name: 'RuntimeError' }));
    });

    test('finds nothing, and calls nobody, when nothing is registered', async () => {
      let turns = 0;
      expect(backend.active).toBe(false);
      backend.poll(0);
      backend.arm(() => turns++);
      for (let i = 0; i < 10; i++) await made.turn();
      backend.disarm();
      backend.disarm();
      expect({ found, turns }).toEqual({ found: [], turns: 0 });
    });

    test('can be closed twice', () => {
      backend.close();
      backend.close();
    });

    const probe = make();
    probe.backend.close();
    if (probe.makeReady === undefined) return;

    test('a poll hands over what is ready, again and again, until it is unregistered', () => {
      const unregister = made.makeReady!(job);
      expect(backend.active).toBe(true);
      backend.poll(0);
      expect(found).toEqual([job]);
      backend.poll(0);
      expect(found).toEqual([job, job]);
      unregister();
      backend.poll(0);
      expect(found.length).toBe(2);
      expect(backend.active).toBe(false);
    });

    test('armed, it asks for a turn when something is ready; disarmed, it does not', async () => {
      const unregister = made.makeReady!(job);
      let turns = 0;
      backend.arm(() => {
        turns++;
        backend.disarm();
      });
      await turnsUntil(() => turns > 0);
      expect(turns).toBe(1);
      for (let i = 0; i < 10; i++) await made.turn();
      expect(turns).toBe(1);
      unregister();
    });

    test('wake makes an armed backend ask for a turn', async () => {
      let turns = 0;
      backend.arm(() => {
        turns++;
        backend.disarm();
      });
      backend.wake();
      await turnsUntil(() => turns > 0);
      expect(turns).toBe(1);
    });
  });
}
