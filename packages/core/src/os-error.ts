import { hasBrand } from './brand.js';
import { named } from './errors.js';

/** The fields of an {@link OSError}, named as in Node's system errors. */
export interface OSErrorFields {
  /** Symbolic name: `'ECONNREFUSED'`. */
  readonly code?: string | undefined;
  /** Number of the error, negative as in Node: `-111`. */
  readonly errno?: number | undefined;
  /** System call that failed: `'connect'`. */
  readonly syscall?: string | undefined;
  /** Address of the peer or of the socket, as text. */
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  /** File or Unix socket path. */
  readonly path?: string | undefined;
  readonly cause?: unknown;
}

/** The operating system refused something. Python: `OSError`. Fields as in Node's system errors. */
export class OSError extends Error {
  static {
    named(this, 'OSError');
  }
  declare readonly code: string | undefined;
  declare readonly errno: number | undefined;
  declare readonly syscall: string | undefined;
  declare readonly address: string | undefined;
  declare readonly port: number | undefined;
  declare readonly path: string | undefined;

  /**
   * @param message - Text of the error; {@link osError} composes it as Node does.
   * @param fields - Only the given fields become properties.
   */
  constructor(message: string, fields: OSErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    if (fields.code !== undefined) this.code = fields.code;
    if (fields.errno !== undefined) this.errno = fields.errno;
    if (fields.syscall !== undefined) this.syscall = fields.syscall;
    if (fields.address !== undefined) this.address = fields.address;
    if (fields.port !== undefined) this.port = fields.port;
    if (fields.path !== undefined) this.path = fields.path;
  }
}

/** A connection failed or broke. Python: `ConnectionError`. */
export class ConnectionError extends OSError {
  static {
    named(this, 'ConnectionError');
  }
}
/** Nobody listens at the address (ECONNREFUSED). Python: `ConnectionRefusedError`. */
export class ConnectionRefusedError extends ConnectionError {
  static {
    named(this, 'ConnectionRefusedError');
  }
}
/** The peer reset the connection (ECONNRESET). Python: `ConnectionResetError`. */
export class ConnectionResetError extends ConnectionError {
  static {
    named(this, 'ConnectionResetError');
  }
}
/** The connection was aborted on this side (ECONNABORTED). Python: `ConnectionAbortedError`. */
export class ConnectionAbortedError extends ConnectionError {
  static {
    named(this, 'ConnectionAbortedError');
  }
}
/** Written to a connection or pipe whose reader is gone (EPIPE, ESHUTDOWN). Python: `BrokenPipeError`. */
export class BrokenPipeError extends ConnectionError {
  static {
    named(this, 'BrokenPipeError');
  }
}
/** A file or path does not exist (ENOENT). Python: `FileNotFoundError`. */
export class FileNotFoundError extends OSError {
  static {
    named(this, 'FileNotFoundError');
  }
}
/** Not permitted (EACCES, EPERM). Python: `PermissionError`. */
export class PermissionError extends OSError {
  static {
    named(this, 'PermissionError');
  }
}
/** No such process (ESRCH). Python: `ProcessLookupError`. */
export class ProcessLookupError extends OSError {
  static {
    named(this, 'ProcessLookupError');
  }
}
/** A name could not be resolved; `code` is the resolver's (`EAI_NONAME`). Python: `socket.gaierror`. */
export class GaiError extends OSError {
  static {
    named(this, 'GaiError');
  }
}

/** Which subclass stands for a code; every other code is a plain {@link OSError}. */
const CLASS_BY_CODE: ReadonlyMap<string, new (message: string, fields?: OSErrorFields) => OSError> = new Map([
  ['ECONNREFUSED', ConnectionRefusedError],
  ['ECONNRESET', ConnectionResetError],
  ['ECONNABORTED', ConnectionAbortedError],
  ['EPIPE', BrokenPipeError],
  ['ESHUTDOWN', BrokenPipeError],
  ['ENOENT', FileNotFoundError],
  ['EACCES', PermissionError],
  ['EPERM', PermissionError],
  ['ESRCH', ProcessLookupError],
]);

/**
 * Makes the {@link OSError}, or the subclass that its code stands for, with Node's text: `connect ECONNREFUSED 127.0.0.1:1`.
 *
 * @param fields - `code` decides the class; `message` replaces the composed text.
 */
export function osError(fields: OSErrorFields & { readonly message?: string | undefined }): OSError {
  const type =
    fields.code === undefined
      ? OSError
      : fields.code.startsWith('EAI_')
        ? GaiError
        : (CLASS_BY_CODE.get(fields.code) ?? OSError);
  return new type(fields.message ?? describe(fields), fields);
}

function describe(fields: OSErrorFields): string {
  const parts = [fields.syscall, fields.code];
  if (fields.address !== undefined) {
    parts.push(fields.port === undefined ? fields.address : `${fields.address}:${fields.port}`);
  }
  if (fields.path !== undefined) parts.push(fields.path);
  return parts.filter((part) => part !== undefined).join(' ') || 'operating system error';
}

/** Tells whether `error` is an {@link OSError}, also one of another copy of this package. */
export function isOSError(error: unknown): error is OSError {
  return hasBrand(error, 'OSError');
}
