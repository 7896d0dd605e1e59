import type { ExceptionContext } from '@tsyncio/core';
import { sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { SelectorIo } from '@tsyncio/selector-io';
import type { Server } from '@tsyncio/server';
import { AF_INET, AF_INET6, Socket, type InetAddress } from '@tsyncio/socket';
import { recordExceptions } from '@tsyncio/test-support';
import type { ProtocolCallbacks, Transport } from '@tsyncio/transports-protocols';

export interface World {
  readonly loop: TaskLoop<SelectorIo>;
  /** Calls of the exception handler. A test takes those it expects (`reports.splice(0)`); others fail it. */
  readonly reports: ExceptionContext[];
}

/** A test that runs as the main task of a loop of its own. */
export function inLoop(
  body: (world: World) => Promise<void>,
  make = (): TaskLoop<SelectorIo> => new TaskLoop({ backend: new SelectorIo() }),
): () => Promise<void> {
  return async () => {
    const loop = make();
    const reports = recordExceptions(loop);
    try {
      await loop.runUntilComplete(() => body({ loop, reports }));
    } finally {
      loop.close();
    }
    expect(reports).toEqual([]);
  };
}

/** Lets `n` iterations pass. */
export async function iterations(n: number): Promise<void> {
  for (let i = 0; i < n; i++) await sleep(0);
}

/** The address of a server's first socket. */
export function addressOf(server: Server): InetAddress {
  return server.sockets[0]!.getsockname() as InetAddress;
}

/** A client to be used by hand: connected before it returns, whether or not anybody has accepted it; non-blocking then. */
export function dial(address: InetAddress): Socket {
  const socket = new Socket(address[0].includes(':') ? AF_INET6 : AF_INET);
  try {
    socket.connect([address[0], address[1]]);
    socket.setblocking(false);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
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
