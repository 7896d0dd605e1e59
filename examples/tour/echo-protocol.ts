import { Protocol, type Transport } from 'tsyncio';

/** Sends back what it receives; stops reading while the peer does not. */
export class EchoProtocol extends Protocol {
  private transport: Transport | null = null;

  override connectionMade(transport: Transport): void {
    this.transport = transport;
  }

  override dataReceived(data: Buffer): void {
    this.transport!.write(data);
  }

  override pauseWriting(): void {
    this.transport!.pauseReading();
  }

  override resumeWriting(): void {
    this.transport!.resumeReading();
  }
}
