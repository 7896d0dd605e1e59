/**
 * The tour: `npm start` runs the examples of asyncio's event loop page, then an echo server with a hundred clients, and ends by itself.
 * `npm start -- echo --port 8888` and `npm start -- http --port 8080` serve until Ctrl+C.
 */
import { parseArgs } from 'node:util';
import { httpServer } from '../http/http-server.js';
import { currentDate } from './current-date.js';
import { echoServer } from './echo-server.js';
import { helloWorld } from './hello-world.js';
import { hundredClients } from './hundred-clients.js';
import { runInExecutor } from './run-in-executor.js';
import { watchDescriptor } from './watch-descriptor.js';

const USAGE = `usage: npm start                               the tour
       npm start -- echo [--host H] [--port P]   a TCP echo server, until Ctrl+C
       npm start -- http [--host H] [--port P] [--unix PATH] [--request-timeout S] [--idle-timeout S]
                                                 a HTTP/1.1 server, until Ctrl+C`;

async function tour(): Promise<void> {
  const chapters = [
    ['Hello World with callSoon()', helloWorld],
    ['Display the current date with callLater()', currentDate],
    ['Watch a descriptor for read events with addReader()', watchDescriptor],
    ['Run blocking and computing functions with runInExecutor()', runInExecutor],
    ['A TCP echo server and a hundred clients', hundredClients],
  ] as const;
  for (const [title, chapter] of chapters) {
    console.log(`\n--- ${title}`);
    await chapter();
  }
}

interface Arguments {
  command: string;
  host: string;
  port: number;
  unix: string | undefined;
  requestTimeout: number;
  idleTimeout: number;
}

function parse(args: string[]): Arguments {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string' },
      unix: { type: 'string' },
      'request-timeout': { type: 'string', default: '30' },
      'idle-timeout': { type: 'string', default: '60' },
    },
  });
  const [command = 'tour', ...rest] = positionals;
  if (rest.length > 0 || !['tour', 'echo', 'http'].includes(command))
    throw new RangeError(`unknown: ${positionals.join(' ')}`);
  const port = Number(values.port ?? (command === 'http' ? 8080 : 8888));
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new RangeError(`--port ${values.port} is no port`);
  const requestTimeout = seconds('request-timeout', values['request-timeout']);
  const idleTimeout = seconds('idle-timeout', values['idle-timeout']);
  return { command, host: values.host, port, unix: values.unix, requestTimeout, idleTimeout };
}

function seconds(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new RangeError(`--${name} ${text} is no time`);
  return value;
}

try {
  const { command, ...options } = parse(process.argv.slice(2));
  if (command === 'echo') await echoServer(options.host, options.port);
  else if (command === 'http') await httpServer(options);
  else await tour();
} catch (error) {
  const usage = error instanceof RangeError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
  console.error(usage ? `${(error as Error).message}\n${USAGE}` : error);
  process.exitCode = usage ? 2 : 1;
}
