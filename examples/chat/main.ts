// A chat over TCP, a line for each message.
//
//   npm start -- chat --port 8888
//   nc 127.0.0.1 8888              # twice
import { getRunningLoop, run } from 'tsyncio';
import { announce } from '../support/announce.js';
import { interrupted } from '../support/interrupted.js';
import { options } from '../support/options.js';
import { Member, Room } from './chat.js';

const { host, port } = options({ host: '127.0.0.1', port: '8888' });

await run(async () => {
  const loop = getRunningLoop();
  const room = new Room();
  const server = await loop.createServer(() => new Member(room), host, Number(port));
  announce('Chatting', server.sockets);
  await interrupted(loop);
  room.say('the server is going down');
  server.close();
  server.closeClients(); // what was written is sent first
  await server.waitClosed();
});
