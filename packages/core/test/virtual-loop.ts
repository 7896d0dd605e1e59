import { Scheduler, type IoBackend, type SchedulerOptions } from '@tsyncio/core';
import { ScriptedHost } from '@tsyncio/test-support';

/** A loop in virtual time, with the host that it lives in. */
export interface VirtualLoop {
  readonly loop: Scheduler;
  readonly host: ScriptedHost;
  /** Runs until the loop stops. */
  run(): Promise<void>;
}

export function virtualLoop(options: Omit<SchedulerOptions, 'host' | 'clock' | 'backend'> = {}): VirtualLoop {
  const host = new ScriptedHost();
  const loop = new Scheduler({ ...options, host, clock: host.clock });
  return { loop, host, run: () => host.drive(loop.runForever()) };
}

/** Runs what is queued now, in one iteration. */
export async function runOnce(loop: Scheduler<IoBackend>): Promise<void> {
  loop.stop();
  await loop.runForever();
}
