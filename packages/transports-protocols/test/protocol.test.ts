import {
  BaseProtocol,
  BufferedProtocol,
  Protocol,
  type BaseTransport,
  type Transport,
} from '@tsyncio/transports-protocols';

import { isBufferedProtocol } from '../src/protocol.js';

test('PROTO-01 the base classes have every callback, doing and returning nothing', () => {
  const transport = null as unknown as Transport;
  const base = new BaseProtocol();
  for (const protocol of [base, new Protocol(), new BufferedProtocol()]) {
    expect(protocol.connectionMade(transport)).toBeUndefined();
    expect(protocol.connectionLost(null)).toBeUndefined();
    expect(protocol.pauseWriting()).toBeUndefined();
    expect(protocol.resumeWriting()).toBeUndefined();
  }
  expect(new Protocol().dataReceived(Buffer.from('x'))).toBeUndefined();
  expect(new Protocol().eofReceived()).toBeUndefined();
  expect(new BufferedProtocol().getBuffer(-1)).toBeUndefined();
  expect(new BufferedProtocol().bufferUpdated(1)).toBeUndefined();
  expect(new BufferedProtocol().eofReceived()).toBeUndefined();
});

test('a subclass overrides only what it needs, also with async functions', () => {
  class Mine extends Protocol {
    override async dataReceived(): Promise<void> {}
    override connectionMade(_transport: BaseTransport): void {}
  }
  expect(new Mine().dataReceived()).toBeInstanceOf(Promise);
});

test('the kind of a protocol: its class decides, otherwise getBuffer', () => {
  class Odd extends Protocol {
    getBuffer(): Uint8Array {
      return Buffer.alloc(1);
    }
  }
  const memory = (): Uint8Array => Buffer.alloc(1);
  expect(isBufferedProtocol(new BufferedProtocol())).toBe(true);
  expect(isBufferedProtocol({ getBuffer: memory })).toBe(true);
  expect(isBufferedProtocol(new Odd())).toBe(false);
  expect(isBufferedProtocol(new Protocol())).toBe(false);
  expect(isBufferedProtocol({ dataReceived: () => undefined })).toBe(false);
});
