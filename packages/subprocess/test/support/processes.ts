import { readdirSync, readFileSync } from 'node:fs';

/** The pids of this process' children, zombies included. */
export function childrenNow(): number[] {
  const found: number[] = [];
  for (const task of readdirSync('/proc/self/task')) {
    let children = '';
    try {
      children = readFileSync(`/proc/self/task/${task}/children`, 'latin1');
    } catch (error) {
      // A thread that has ended since the listing; its children are another thread's now.
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
    found.push(...children.split(' ').filter(Boolean).map(Number));
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
