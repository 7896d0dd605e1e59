import { repr } from '@tsyncio/core';

/** The arguments of a method that takes `host, port, options?` or `options` alone. */
export interface EndpointArguments<H, O> {
  readonly host: H | null;
  readonly port: number | string | null;
  readonly options: O;
}

/**
 * Sorts the arguments behind the protocol factory, and refuses options that the method does not have.
 *
 * @param method - For messages.
 * @param known - The names of its options.
 * @throws TypeError for options that are no object, or an unknown one.
 */
export function endpointArguments<H, O extends object>(
  method: string,
  known: readonly string[],
  rest: readonly unknown[],
): EndpointArguments<H, O> {
  const optionsOnly = rest.length <= 1 && isOptions(rest[0]);
  const [host, port, options = {}] = optionsOnly ? [null, null, rest[0]] : rest;
  checkOptions(method, known, options);
  return { host: (host ?? null) as H | null, port: (port ?? null) as number | string | null, options: options as O };
}

/** @throws TypeError for options that are no object, or an unknown one. */
export function checkOptions(method: string, known: readonly string[], options: unknown): asserts options is object {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`${method}: options must be an object, got ${repr(options)}`);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw new TypeError(`${method}: unknown option '${key}' (known: ${known.join(', ')})`);
  }
}

/** A list of hosts is none. */
function isOptions(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(Symbol.iterator in value);
}
