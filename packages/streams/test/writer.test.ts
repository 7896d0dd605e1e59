import { inspect } from 'node:util';

import { CancelledError, ConnectionResetError, RuntimeError } from '@tsyncio/core';
import { gather, sleep } from '@tsyncio/futures-tasks';
import type { Socket } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import { connectReadPipe, connectWritePipe, Transport, WriteTransport } from '@tsyncio/transports-protocols';
import {
  FlowControlMixin,
  openConnection,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter,
  type StreamPair,
} from '@tsyncio/streams';

import { pipe } from '@tsyncio/test-support/loops/pipes';
import {
  bytes,
  defaultBackend,
  drain,
  eachBackend,
  inTaskLoop,
  iterations,
  outcome,
  rejection,
  type World,
} from './support/world.js';

const { takeRecords } = leakAudit();

eachBackend(({ inLoop, pair, tcpPair, reset, inMemory }) => {
  /** A stream, and its peer to be used by hand. */
  const opened = async (sockets = pair()): Promise<[...StreamPair, peer: Socket]> => {
    const [ours, peer] = sockets;
    return [...(await openConnection({ sock: ours })), peer];
  };

  /** Writes until the transport asks to stop. */
  const fillUp = (writer: StreamWriter): void => {
    while (writer.transport.getWriteBufferSize() <= 65_536) writer.write(Buffer.alloc(65_536));
  };

  const received = async (peer: Socket, length: number): Promise<Buffer> => {
    const pieces: Buffer[] = [];
    for (let got = 0; got < length;) {
      const piece = drain(peer);
      if (piece === null) break;
      pieces.push(piece);
      got += piece.length;
      await sleep(0);
    }
    return Buffer.concat(pieces);
  };

  test(
    'STREAM-56 STREAM-57 writes go out in order, and the transport can be asked',
    inLoop(async () => {
      const [, writer, peer] = await opened();
      writer.write(bytes('one'));
      writer.writelines([bytes(' two'), new Uint8Array([32, 51])]);
      writer.write(bytes(''));
      expect((await received(peer, 9)).toString()).toBe('one two 3');
      expect(() => writer.write('text' as never)).toThrow(TypeError);
      expect(() => writer.writelines(['text'] as never)).toThrow(TypeError);
      expect(writer.transport).toBeInstanceOf(Transport);
      expect(writer.getExtraInfo('nothing')).toBeNull();
      expect(writer.getExtraInfo('nothing', 7)).toBe(7);
      expect(writer.getExtraInfo('socket')).toBe(writer.transport.getExtraInfo('socket'));
      expect([writer.canWriteEof(), writer.isClosing()]).toEqual([true, false]);
      writer.close();
      expect(writer.isClosing()).toBe(true);
      await writer.waitClosed();
      peer.close();
    }),
  );

  test(
    'STREAM-58 STREAM-59 writeEof ends one direction',
    inLoop(async () => {
      const [reader, writer, peer] = await opened();
      writer.write(bytes('last'));
      writer.writeEof();
      expect((await received(peer, 4)).toString()).toBe('last');
      expect(drain(peer)).toBeNull();
      peer.send(bytes('answer\n'));
      expect(await outcome(reader.readline())).toBe('answer\n');
      expect(writer.isClosing()).toBe(false);
      expect(() => writer.write(bytes('x'))).toThrow(RuntimeError);
      writer.close();
      await writer.waitClosed();
      peer.close();
    }),
  );

  test(
    'STREAM-60 close sends what is buffered, and may be called again',
    inLoop(async () => {
      const [, writer, peer] = await opened();
      const data = Buffer.alloc(2_000_000, 'x');
      writer.write(data);
      writer.close();
      expect(writer.isClosing()).toBe(true);
      writer.close();
      const [got] = await gather(received(peer, data.length), writer.waitClosed());
      expect(got.length).toBe(data.length);
      expect(drain(peer)).toBeNull();
      peer.close();
    }),
  );

  test(
    'STREAM-61 after close the reader ends, and writes are ignored, from the sixth on with a warning',
    inLoop(async () => {
      const [reader, writer, peer] = await opened();
      writer.close();
      expect(await outcome(reader.read())).toBe('');
      for (let i = 0; i < 6; i++) writer.write(bytes('ignored'));
      const warnings = takeRecords().filter(({ level }) => level === 'warning');
      expect(warnings.length).toBeGreaterThan(0);
      expect(warnings.length).toBeLessThan(6);
      peer.close();
    }),
  );

  test(
    'STREAM-51 STREAM-62 the end of the peer’s direction leaves ours open',
    inLoop(async () => {
      const [reader, writer, peer] = await opened();
      peer.send(bytes('bye'));
      peer.shutdown(1);
      expect(await outcome(reader.read())).toBe('bye');
      expect([reader.atEof(), writer.isClosing()]).toEqual([true, false]);
      writer.write(bytes('still here'));
      await writer.drain();
      expect((await received(peer, 10)).toString()).toBe('still here');
      writer.close();
      await writer.waitClosed();
      peer.close();
    }),
  );

  test(
    'STREAM-63 STREAM-64 waitClosed, before and after, several times, and cancelled',
    inLoop(async ({ loop }) => {
      const [, writer, peer] = await opened();
      const early = loop.createTask(() => writer.waitClosed());
      const cancelled = loop.createTask(() => writer.waitClosed());
      await sleep(0);
      cancelled.cancel();
      expect(await rejection(cancelled)).toBeInstanceOf(CancelledError);
      expect(early.done()).toBe(false);
      writer.close();
      await gather(early, writer.waitClosed());
      await writer.waitClosed();
      expect(writer.waitClosed().done()).toBe(true);
      peer.close();
    }),
  );

  test(
    'STREAM-52 what is buffered can be read after an orderly end',
    inLoop(async () => {
      const [reader, writer, peer] = await opened();
      peer.send(bytes('kept\nrest'));
      expect(await outcome(reader.readline())).toBe('kept\n');
      writer.close();
      await writer.waitClosed();
      expect(await outcome(reader.read())).toBe('rest');
      peer.close();
    }),
  );

  test(
    'STREAM-65 drain is done at once, waits while writing is paused, and fails with the error of the reader',
    inLoop(async ({ loop }) => {
      const [reader, writer, peer] = await opened();
      writer.write(bytes('x'));
      expect(writer.drain().done()).toBe(true);
      fillUp(writer);
      const size = writer.transport.getWriteBufferSize();
      const waiting = loop.createTask(() => writer.drain());
      await iterations(3);
      expect(waiting.done()).toBe(false);
      let total = 0;
      while (!waiting.done()) {
        total += drain(peer)?.length ?? 0;
        await sleep(0);
      }
      await waiting;
      expect(total).toBeGreaterThan(0);
      expect(writer.transport.getWriteBufferSize()).toBeLessThan(size);
      reader.setException(new Error('of the reader'));
      expect(await rejection(writer.drain())).toMatchObject({ message: 'of the reader' });
      writer.transport.abort();
      await writer.waitClosed();
      peer.close();
    }),
  );

  test(
    'STREAM-69 any number may wait in drain, and one that is cancelled harms nobody',
    inLoop(async ({ loop }) => {
      const [, writer, peer] = await opened();
      fillUp(writer);
      const waiting = [1, 2, 3].map(() => loop.createTask(() => writer.drain()));
      await sleep(0);
      waiting[1]!.cancel();
      expect(await rejection(waiting[1]!)).toBeInstanceOf(CancelledError);
      const late = writer.drain();
      while (!late.done()) {
        drain(peer);
        await sleep(0);
      }
      await gather(waiting[0]!, waiting[2]!, late);
      writer.transport.abort();
      await writer.waitClosed();
      peer.close();
    }),
  );

  test(
    'STREAM-66 drain on a transport that closes gives it a turn',
    inLoop(async () => {
      const [, writer, peer] = await opened();
      writer.close();
      const draining = writer.drain();
      expect(draining.done()).toBe(false);
      expect(await rejection(draining)).toEqual(new ConnectionResetError('Connection lost'));
      peer.close();
    }),
  );

  test(
    'STREAM-67 a drain that waits when the connection is lost',
    inLoop(async ({ loop }) => {
      const [, writer, peer] = await opened();
      fillUp(writer);
      const orderly = loop.createTask(() => writer.drain());
      await sleep(0);
      writer.transport.abort();
      await orderly;
      expect(await rejection(writer.drain())).toEqual(new ConnectionResetError('Connection lost'));
      peer.close();
      const [, second, other] = await opened();
      fillUp(second);
      const failing = loop.createTask(() => second.drain());
      await sleep(0);
      other.close();
      const error = await rejection<Error & { code: string }>(failing);
      expect(['ECONNRESET', 'EPIPE']).toContain(error.code);
      expect(await rejection(second.drain())).toBeInstanceOf(Error);
      expect(await rejection(second.waitClosed())).toBe(error);
    }),
  );

  test(
    'STREAM-68 writing to a peer that has gone ends',
    inLoop(async () => {
      const [, writer, peer] = await opened();
      peer.close();
      const writing = async (): Promise<void> => {
        for (;;) {
          writer.write(Buffer.alloc(1000));
          await writer.drain();
        }
      };
      expect((await rejection(writing())).name).toMatch(/^(ConnectionReset|ConnectionAborted|BrokenPipe)Error$/);
      writer.close();
    }),
  );

  test(
    'STREAM-52 STREAM-53 STREAM-70 after a reset everything fails with it, and nothing is reported',
    inLoop(async ({ loop }) => {
      const [reader, writer, peer] = await opened(tcpPair());
      peer.send(bytes('buffered'));
      await reader.read(1);
      const waiting = loop.createTask(() => reader.readexactly(100));
      await sleep(0);
      reset(peer);
      const error = await rejection(waiting);
      expect(error).toBeInstanceOf(ConnectionResetError);
      for (const operation of [() => reader.read(1), () => writer.drain(), () => writer.waitClosed()]) {
        expect(await rejection(operation())).toBe(error);
        expect(await rejection(operation())).toBe(error);
      }
      expect([reader.exception(), reader.atEof(), writer.isClosing()]).toEqual([error, false, true]);
      // Of another one nobody asks.
      const [, , unseen] = await opened(tcpPair());
      reset(unseen);
      await sleep(inMemory ? 0 : 0.01);
    }),
  );

  test(
    'await using closes, and waits, however the connection ends',
    inLoop(async () => {
      const [, writer, peer] = await opened();
      {
        await using ours = writer;
        ours.write(bytes('bye'));
      }
      expect((await received(peer, 3)).toString()).toBe('bye');
      expect(drain(peer)).toBeNull();
      peer.close();
      const [reader, second, other] = await opened(tcpPair());
      reset(other);
      {
        await using ours = second;
        expect(await rejection(reader.read())).toBeInstanceOf(ConnectionResetError);
        expect(ours.isClosing()).toBe(true);
      }
    }),
  );
});

