/**
 * The tour: `npm start` runs the examples of asyncio's event loop page, then an echo server with a hundred clients, and ends by itself.
 * `npm start -- echo --port 8888` serves until Ctrl+C.
 */
import { parseArgs } from 'node:util';
import { currentDate } from './current-date.js';
import { echoServer } from './echo-server.js';
import { helloWorld } from './hello-world.js';
import { hundredClients } from './hundred-clients.js';
import { watchDescriptor } from './watch-descriptor.js';

const USAGE = `usage: npm start                               the tour
       npm start -- echo [--host H] [--port P]   a TCP echo server, until Ctrl+C`;

async function tour(): Promise<void> {
  const chapters = [
    ['Hello World with callSoon()', helloWorld],
    ['Display the current date with callLater()', currentDate],
    ['Watch a descriptor for read events with addReader()', watchDescriptor],
    ['A TCP echo server and a hundred clients', hundredClients],
  ] as const;
  for (const [title, chapter] of chapters) {
    console.log(`\n--- ${title}`);
    await chapter();
  }
}

function parse(args: string[]): { command: string; host: string; port: number } {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '8888' },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new RangeError(`--port ${values.port} is no port`);
  const [command = 'tour', ...rest] = positionals;
  if (rest.length > 0 || !['tour', 'echo'].includes(command)) throw new RangeError(`unknown: ${positionals.join(' ')}`);
  return { command, host: values.host, port };
}

try {
  const { command, host, port } = parse(process.argv.slice(2));
  if (command === 'echo') await echoServer(host, port);
  else await tour();
} catch (error) {
  const usage = error instanceof RangeError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
  console.error(usage ? `${(error as Error).message}\n${USAGE}` : error);
  process.exitCode = usage ? 2 : 1;
}
