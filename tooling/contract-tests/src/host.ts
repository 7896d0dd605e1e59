import type { Host } from '@tsyncio/core';

/** A host, and how to let its turns and alarms happen until `work` is settled. */
export interface HostUnderTest {
  readonly host: Host;
  drive<T>(work: Promise<T>): Promise<T>;
}

/**
 * What a scheduler relies on in its {@link Host}.
 *
 * @param name - For the titles.
 * @param make - A fresh host for each test.
 */
export function hostContract(name: string, make: () => HostUnderTest): void {
  describe(`${name} as a Host`, () => {
    let host: Host;
    let drive: HostUnderTest['drive'];

    beforeEach(() => {
      const made = make();
      host = made.host;
      drive = (work) => made.drive(work);
    });

    afterEach(() => {
      host.disarm();
      host.release();
    });

    const turn = (): Promise<void> => drive(new Promise((resolve) => host.scheduleTurn(resolve)));

    test('turns happen later, once, in the order in which they were asked for', async () => {
      const seen: string[] = [];
      host.scheduleTurn(() => seen.push('a'));
      host.scheduleTurn(() => seen.push('b'));
      await Promise.resolve();
      expect(seen).toEqual([]);
      await turn();
      await turn();
      expect(seen).toEqual(['a', 'b']);
    });

    test('a step ends after all the microtasks that it brings about, and before the next turn', async () => {
      const seen: string[] = [];
      const step = async (): Promise<void> => {
        for (let i = 0; i < 20; i++) await Promise.resolve();
        seen.push('step');
      };
      await drive(
        new Promise<void>((resolve) => {
          host.scheduleTurn(() => {
            host.scheduleTurn(() => {
              seen.push('turn');
              resolve();
            });
            void step();
            host.afterStep(() => {
              seen.push('end');
              void step();
              host.afterStep(() => seen.push('second end'));
            });
          });
        }),
      );
      expect(seen).toEqual(['step', 'end', 'step', 'second end', 'turn']);
    });

    test('an alarm rings once; a new one replaces it; a disarmed one stays silent', async () => {
      const seen: string[] = [];
      await drive(
        new Promise<void>((resolve) => {
          host.arm(0.001, () => seen.push('replaced'));
          host.arm(0.002, () => {
            seen.push('first');
            host.arm(0.001, () => seen.push('disarmed'));
            host.disarm();
            host.disarm();
            host.arm(0.004, () => {
              seen.push('second');
              resolve();
            });
          });
        }),
      );
      await turn();
      expect(seen).toEqual(['first', 'second']);
    });

    test.each([0, 1e-10, -0])('an alarm in %p seconds rings', async (delay) => {
      await drive(new Promise<void>((resolve) => host.arm(delay, resolve)));
    });

    test.each([2 ** 31 / 1000, 1e9, 1e300])('an alarm in %p seconds does not ring at once', async (delay) => {
      let rung = false;
      host.arm(delay, () => (rung = true));
      for (let i = 0; i < 20; i++) await turn();
      expect(rung).toBe(false);
    });

    test('hold and release are not counted', () => {
      host.hold();
      host.hold();
      host.release();
      host.release();
      host.hold();
    });

    test('its clock never goes back', () => {
      let last = host.now();
      for (let i = 0; i < 1000; i++) {
        const now = host.now();
        expect(now).toBeGreaterThanOrEqual(last);
        last = now;
      }
    });

    test('a signal listener can be taken back, twice, and does nothing afterwards', async () => {
      const takeBack = [host.onSignal?.('SIGUSR2', fail), host.onUnhandledSignal?.('SIGUSR2', fail)];
      for (const each of [...takeBack, ...takeBack]) each?.();
      await turn();
    });

    test('an exit callback can be taken back, twice', () => {
      const takeBack = host.onExit(() => {
        throw new Error('taken back');
      });
      takeBack();
      takeBack();
    });
  });
}

function fail(): never {
  throw new Error('called for nothing');
}
