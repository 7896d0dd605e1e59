import { newEventLoop, type EventLoop } from 'tsyncio';

/** Schedules a callback that prints a text and stops the loop. */
export async function helloWorld(): Promise<void> {
  const loop = newEventLoop();
  loop.callSoon(sayHello, loop);
  try {
    await loop.runForever();
  } finally {
    loop.close();
  }
}

function sayHello(loop: EventLoop): void {
  console.log('Hello World');
  loop.stop();
}
