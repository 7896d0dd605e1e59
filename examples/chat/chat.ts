import { Protocol, type Transport } from 'tsyncio';

const LONGEST_LINE = 1000;

/** Whoever is in it hears what the others say. */
export class Room {
  private readonly members = new Set<Member>();

  /** @returns False if the name is taken. */
  enter(member: Member, name: string): boolean {
    for (const other of this.members) if (other.name === name) return false;
    this.say(`${name} is here`);
    this.members.add(member);
    return true;
  }

  leave(member: Member): void {
    if (this.members.delete(member)) this.say(`${member.name} has left`);
  }

  say(text: string, except?: Member): void {
    for (const member of this.members) if (member !== except) member.hear(text);
  }
}

/** One connection: its first line is a name. */
export class Member extends Protocol {
  name = '';
  private transport!: Transport;
  /** Of a line that has not ended. */
  private rest: Buffer = Buffer.alloc(0);

  constructor(private readonly room: Room) {
    super();
  }

  override connectionMade(transport: Transport): void {
    this.transport = transport;
    this.hear('what is your name?');
  }

  override dataReceived(data: Buffer): void {
    this.rest = Buffer.concat([this.rest, data]);
    for (let end = this.rest.indexOf('\n'); end >= 0; end = this.rest.indexOf('\n')) {
      const line = this.rest.toString('utf8', 0, end).trim();
      this.rest = this.rest.subarray(end + 1);
      if (line !== '') this.lineReceived(line);
    }
    if (this.rest.length > LONGEST_LINE) this.transport.abort(); // nobody types that
  }

  /** A member that does not read would have us keep all that is said: it has to go. */
  override pauseWriting(): void {
    this.transport.abort();
  }

  override connectionLost(): void {
    this.room.leave(this);
  }

  hear(text: string): void {
    this.transport.write(Buffer.from(`${text}\n`));
  }

  private lineReceived(line: string): void {
    if (this.name !== '') this.room.say(`${this.name}: ${line}`, this);
    else if (this.room.enter(this, line)) {
      this.name = line;
      this.hear(`welcome, ${line}`);
    } else this.hear(`${line} is here already; what is your name?`);
  }
}
