import {
  GaiError,
  IncompleteReadError,
  TimeoutError,
  isOSError,
  openConnection,
  taskGroup,
  waitFor,
  type StreamReader,
  type StreamWriter,
} from 'tsyncio';

const VERSION = 5;
const CONNECT = 1;
const NO_AUTHENTICATION = 0;
const NOTHING_OFFERED_IS_ACCEPTABLE = 0xff;

/** What went wrong, in the client's terms. */
const FAILED = 1;
const NETWORK_UNREACHABLE = 3;
const HOST_UNREACHABLE = 4;
const REFUSED = 5;
const NO_SUCH_COMMAND = 7;
const NO_SUCH_ADDRESS_TYPE = 8;

class SocksError extends Error {
  constructor(readonly reply: number) {
    super(`SOCKS: reply ${reply}`);
  }
}

/** Serves one client, from its greeting to the end of both directions. */
export async function proxy(reader: StreamReader, writer: StreamWriter): Promise<void> {
  await using client = writer; // closed however this ends
  try {
    const [host, port] = await waitFor(() => handshake(reader, client), 10);
    const [serverReader, serverWriter] = await connect(host, port);
    await using server = serverWriter;
    client.write(answer(0));
    // When one direction fails, the other one is cancelled.
    await taskGroup(async (group) => {
      void group.createTask(() => copy(reader, server));
      void group.createTask(() => copy(serverReader, client));
    });
  } catch (error) {
    if (error instanceof SocksError) client.write(answer(error.reply));
    else if (!isExpected(error)) throw error;
  }
}

/** Agrees upon the way, and reads where the client wants to go. */
async function handshake(reader: StreamReader, writer: StreamWriter): Promise<[host: string, port: number]> {
  const [version, count] = await reader.readexactly(2);
  if (version !== VERSION) throw new SocksError(FAILED);
  const methods = await reader.readexactly(count!);
  const accepted = methods.includes(NO_AUTHENTICATION);
  writer.write(Buffer.from([VERSION, accepted ? NO_AUTHENTICATION : NOTHING_OFFERED_IS_ACCEPTABLE]));
  if (!accepted) throw new IncompleteReadError(Buffer.alloc(0), 4); // the client has to go
  const [, command, , type] = await reader.readexactly(4);
  const host = await readHost(reader, type!);
  const port = (await reader.readexactly(2)).readUInt16BE();
  if (command !== CONNECT) throw new SocksError(NO_SUCH_COMMAND);
  return [host, port];
}

async function readHost(reader: StreamReader, type: number): Promise<string> {
  if (type === 1) return [...(await reader.readexactly(4))].join('.');
  if (type === 3) return (await reader.readexactly((await reader.readexactly(1))[0]!)).toString('latin1');
  if (type === 4) return (await reader.readexactly(16)).toString('hex').replace(/(.{4})(?!$)/g, '$1:');
  throw new SocksError(NO_SUCH_ADDRESS_TYPE);
}

async function connect(host: string, port: number): Promise<[StreamReader, StreamWriter]> {
  try {
    return await waitFor(openConnection(host, port, { happyEyeballsDelay: 0.25 }), 30);
  } catch (error) {
    if (error instanceof GaiError || error instanceof TimeoutError) throw new SocksError(HOST_UNREACHABLE);
    if (!isOSError(error)) throw error;
    const replies: Record<string, number> = {
      ECONNREFUSED: REFUSED,
      ENETUNREACH: NETWORK_UNREACHABLE,
      EHOSTUNREACH: HOST_UNREACHABLE,
    };
    throw new SocksError(replies[error.code ?? ''] ?? FAILED);
  }
}

/** Copies until the end, no faster than the receiver takes it. */
async function copy(from: StreamReader, to: StreamWriter): Promise<void> {
  for (let data = await from.read(65_536); data.length > 0; data = await from.read(65_536)) {
    to.write(data);
    await to.drain();
  }
  to.writeEof();
}

function answer(reply: number): Buffer {
  return Buffer.from([VERSION, reply, 0, 1, 0, 0, 0, 0, 0, 0]); // the address that we speak from: not told
}

/** Clients and servers that go away are no errors of ours. */
function isExpected(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isExpected);
  return isOSError(error) || error instanceof IncompleteReadError || error instanceof TimeoutError;
}
