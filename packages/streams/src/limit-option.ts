/** What the stream functions take besides the options of the function below. */
export interface LimitOption {
  /** The limit of every reader, in bytes: see `StreamReader`. Default 65,536. */
  readonly limit?: number | undefined;
}

/** Takes the limit out of the arguments behind the first: `host, port, options?` or `options`. What else is there is for others to check. Internal. */
export function splitLimit(rest: readonly unknown[]): { limit: number | undefined; rest: unknown[] } {
  const at = rest.length <= 1 ? 0 : 2;
  const options = rest[at];
  if (typeof options !== 'object' || options === null || Symbol.iterator in options) {
    return { limit: undefined, rest: [...rest] };
  }
  const { limit, ...others } = options as LimitOption;
  const changed = [...rest];
  changed[at] = others;
  return { limit, rest: changed };
}
