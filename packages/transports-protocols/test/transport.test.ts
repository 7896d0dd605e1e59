import { BaseTransport, ReadTransport, Transport, WriteTransport } from '@tsyncio/transports-protocols';

const base = { isClosing: [], close: [], setProtocol: [{}], getProtocol: [] };
const reading = { isReading: [], pauseReading: [], resumeReading: [] };
const writing = {
  setWriteBufferLimits: [{}],
  getWriteBufferSize: [],
  getWriteBufferLimits: [],
  write: [Buffer.from('x')],
  writeEof: [],
  canWriteEof: [],
  abort: [],
};

describe.each<[string, BaseTransport, Record<string, unknown[]>]>([
  ['BaseTransport', new BaseTransport(), base],
  ['ReadTransport', new ReadTransport(), { ...base, ...reading }],
  ['WriteTransport', new WriteTransport(), { ...base, ...writing }],
  ['Transport', new Transport(), { ...base, ...reading, ...writing }],
])('%s', (name, transport, methods) => {
  test.each(Object.entries(methods))(`PROTO-02 ${name}.%s is for subclasses to write`, (method, args) => {
    const call = (transport as unknown as Record<string, (...args: unknown[]) => unknown>)[method]!;
    expect(() => call.apply(transport, args)).toThrow(
      expect.objectContaining({ name: 'NotImplementedError', message: expect.stringContaining(method) }),
    );
  });
});

test('PROTO-03 extra info is looked up in the very object that was given', () => {
  const extra: Record<string, unknown> = { peername: ['127.0.0.1', 1] };
  const transport = new BaseTransport(extra);
  expect(transport.getExtraInfo('peername')).toBe(extra['peername']);
  expect(transport.getExtraInfo('later')).toBeNull();
  extra['later'] = 7;
  expect(transport.getExtraInfo('later')).toBe(7);
  expect(transport.getExtraInfo('unknown', 'fallback')).toBe('fallback');
  expect(transport.getExtraInfo('toString')).toBeNull();
  expect(new BaseTransport().getExtraInfo('socket')).toBeNull();
});

test.each([WriteTransport, Transport])('PROTO-04 writelines of %p is one write of all pieces together', (Base) => {
  const written: string[] = [];
  class Mine extends Base {
    override write(data: Uint8Array): void {
      written.push(Buffer.from(data).toString());
    }
  }
  new Mine().writelines([Buffer.from('ab'), new Uint8Array([99]), Buffer.from('xdx').subarray(1, 2)]);
  new Mine().writelines([]);
  expect(written).toEqual(['abcd', '']);
});

test('a transport is closed by using', () => {
  let closed = 0;
  class Mine extends BaseTransport {
    override close(): void {
      closed++;
    }
  }
  {
    using transport = new Mine();
    expect(transport).toBeDefined();
  }
  expect(closed).toBe(1);
});
