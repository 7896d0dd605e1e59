import { newEventLoop, type EventLoop } from 'tsyncio';

/** Seconds between two dates (asyncio's page: 1). */
const INTERVAL = 0.2;

/** Displays the date until one second is over (asyncio's page: every second for five seconds). */
export async function currentDate(): Promise<void> {
  const loop = newEventLoop();
  loop.callSoon(displayDate, loop.time() + 1, loop);
  try {
    await loop.runForever();
  } finally {
    loop.close();
  }
}

function displayDate(end: number, loop: EventLoop): void {
  console.log(new Date().toISOString());
  if (loop.time() + INTERVAL < end) loop.callLater(INTERVAL, displayDate, end, loop);
  else loop.stop();
}
