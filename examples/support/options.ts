import { parseArgs } from 'node:util';

/**
 * Options of a command line, `--port 8080`, each a text with a default.
 *
 * @example
 * const { host, port } = options({ host: '127.0.0.1', port: '8080' });
 */
export function options<D extends Record<string, string>>(defaults: D): { [K in keyof D]: string } {
  const known = Object.entries(defaults).map(([name, text]) => [name, { type: 'string', default: text }] as const);
  const { values } = parseArgs({ options: Object.fromEntries(known) });
  return values as { [K in keyof D]: string };
}
