import type { Server } from '@tsyncio/server';
import type { InetAddress, Socket } from '@tsyncio/socket';
import type { ProtocolCallbacks, Transport } from '@tsyncio/transports-protocols';

export { type Backend, eachBackend, memoryBackend } from '@tsyncio/test-support/loops/backends';
export { dial, inLoop, iterations, type World } from '@tsyncio/test-support/loops/world';

/** The address of a server's first socket. */
export function addressOf(server: Server): InetAddress {
  return server.sockets[0]!.getsockname() as InetAddress;
}

/** What a client has received: text, '' for nothing yet, null for the end of the stream, or the code of the error. */
export function received(client: Socket): string | null {
  try {
    const data = client.recv(1 << 16);
    return data.length === 0 ? null : data.toString();
  } catch (error) {
    const { code } = error as { code: string };
    return code === 'EAGAIN' ? '' : code;
  }
}

/** A protocol that echoes, and writes down its calls. */
export class Echo implements ProtocolCallbacks {
  transport!: Transport;
  constructor(readonly events: string[] = []) {}

  connectionMade(transport: Transport): void {
    this.transport = transport;
    this.events.push('made');
  }

  dataReceived(data: Buffer): void {
    this.events.push(`data ${data.length}`);
    this.transport.write(data);
  }

  connectionLost(error: Error | null): void {
    this.events.push(error === null ? 'lost null' : `lost ${error.name}`);
  }
}
