import { gather } from '@tsyncio/futures-tasks';
import type { Socket } from '@tsyncio/socket';
import {
  connectAcceptedSocket,
  createConnection,
  type ClientTlsOptions,
  type ServerTlsOptions,
} from '@tsyncio/transports-protocols';

import { ca, identity } from './certificates.js';
import { pairFor } from './backends.js';
import { Recorder } from './recorder.js';
import type { World } from './world.js';

/** What a server for localhost needs. */
export const serverSsl = identity('server');
/** What a client that trusts our authority needs. */
export const clientOptions = { ssl: { ca }, serverHostname: 'localhost' };

/** Two protocols that are connected over TLS. */
export interface TlsPair {
  readonly client: Recorder;
  readonly server: Recorder;
}

/** Connects two protocols over TLS; both have had `connectionMade`. */
export async function tlsPair(
  { loop }: World,
  {
    client = new Recorder(loop),
    server = new Recorder(loop),
    clientOptions: more = {},
    serverOptions = {},
    sockets = pairFor(loop),
  }: {
    client?: Recorder;
    server?: Recorder;
    clientOptions?: ClientTlsOptions;
    serverOptions?: ServerTlsOptions;
    sockets?: [Socket, Socket];
  } = {},
): Promise<TlsPair> {
  const [ours, theirs] = sockets;
  await gather(
    createConnection(loop, () => client, { sock: ours, ...clientOptions, ...more }),
    connectAcceptedSocket(loop, () => server, theirs, { ssl: serverSsl, ...serverOptions }),
  );
  return { client, server };
}

/** Ends both for sure. */
export async function abortBoth({ client, server }: TlsPair): Promise<void> {
  client.transport.abort();
  server.transport.abort();
  await client.lost;
  await server.lost;
}
