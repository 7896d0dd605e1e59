import wasm from 'undici/lib/llhttp/llhttp-wasm.js';

/** The head of a request. */
export interface RequestHead {
  readonly method: string;
  readonly url: string;
  /** 1.0 or 1.1. */
  readonly version: string;
  /** By names in lower case; several headers of one name are joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
  /** Whether another request may follow. */
  readonly keepAlive: boolean;
}

/** Whom a parser tells what it finds. */
export interface RequestSink {
  onHead(head: RequestHead): void;
  /** A part of the body: a view of the data given. */
  onBody(part: Buffer): void;
  /** The request is complete. */
  onEnd(): void;
}

/** Why a request cannot be understood, as a status of HTTP. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** More bytes of request line and headers are answered with 431. */
const MOST_HEAD = 16_384;
/** Bytes that are copied into the memory of the parser at once. */
const WINDOW = 65_536;
const REQUEST = 1;
const OK = 0;
const USER_ERROR = -1;
const PAUSED_UPGRADE = 22;

/** What undici's build of llhttp exports, as far as it is used here. Pointers are numbers. */
interface Llhttp {
  readonly memory: { readonly buffer: ArrayBuffer };
  _initialize(): void;
  malloc(size: number): number;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_execute(parser: number, data: number, length: number): number;
  llhttp_get_error_pos(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
  llhttp_get_method(parser: number): number;
  llhttp_get_http_major(parser: number): number;
  llhttp_get_http_minor(parser: number): number;
  llhttp_method_name(method: number): number;
  llhttp_resume_after_upgrade(parser: number): void;
}

/** The part of WebAssembly that is used here; Node has it, its types do not. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

/** The parser that is executing; llhttp calls back only meanwhile. */
let current: RequestParser;
function enter(parser: RequestParser): void {
  current = parser;
}

const llhttp = new WebAssembly.Instance(new WebAssembly.Module(wasm), {
  env: {
    wasm_on_message_begin: () => current.begin(),
    wasm_on_url: (_: number, at: number, length: number) => current.url(at, length),
    wasm_on_status: () => OK,
    wasm_on_header_field: (_: number, at: number, length: number) => current.field(at, length),
    wasm_on_header_value: (_: number, at: number, length: number) => current.value(at, length),
    wasm_on_headers_complete: (_: number, _status: number, _upgrade: number, keepAlive: number) =>
      current.headersComplete(keepAlive !== 0),
    wasm_on_body: (_: number, at: number, length: number) => current.body(at, length),
    wasm_on_message_complete: () => current.complete(),
  },
}).exports as Llhttp;
llhttp._initialize();
const window = llhttp.malloc(WINDOW);

/** One connection's parser: llhttp, the one of Node itself, strict as it comes. {@link free} it at the end. */
export class RequestParser {
  private readonly pointer = llhttp.llhttp_alloc(REQUEST);
  /** What is being parsed, where it begins in the data given, and how much of it belongs to a head. */
  private data: Buffer = Buffer.alloc(0);
  private offset = 0;
  private headSize = 0;
  private target = '';
  /** Names and values in turn. */
  private raw: string[] = [];
  private inValue = false;
  private failure: unknown = null;

  constructor(private readonly sink: RequestSink) {}

  /** @throws RequestError if it is no HTTP; whatever the sink throws. The parser is of no use then. */
  execute(data: Buffer): void {
    enter(this);
    this.data = data;
    this.offset = 0;
    while (this.offset < data.length) {
      const part = data.subarray(this.offset, this.offset + WINDOW);
      new Uint8Array(llhttp.memory.buffer).set(part, window);
      const result = llhttp.llhttp_execute(this.pointer, window, part.length);
      if (this.failure !== null) throw this.failure;
      if (result === PAUSED_UPGRADE) {
        // No upgrade is on offer: what follows is the next request.
        this.offset += llhttp.llhttp_get_error_pos(this.pointer) - window;
        llhttp.llhttp_resume_after_upgrade(this.pointer);
      } else if (result !== OK) {
        throw new RequestError(400, text(llhttp.llhttp_get_error_reason(this.pointer)));
      } else {
        this.offset += part.length;
      }
    }
  }

  free(): void {
    llhttp.llhttp_free(this.pointer);
  }

  // ---- What llhttp calls ------------------------------------------------------------------------------------------------------

  begin(): number {
    this.headSize = 0;
    this.target = '';
    this.raw = [];
    this.inValue = true;
    return OK;
  }

  url(at: number, length: number): number {
    this.target += this.slice(at, length).toString('latin1');
    return this.count(length);
  }

  field(at: number, length: number): number {
    const piece = this.slice(at, length).toString('latin1');
    if (this.inValue) this.raw.push(piece, '');
    else this.raw[this.raw.length - 2] += piece;
    this.inValue = false;
    return this.count(length + 4); // the colon, a space, the end of the line
  }

  value(at: number, length: number): number {
    this.raw[this.raw.length - 1] += this.slice(at, length).toString('latin1');
    this.inValue = true;
    return this.count(length);
  }

  headersComplete(keepAlive: boolean): number {
    const headers = new Map<string, string>();
    for (let i = 0; i < this.raw.length; i += 2) {
      const name = this.raw[i]!.toLowerCase();
      const before = headers.get(name);
      headers.set(name, before === undefined ? this.raw[i + 1]! : `${before}, ${this.raw[i + 1]}`);
    }
    const major = llhttp.llhttp_get_http_major(this.pointer);
    const version = `${major}.${llhttp.llhttp_get_http_minor(this.pointer)}`;
    const method = text(llhttp.llhttp_method_name(llhttp.llhttp_get_method(this.pointer)));
    return this.tell(() => this.sink.onHead({ method, url: this.target, version, headers, keepAlive }));
  }

  body(at: number, length: number): number {
    return this.tell(() => this.sink.onBody(this.slice(at, length)));
  }

  complete(): number {
    return this.tell(() => this.sink.onEnd());
  }

  /** What llhttp points to, in the data that we were given. */
  private slice(at: number, length: number): Buffer {
    const from = this.offset + at - window;
    return this.data.subarray(from, from + length);
  }

  private count(length: number): number {
    this.headSize += length;
    if (this.headSize <= MOST_HEAD) return OK;
    this.failure ??= new RequestError(431, 'the head is too large');
    return USER_ERROR;
  }

  /** Exceptions do not pass through WebAssembly: {@link execute} throws them. */
  private tell(call: () => void): number {
    try {
      call();
      return OK;
    } catch (error) {
      this.failure = error;
      return USER_ERROR;
    }
  }
}

/** A string of C. */
function text(pointer: number): string {
  const memory = Buffer.from(llhttp.memory.buffer);
  return memory.toString('latin1', pointer, memory.indexOf(0, pointer));
}
