import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

import { gather, TaskLoop } from '@tsyncio/futures-tasks';
import type { InetAddress } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import { openConnection, startServer, type StreamReader, type StreamWriter } from '@tsyncio/streams';

import { defaultBackend } from './support/world.js';
import { runScenario, scenarios } from './support/scenarios.js';

leakAudit();

const { inLoop } = defaultBackend;

/** A Python of the wanted version: by pyenv's name, or whatever is there. */
function python(version: string): NodeJS.ProcessEnv | null {
  for (const env of [{ ...process.env, PYENV_VERSION: version }, process.env]) {
    try {
      const found = execFileSync('python3', ['-c', 'import asyncio, sys; print(sys.version)'], { env, stdio: 'pipe' });
      if (found.toString().startsWith(version.slice(0, 4))) return env;
    } catch {
      continue;
    }
  }
  return null;
}

const python38 = python('3.8.18');
const test38 = python38 === null ? test.skip : test;

const SIZES = [1, 1000, 65_536, 65_537, 1_000_000];

/** Answers each message, a length in a line and so many bytes, with the same. */
async function serve(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for await (const line of reader) {
    writer.writelines([line, await reader.readexactly(Number(line.toString()))]);
    await writer.drain();
  }
  writer.close();
}

const PYTHON = `
import asyncio, sys
def pattern(size, seed):
    return bytes((i * 31 + seed) & 255 for i in range(size))
async def ask(port, seed, sizes):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    good = True
    for size in sizes:
        writer.write(b'%d\\n' % size)
        writer.write(pattern(size, seed))
        await writer.drain()
        good = good and int(await reader.readline()) == size and await reader.readexactly(size) == pattern(size, seed)
    writer.write_eof()
    good = good and await reader.read() == b''
    writer.close()
    await writer.wait_closed()
    return good
async def serve(reader, writer):
    async for line in reader:
        writer.writelines([line, await reader.readexactly(int(line))])
        await writer.drain()
    writer.close()
async def client(port, sizes):
    print(await asyncio.gather(*(ask(port, seed, sizes) for seed in range(5))))
async def server():
    server = await asyncio.start_server(serve, '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(server() if sys.argv[1] == 'server' else client(int(sys.argv[1]), [int(size) for size in sys.argv[2:]]))
`;

test38(
  'STREAM-04 clients of CPython’s streams at our server',
  inLoop(async () => {
    const server = await startServer(serve, '127.0.0.1', 0);
    const [, port] = server.sockets[0]!.getsockname() as InetAddress;
    const child = spawn('python3', ['-c', PYTHON, String(port), ...SIZES.map(String)], {
      env: python38!,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const output = await text(child.stdout);
    if (child.exitCode === null) await once(child, 'close');
    expect(JSON.parse(output.toLowerCase())).toEqual(new Array(5).fill(true));
    server.close();
    await server.waitClosed();
  }),
  60_000,
);

test38(
  'STREAM-01 our clients at a server of CPython’s streams',
  inLoop(async () => {
    const child = spawn('python3', ['-c', PYTHON, 'server'], { env: python38!, stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const ask = async (seed: number): Promise<boolean> => {
      const [reader, writer] = await openConnection('127.0.0.1', Number(line.toString()));
      let good = true;
      for (const size of SIZES) {
        const question = Buffer.alloc(size, `pattern ${seed} `);
        writer.write(Buffer.from(`${size}\n`));
        writer.write(question);
        await writer.drain();
        good &&= Number((await reader.readline()).toString()) === size;
        good &&= (await reader.readexactly(size)).equals(question);
      }
      writer.writeEof();
      good &&= (await reader.read()).length === 0;
      writer.close();
      await writer.waitClosed();
      return good;
    };
    expect(await gather(...[1, 2, 3, 4, 5].map((seed) => () => ask(seed)))).toEqual(new Array(5).fill(true));
    child.stdin.end();
    await once(child, 'close');
  }),
  60_000,
);

describe('the order in which things happen is CPython’s', () => {
  test.each(scenarios)('$name', async ({ name, trace }) => {
    using loop = new TaskLoop();
    expect(await runScenario(name, loop)).toEqual(trace);
  });

  test38('as recorded here', () => {
    const file = `${__dirname}/fixtures/order.py`;
    const recorded: unknown = JSON.parse(execFileSync('python3', [file], { env: python38!, encoding: 'utf8' }));
    expect(recorded).toEqual(Object.fromEntries(scenarios.map(({ name, trace }) => [name, trace])));
  });
});
