import { newEventLoop, socketpair } from 'tsyncio';

/** Waits until a descriptor has data, reads it and stops the loop. */
export async function watchDescriptor(): Promise<void> {
  const loop = newEventLoop();
  const [reading, writing] = socketpair();
  const onReadable = (): void => {
    console.log('Received:', reading.recv(100).toString());
    loop.removeReader(reading);
    loop.stop();
  };
  try {
    loop.addReader(reading, onReadable);
    // As if it came from the network.
    loop.callSoon(() => writing.send(Buffer.from('abc')));
    await loop.runForever();
  } finally {
    reading.close();
    writing.close();
    loop.close();
  }
}
