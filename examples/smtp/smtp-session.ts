import {
  IncompleteReadError,
  LimitOverrunError,
  TimeoutError,
  isOSError,
  waitFor,
  type StreamReader,
  type StreamWriter,
  type TlsOptions,
} from 'tsyncio';

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly data: Buffer;
  /** Whether it came over TLS. */
  readonly secure: boolean;
}

/** Seconds in which a client has to say something. */
const PATIENCE = 60;
const LARGEST_MAIL = 10_000_000;
const MOST_RECIPIENTS = 100;
const CRLF = Buffer.from('\r\n');
const DOT = '.'.charCodeAt(0);

/** One client. */
export class SmtpSession {
  private secure = false;
  private greeted = false;
  private from: string | null = null;
  private to: string[] = [];

  constructor(
    private readonly reader: StreamReader,
    private readonly writer: StreamWriter,
    private readonly tls: TlsOptions,
    private readonly deliver: (mail: Mail) => void,
  ) {}

  async serve(): Promise<void> {
    await using writer = this.writer;
    try {
      await this.say('220 ready');
      for (;;) {
        const line = await waitFor(this.reader.readuntil(CRLF), PATIENCE);
        const [, verb = '', argument = ''] = /^(\S*)\s*(.*?)\s*$/.exec(line.toString('latin1'))!;
        if (verb.toUpperCase() === 'QUIT') break;
        await this.command(verb.toUpperCase(), argument);
      }
      await this.say('221 goodbye');
      await writer.drain();
    } catch (error) {
      if (error instanceof LimitOverrunError) writer.write(Buffer.from('500 too long\r\n'));
      else if (!isOSError(error) && !(error instanceof IncompleteReadError) && !(error instanceof TimeoutError))
        throw error;
    }
  }

  private async command(verb: string, argument: string): Promise<void> {
    if (verb === 'EHLO' || verb === 'HELO') return this.hello(verb);
    if (verb === 'NOOP') return this.say('250 ok');
    if (verb === 'RSET') return this.reset();
    if (!this.greeted) return this.say('503 say EHLO first');
    if (verb === 'STARTTLS' && !this.secure) return this.startTls();
    if (verb === 'MAIL') return this.mail(/^FROM:\s*<([^<>\s]*)>/i.exec(argument)?.[1]);
    if (verb === 'RCPT') return this.recipient(/^TO:\s*<([^<>\s]+)>/i.exec(argument)?.[1]);
    if (verb === 'DATA') return this.data();
    return this.say('502 not here');
  }

  private async hello(verb: string): Promise<void> {
    this.greeted = true;
    this.forget();
    if (verb === 'HELO') return this.say('250 hello');
    await this.say('250-hello', `250-SIZE ${LARGEST_MAIL}`, ...(this.secure ? [] : ['250-STARTTLS']), '250 8BITMIME');
  }

  private async startTls(): Promise<void> {
    await this.say('220 go ahead');
    // Whatever a client has sent already behind its command counts as TLS, not as commands: nobody can slip one in.
    await this.writer.startTls(this.tls);
    this.secure = true;
    this.greeted = false; // what was said in clear is forgotten
    this.forget();
  }

  private async mail(from: string | undefined): Promise<void> {
    if (from === undefined) return this.say('501 from whom?');
    this.forget();
    this.from = from;
    await this.say('250 ok');
  }

  private async recipient(to: string | undefined): Promise<void> {
    if (this.from === null) return this.say('503 say MAIL first');
    if (to === undefined) return this.say('501 to whom?');
    if (this.to.length >= MOST_RECIPIENTS) return this.say('452 too many');
    this.to.push(to);
    await this.say('250 ok');
  }

  private async data(): Promise<void> {
    const { from, to, secure } = this;
    if (from === null || to.length === 0) return this.say('503 say MAIL and RCPT first');
    await this.say('354 end with a dot on a line of its own');
    const data = await this.readMail();
    this.forget();
    if (data === null) return this.say('552 too large');
    this.deliver({ from, to, data, secure });
    await this.say('250 taken');
  }

  /** The lines up to the dot, with the dots that were added removed; null if they are too many. */
  private async readMail(): Promise<Buffer | null> {
    const pieces: Buffer[] = [];
    let size = 0;
    for (;;) {
      const line = await waitFor(this.reader.readuntil(CRLF), PATIENCE);
      if (line.length === 3 && line[0] === DOT) break;
      size += line.length;
      if (size <= LARGEST_MAIL) pieces.push(line[0] === DOT ? line.subarray(1) : line);
    }
    return size > LARGEST_MAIL ? null : Buffer.concat(pieces);
  }

  private async reset(): Promise<void> {
    this.forget();
    await this.say('250 ok');
  }

  private forget(): void {
    this.from = null;
    this.to = [];
  }

  private async say(...lines: string[]): Promise<void> {
    this.writer.write(Buffer.from(lines.map((line) => `${line}\r\n`).join('')));
    await this.writer.drain();
  }
}
