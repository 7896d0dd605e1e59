import { readdirSync, readFileSync } from 'node:fs';

/** The pids of this process' children, zombies included. */
export function childrenNow(): number[] {
  const found: number[] = [];
  for (const task of readdirSync('/proc/self/task')) {
    found.push(...readFileSync(`/proc/self/task/${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number));
  }
  return found.sort((a, b) => a - b);
}

/** `S`, `Z` (a zombie), `T` (stopped) ...; null if there is no such process. */
export function stateOf(pid: number): string | null {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))![1]!;
  } catch {
    return null;
  }
}

/** Fails a test that leaves a child of this process behind, alive or as a zombie. */
export function childAudit(): void {
  let before: number[];
  beforeEach(() => {
    before = childrenNow();
  });
  afterEach(() => {
    expect(childrenNow().filter((pid) => !before.includes(pid))).toEqual([]);
  });
}
