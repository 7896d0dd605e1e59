import { readdirSync, readlinkSync } from 'node:fs';

/** The open descriptors of this process, with what they are: `19 -> socket:[4711]`. */
export function openDescriptors(): string[] {
  const open: string[] = [];
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      if (!target.startsWith('/proc/')) open.push(`${fd} -> ${target}`); // not the directory that is just being read
    } catch {
      // gone meanwhile
    }
  }
  return open.sort();
}

/**
 * Checks after every test that it has left no descriptor open.
 *
 * @param setUp - Runs before each test, inside of the check.
 * @param tearDown - Runs after each test, before the check.
 */
export function expectNoLeak(setUp?: () => void, tearDown?: () => void): void {
  let before: string[] = [];
  beforeEach(() => {
    before = openDescriptors();
    setUp?.();
  });
  afterEach(() => {
    tearDown?.();
    expect(openDescriptors()).toEqual(before);
  });
}
