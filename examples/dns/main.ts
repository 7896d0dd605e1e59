// A DNS server for a few names.
//
//   npm start -- dns --port 5353
//   dig @127.0.0.1 -p 5353 +short tsyncio.test
import { DatagramProtocol, getRunningLoop, run, type Address, type DatagramTransport } from 'tsyncio';
import { announce } from '../support/announce.js';
import { interrupted } from '../support/interrupted.js';
import { options } from '../support/options.js';
import { FORMAT_ERROR, answer, readQuery, type Zone } from './message.js';

const { host, port } = options({ host: '127.0.0.1', port: '5353' });

const zone: Zone = new Map([
  ['tsyncio.test', { A: ['192.0.2.1', '192.0.2.2'], AAAA: ['2001:db8::1'], TXT: ['asyncio for TypeScript'] }],
  ['www.tsyncio.test', { A: ['192.0.2.3'] }],
]);

class DnsServer extends DatagramProtocol {
  private transport!: DatagramTransport;

  override connectionMade(transport: DatagramTransport): void {
    this.transport = transport;
  }

  override datagramReceived(data: Buffer, client: Address): void {
    if (data.length < 12 || (data[2]! & 0x80) !== 0) return; // no message, or itself an answer: two servers would go on for ever
    const query = readQuery(data);
    this.transport.sendto(query === null ? answer(data, null, FORMAT_ERROR) : answer(data, query, zone), client);
  }
}

await run(async () => {
  const loop = getRunningLoop();
  const [transport] = await loop.createDatagramEndpoint(() => new DnsServer(), { localAddr: [host, Number(port)] });
  announce('Answering', [transport.getExtraInfo('socket')!]);
  await interrupted(loop);
  transport.close();
});
