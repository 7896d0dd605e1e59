/** A loop that sleeps, with receives and questions pending: its thread waits in the port. `begin` runs once it does. */
export const sleeping = (begin: string): string => `
  const { TaskLoop } = require('@tsyncio/futures-tasks');
  const { IocpProactor } = require('@tsyncio/proactor-io');
  const { socketpair, sockRecv } = require('@tsyncio/socket');
  const loop = new TaskLoop({ backend: new IocpProactor() });
  const [a, b] = socketpair(undefined, undefined, 0, { nonblocking: true });
  const [c, d] = socketpair(undefined, undefined, 0, { nonblocking: true });
  const sink = { buffered: false, onData() {}, onEof() {}, onError() {}, onWritable() {}, isClosing: () => false };
  const channel = loop.backend.openStream(a, sink, loop);
  channel.startReading();
  const waiting = sockRecv(loop, c, 10);
  globalThis.keep = { loop, b, d, channel, waiting };
  const running = loop.runForever();
  setTimeout(() => { ${begin} }, 100);`;