describe('parts for authors of protocols', () => {
  class SilentTransport extends WriteTransport {
    override isClosing(): boolean {
      return false;
    }
    override toString(): string {
      return '<Silent>';
    }
  }

  test(
    'STREAM-71 STREAM-50 what a writer is made of',
    inTaskLoop(async (loop) => {
      const protocol = new FlowControlMixin(loop);
      const transport = new SilentTransport();
      const reader = new StreamReader();
      expect(() => new StreamWriter(transport, protocol, {} as StreamReader, loop)).toThrow(TypeError);
      const writer = new StreamWriter(transport, protocol, null, loop);
      expect(String(writer)).toBe('<StreamWriter transport=<Silent>>');
      expect(inspect(new StreamWriter(transport, protocol, reader, loop))).toBe(
        '<StreamWriter transport=<Silent> reader=<StreamReader>>',
      );
    }),
  );

  test(
    'STREAM-55 pause and resume alternate, and the base cannot say when it is closed',
    inTaskLoop(async (loop) => {
      const protocol = new FlowControlMixin();
      expect(() => protocol.resumeWriting()).toThrow(RuntimeError);
      protocol.pauseWriting();
      expect(() => protocol.pauseWriting()).toThrow(RuntimeError);
      const writer = new StreamWriter(new SilentTransport(), protocol, null, loop);
      const waiting = [writer.drain(), writer.drain()];
      protocol.resumeWriting();
      await gather(...waiting);
      expect(await rejection(writer.waitClosed())).toMatchObject({ name: 'NotImplementedError' });
      const error = new Error('gone');
      protocol.pauseWriting();
      const failing = writer.drain();
      protocol.connectionLost(error);
      expect(await rejection(failing)).toBe(error);
    }),
  );

  test(
    'STREAM-51 a protocol feeds its reader',
    inTaskLoop(async (loop) => {
      const reader = new StreamReader();
      const protocol = new StreamReaderProtocol(reader, null, loop);
      protocol.dataReceived(bytes('data'));
      expect(protocol.eofReceived()).toBe(true);
      expect(await outcome(reader.read())).toBe('data');
      const without = new StreamReaderProtocol(null);
      without.dataReceived(bytes('ignored'));
      without.eofReceived();
      without.connectionLost(null);
    }),
  );

  const pipes = async ({ loop }: World): Promise<void> => {
    const [readEnd, writeEnd] = pipe();
    const reader = new StreamReader();
    await connectReadPipe(loop, () => new StreamReaderProtocol(reader), readEnd);
    const [transport, protocol] = await connectWritePipe(loop, () => new StreamReaderProtocol(null), writeEnd);
    const writer = new StreamWriter(transport, protocol, null, loop);
    const data = Buffer.alloc(1_000_000, 'pipe');
    const write = async (): Promise<void> => {
      for (let at = 0; at < data.length; at += 50_000) {
        writer.write(data.subarray(at, at + 50_000));
        await writer.drain();
      }
      writer.writeEof();
      await writer.waitClosed();
    };
    const [got] = await gather(() => reader.read(), write);
    expect(got.equals(data)).toBe(true);
    expect([writer.canWriteEof(), writer.isClosing()]).toEqual([true, true]);
  };

  test('STREAM-54 STREAM-59 over pipes', defaultBackend.inLoop(pipes));
});
