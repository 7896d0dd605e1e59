import type { Clock } from '@tsyncio/core';

/** What a scheduler relies on in its {@link Clock}. */
export function clockContract(name: string, make: () => Clock): void {
  describe(`${name} as a Clock`, () => {
    test('time is a finite number of seconds that never decreases', () => {
      const clock = make();
      let last = clock.time();
      expect(Number.isFinite(last)).toBe(true);
      for (let i = 0; i < 1000; i++) {
        const now = clock.time();
        expect(now).toBeGreaterThanOrEqual(last);
        last = now;
      }
    });

    test('its resolution is positive and finer than a millisecond', () => {
      const { resolution } = make();
      expect(resolution).toBeGreaterThan(0);
      expect(resolution).toBeLessThan(0.001);
    });
  });
}
