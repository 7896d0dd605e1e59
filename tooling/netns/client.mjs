// client.mjs address port bytes options: sends so many bytes, compares what comes back, and tells how it ended. With no bytes it only stays connected.
// Says "half" when half has come back (or, with no bytes, when it is connected).
import { getRunningLoop, Protocol, run } from 'tsyncio';
import { setOptions } from './options.mjs';

const [address, port, bytes, options] = process.argv.slice(2);
const total = Number(bytes);
const PERIOD = 251; // no power of two, so that a lost or doubled piece is seen
const pattern = Buffer.from(Array.from({ length: 65_536 + PERIOD }, (_, i) => i % PERIOD));

class Client extends Protocol {
  sent = 0;
  received = 0;
  intact = true;
  paused = false;
  constructor(ended) {
    super();
    this.ended = ended;
  }
  connectionMade(transport) {
    this.transport = transport;
    setOptions(transport, options);
    if (total === 0) console.log('half');
    this.send();
  }
  send() {
    while (!this.paused && this.sent < total) {
      const length = Math.min(65_536, total - this.sent);
      const from = this.sent % PERIOD;
      this.sent += length;
      this.transport.write(pattern.subarray(from, from + length));
    }
  }
  pauseWriting() {
    this.paused = true;
  }
  resumeWriting() {
    this.paused = false;
    this.send();
  }
  dataReceived(data) {
    for (let i = 0; i < data.length; i += 65_536) {
      const piece = data.subarray(i, i + 65_536);
      const from = (this.received + i) % PERIOD;
      if (!piece.equals(pattern.subarray(from, from + piece.length))) this.intact = false;
    }
    const before = this.received;
    this.received += data.length;
    if (before < total / 2 && this.received >= total / 2) console.log('half');
    if (this.received >= total) this.transport.close();
  }
  connectionLost(error) {
    const { received, intact } = this;
    this.ended.setResult({ received, intact, end: error === null ? 'ended' : error.code });
  }
}

await run(async () => {
  const loop = getRunningLoop();
  const ended = loop.createFuture();
  await loop.createConnection(() => new Client(ended), address, Number(port));
  console.log(JSON.stringify(await ended));
});
