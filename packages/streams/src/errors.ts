import { brand } from '@tsyncio/core';

/** Gives an error class its name, also after minification, and the brand of the same name. */
function named(type: { prototype: object }, name: string): void {
  brand(type.prototype, name);
  Object.defineProperty(type.prototype, 'name', { value: name, writable: true, configurable: true });
}

/** The stream ended where more was expected. Python: `EOFError`. */
export class EOFError extends Error {
  static {
    named(this, 'EOFError');
  }
}

/** The stream ended before all of what was asked for had come. asyncio: `asyncio.IncompleteReadError`. */
export class IncompleteReadError extends EOFError {
  static {
    named(this, 'IncompleteReadError');
  }

  /**
   * @param partial - What had come; it is no longer in the reader.
   * @param expected - How many bytes were asked for; null where that is not known, as with `readuntil`.
   */
  constructor(
    readonly partial: Buffer,
    readonly expected: number | null,
  ) {
    super(`${partial.length} bytes read on a total of ${expected ?? 'undefined'} expected bytes`);
  }
}

/** There are more bytes before the separator than the reader's limit. They stay in the reader. asyncio: `asyncio.LimitOverrunError`. */
export class LimitOverrunError extends Error {
  static {
    named(this, 'LimitOverrunError');
  }

  /** @param consumed - How many bytes are known to belong to what comes before the separator: `readexactly(consumed)` gives them. */
  constructor(
    message: string,
    readonly consumed: number,
  ) {
    super(message);
  }
}
