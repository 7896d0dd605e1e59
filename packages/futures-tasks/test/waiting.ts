import { isCancelled } from '@tsyncio/core';
import { sleep, type Operation, type Task, type TaskLoop } from '@tsyncio/futures-tasks';

/** Lets `count` iterations pass. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await sleep(0);
}

/** Notes what `start` comes to: `name=result`, `name cancelled`, `name ErrorName`. The task itself never fails. */
export function track(loop: TaskLoop, trace: string[], name: string, start: () => PromiseLike<unknown>): Task<void> {
  return loop.createTask(async () => {
    try {
      trace.push(`${name}=${String(await start())}`);
    } catch (error) {
      trace.push(`${name} ${isCancelled(error) ? 'cancelled' : (error as Error).name}`);
    }
  });
}

/** The result of an operation that must be done already. */
export function resultOf<T>(operation: Operation<T>): T {
  expect(operation.outcome()).toBe('result');
  return operation.takeResult();
}
