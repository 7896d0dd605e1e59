import type { IoBackend } from '@tsyncio/core';
import type { TaskLoop } from '@tsyncio/futures-tasks';

/** Runs `n` iterations of the loop. */
export async function iterations<B extends IoBackend>(loop: TaskLoop<B>, n: number): Promise<void> {
  for (let i = 0; i < n; i++) {
    loop.stop();
    await loop.runForever();
  }
}
