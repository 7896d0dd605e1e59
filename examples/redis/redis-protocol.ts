import { Protocol, type Transport } from 'tsyncio';
import type { Database } from './database.js';
import { CommandParser, ProtocolError, encode, type Reply } from './resp.js';

/** One connection. All replies to what came in one piece leave in one piece: that is what makes pipelining quick. */
export class RedisProtocol extends Protocol {
  private transport!: Transport;
  private readonly parser = new CommandParser();

  constructor(private readonly database: Database) {
    super();
  }

  override connectionMade(transport: Transport): void {
    this.transport = transport;
  }

  override dataReceived(data: Buffer): void {
    const replies: Buffer[] = [];
    let end = false;
    try {
      for (const command of this.parser.feed(data)) {
        if (String(command[0]).toUpperCase() === 'QUIT') {
          replies.push(encode('OK'));
          end = true;
          break;
        }
        replies.push(encode(this.execute(command)));
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      replies.push(encode(error));
      end = true;
    }
    this.transport.writelines(replies);
    if (end) this.transport.close();
  }

  /** A client that asks and does not read is not listened to. */
  override pauseWriting(): void {
    this.transport.pauseReading();
  }

  override resumeWriting(): void {
    this.transport.resumeReading();
  }

  private execute(command: readonly Buffer[]): Reply {
    try {
      return this.database.execute(command);
    } catch (error) {
      return error as Error;
    }
  }
}
