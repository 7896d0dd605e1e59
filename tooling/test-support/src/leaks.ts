import { readdirSync, readlinkSync } from 'node:fs';
import { quiet } from './quiet.js';

/** Turns of Node that closing handles, ports and workers may take until they are gone. */
const GRACE_TURNS = 50;
/** Milliseconds that a read or write of a file may take on a busy machine. It ends by itself. */
const FILE_GRACE = 5000;

/** What the process holds at a moment. */
export interface Holdings {
  /** Open descriptors, each with what it is; empty where there is no /proc. */
  readonly descriptors: ReadonlyMap<number, string>;
  /** What keeps the process alive, by kind: `Timeout`, `Immediate`, `MessagePort` ... */
  readonly resources: ReadonlyMap<string, number>;
  /** Listeners on `process`, by event. */
  readonly listeners: ReadonlyMap<string, number>;
}

export function holdings(): Holdings {
  const resources = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) resources.set(kind, (resources.get(kind) ?? 0) + 1);
  const listeners = new Map<string, number>();
  for (const event of process.eventNames()) listeners.set(String(event), process.listenerCount(event));
  return { descriptors: openDescriptors(), resources, listeners };
}

function openDescriptors(): Map<number, string> {
  const found = new Map<number, string>();
  if (process.platform !== 'linux') return found;
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      found.set(Number(name), readlinkSync(`/proc/self/fd/${name}`));
    } catch {
      // That of the listing itself.
    }
  }
  return found;
}

/** What is held now and was not held `before`, a line each. */
export function leaksNow(before: Holdings): string[] {
  const now = holdings();
  const leaks: string[] = [];
  for (const [fd, target] of now.descriptors) {
    if (before.descriptors.get(fd) !== target) leaks.push(`descriptor ${fd} is open: ${target}`);
  }
  for (const [kind, count] of now.resources) {
    const surplus = count - (before.resources.get(kind) ?? 0);
    if (surplus > 0) leaks.push(`${surplus} more ${kind} keeping the process alive`);
  }
  for (const [event, count] of now.listeners) {
    const surplus = count - (before.listeners.get(event) ?? 0);
    if (surplus > 0) leaks.push(`${surplus} more listener of process for '${event}'`);
  }
  return leaks;
}

/** As {@link leaksNow}, once what is being closed has had its turns, and what a thread still does for `node:fs` its time. */
export async function leaksSince(before: Holdings): Promise<string[]> {
  const end = performance.now() + FILE_GRACE;
  let leaks: string[];
  let turn = 0;
  do {
    await quiet();
    leaks = leaksNow(before);
    turn++;
  } while (leaks.length > 0 && (turn < GRACE_TURNS || (leaks.every(isFileWork) && performance.now() < end)));
  return leaks;
}

function isFileWork(leak: string): boolean {
  return leak.includes('FSReq');
}
