// The servers of the echo benchmarks on tsyncio's transports, as the packages ship (dist): tsyncio.mjs name arguments...
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { TaskLoop } from '@tsyncio/futures-tasks';
import { createServer, createUnixServer } from '@tsyncio/server';
import { connectReadPipe, createDatagramEndpoint, sendfile } from '@tsyncio/transports-protocols';
import { newBackend } from '../backends.mjs';
import { serveControl } from '../control.mjs';

class Echo {
  connectionMade(transport) {
    this.transport = transport;
  }

  dataReceived(data) {
    this.transport.write(data);
  }
}

class BufferedEcho {
  buffer = Buffer.alloc(256 * 1024);

  connectionMade(transport) {
    this.transport = transport;
  }

  getBuffer() {
    return this.buffer;
  }

  bufferUpdated(n) {
    this.transport.write(this.buffer.subarray(0, n));
  }
}

class DatagramEcho {
  connectionMade(transport) {
    this.transport = transport;
  }

  datagramReceived(data, peer) {
    this.transport.sendto(data, peer);
  }
}

const LISTEN = { backlog: 1024 };

async function serveTcp(loop, factory, options = {}) {
  const server = await createServer(loop, factory, '127.0.0.1', 0, { ...LISTEN, ...options });
  serveControl(server.sockets[0].getsockname()[1]);
  await server.serveForever();
}

const programs = {
  tcp: (loop) => serveTcp(loop, () => new Echo()),
  buffered: (loop) => serveTcp(loop, () => new BufferedEcho()),
  tls: (loop, certificate, key) =>
    serveTcp(loop, () => new Echo(), { ssl: { cert: readFileSync(certificate), key: readFileSync(key) } }),
  async unix(loop, path) {
    const server = await createUnixServer(loop, () => new Echo(), path, LISTEN);
    serveControl(path);
    await server.serveForever();
  },
  async udp(loop) {
    const [transport] = await createDatagramEndpoint(loop, () => new DatagramEcho(), { localAddr: ['127.0.0.1', 0] });
    serveControl(`udp:${transport.getExtraInfo('sockname')[1]}`);
    await loop.createFuture();
  },
  async pipe(loop, path) {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const pipe = { fileno: () => fd, close: () => closeSync(fd) };
    await connectReadPipe(loop, () => ({ dataReceived() {} }), pipe);
    serveControl(path);
    await loop.createFuture();
  },
  /** The whole file for each byte that arrives. */
  async sendfile(loop, path) {
    const file = await open(path);
    await serveTcp(loop, () => ({
      connectionMade(transport) {
        this.transport = transport;
      },
      async dataReceived() {
        await sendfile(loop, this.transport, file);
      },
    }));
  },
};

const [name, ...rest] = process.argv.slice(2);
const backend = name in programs ? await newBackend() : null;
if (backend === null) {
  console.log('null');
} else {
  const loop = new TaskLoop({ backend });
  await loop.runUntilComplete(() => programs[name](loop, ...rest));
}
