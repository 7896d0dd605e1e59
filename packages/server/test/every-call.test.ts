/** Every call that opens something, in the situations that no single row is about: what comes of it is in the table. */
import { isCancelled } from '@tsyncio/core';
import { type Operation, sleep, type Task, type TaskLoop } from '@tsyncio/futures-tasks';
import type { SelectorIo } from '@tsyncio/selector-io';
import { createServer, createUnixServer } from '@tsyncio/server';
import type { InetAddress } from '@tsyncio/socket';
import { E, systemCalls } from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';
import {
  connectAcceptedSocket,
  connectReadPipe,
  connectWritePipe,
  createConnection,
  createDatagramEndpoint,
  createUnixConnection,
  sendfile,
  startTls,
  type Transport,
} from '@tsyncio/transports-protocols';

import { TestFile } from '@tsyncio/test-support/loops/files';
import type { PipeFile } from '@tsyncio/test-support/loops/pipes';
import { clientOptions, serverSsl } from '@tsyncio/test-support/loops/tls-pair';
import { type Backend, eachBackend, iterations } from './support/world.js';

const audit = leakAudit();
afterEach(() => jest.restoreAllMocks());

type Loop = TaskLoop<SelectorIo>;

/** A call that may be made, and what it needs. */
interface Stage {
  call(): Operation<unknown>;
  /** Ends what the call has given, and whatever else the stage has in its loop. */
  release(): void;
  /** Closes what is still open when nothing is left in the loop. */
  sweep?(): void;
  /** The peer goes away. Left out: there is none. */
  leave?(): void;
}

interface Call {
  stage(loop: Loop, backend: Backend): Promise<Stage>;
  /** It makes a socket. */
  readonly opens?: true;
  /** What comes of a second call while the first is under way; by default the same as of the first. */
  readonly second?: string;
  /** What comes of it without the peer; by default it works, and the protocol is told. */
  readonly alone?: RegExp;
}

/** What is known of a peer depends on when it went. */
const GONE = /^(ConnectionReset|BrokenPipe|Connection)Error$/;

/** Ends whatever its transports are. */
class Ended {
  readonly made: { close(): void; abort?(): void }[] = [];
  readonly protocol = (): object => ({
    connectionMade: (transport: Transport): void => void this.made.push(transport),
  });
  keep<T extends { close(): void }>(one: T): T {
    this.made.push(one);
    return one;
  }
  release = (): void => {
    for (const each of this.made) {
      if (each.abort === undefined) each.close();
      else each.abort();
    }
  };
}

const names = (() => {
  let count = 0;
  return (): string => `\0tsyncio-every-call-${process.pid}-${count++}`;
})();

const calls: Readonly<Record<string, Call>> = {
  createConnection: {
    async stage(loop, { listen }) {
      const ended = new Ended();
      const [host, port] = ended.keep(listen()).getsockname() as InetAddress;
      return {
        call: () => createConnection(loop, ended.protocol, host, port),
        release: ended.release,
        leave: () => ended.made[0]!.close(),
      };
    },
    opens: true,
    alone: /^ConnectionRefusedError$/,
  },
  'createConnection with sock': {
    async stage(loop, { pair }) {
      const ended = new Ended();
      const [sock, peer] = pair();
      return {
        call: () => createConnection(loop, ended.protocol, { sock }),
        release: ended.release,
        sweep: () => (sock.close(), peer.close()),
        leave: () => peer.close(),
      };
    },
    second: 'RuntimeError',
  },
  'createConnection with TLS': {
    async stage(loop, { pair }) {
      const ended = new Ended();
      const [sock, peer] = pair();
      const accepting = connectAcceptedSocket(loop, ended.protocol, peer, { ssl: serverSsl });
      accepting.catch(() => undefined);
      return {
        call: () => createConnection(loop, ended.protocol, { sock, ...clientOptions }),
        release: () => (accepting.cancel(), ended.release()),
        sweep: () => (sock.close(), peer.close()),
      };
    },
    second: 'RuntimeError',
  },
  createUnixConnection: {
    async stage(loop) {
      const ended = new Ended();
      const name = names();
      const server = await createUnixServer(loop, ended.protocol, name);
      return {
        call: () => createUnixConnection(loop, ended.protocol, name),
        release: () => (server.close(), server.abortClients(), ended.release()),
        leave: () => server.close(),
      };
    },
    opens: true,
    alone: /^ConnectionRefusedError$/,
  },
  createServer: {
    async stage(loop) {
      const ended = new Ended();
      return {
        call: () => createServer(loop, ended.protocol, '127.0.0.1', 0).then((server) => ended.keep(server)) as never,
        release: ended.release,
      };
    },
    opens: true,
  },
  createUnixServer: {
    async stage(loop) {
      const ended = new Ended();
      const name = names();
      return {
        call: () => createUnixServer(loop, ended.protocol, name).then((server) => ended.keep(server)) as never,
        release: ended.release,
      };
    },
    opens: true,
    second: 'OSError',
  },
  connectAcceptedSocket: {
    async stage(loop, { pair }) {
      const ended = new Ended();
      const [sock, peer] = pair();
      return {
        call: () => connectAcceptedSocket(loop, ended.protocol, sock),
        release: ended.release,
        sweep: () => (sock.close(), peer.close()),
        leave: () => peer.close(),
      };
    },
    second: 'RuntimeError',
  },
  createDatagramEndpoint: {
    async stage(loop, { datagramSocket }) {
      const ended = new Ended();
      const peer = ended.keep(datagramSocket());
      peer.bind(['127.0.0.1', 0]);
      const remoteAddr = peer.getsockname();
      return {
        call: () => createDatagramEndpoint(loop, ended.protocol, { remoteAddr }),
        release: ended.release,
        leave: () => peer.close(),
      };
    },
    opens: true,
  },
  connectReadPipe: {
    async stage(loop, { pipe }) {
      const ended = new Ended();
      const [r, w] = pipe();
      return {
        call: () => connectReadPipe(loop, ended.protocol, r),
        release: ended.release,
        sweep: () => closeOpen(r, w),
        leave: () => w.close(),
      };
    },
    second: 'RuntimeError',
  },
  connectWritePipe: {
    async stage(loop, { pipe }) {
      const ended = new Ended();
      const [r, w] = pipe();
      return {
        call: () => connectWritePipe(loop, ended.protocol, w),
        release: ended.release,
        sweep: () => closeOpen(r, w),
        leave: () => r.close(),
      };
    },
    second: 'RuntimeError',
  },
  startTls: {
    async stage(loop, { pair }) {
      const ended = new Ended();
      const [ours, theirs] = pair();
      const [transport] = await createConnection(loop, ended.protocol, { sock: ours });
      const [other] = await createConnection(loop, ended.protocol, { sock: theirs });
      return {
        call: () => {
          void startTls(loop, other, {}, serverSsl, { serverSide: true }).catch(() => undefined);
          return startTls(loop, transport, {}, clientOptions.ssl, { serverHostname: 'localhost' });
        },
        release: ended.release,
        leave: () => other.abort(),
      };
    },
    second: 'TypeError',
    alone: GONE,
  },
  sendfile: {
    async stage(loop, { pair }) {
      const ended = new Ended();
      const [ours, theirs] = pair();
      const [transport] = await createConnection(loop, ended.protocol, { sock: ours });
      const [other] = await createConnection(loop, ended.protocol, { sock: theirs });
      const file = new TestFile(Buffer.alloc(2_000_000));
      return {
        call: () => sendfile(loop, transport, file.fd),
        release: ended.release,
        sweep: () => file[Symbol.dispose](),
        leave: () => other.abort(),
      };
    },
    second: 'RuntimeError',
    alone: GONE,
  },
};

/** Closes those that nobody has closed. */
function closeOpen(...pipes: readonly PipeFile[]): void {
  for (const pipe of pipes) if (pipe.closings === 0) pipe.close();
}

/** `ok`, or the name of the error. */
async function outcome(awaitable: PromiseLike<unknown>): Promise<string> {
  try {
    await awaitable;
    return 'ok';
  } catch (error) {
    return (error as Error).name;
  }
}

eachBackend((backend) => {
  describe.each(Object.entries(calls))('%s', (_name, { stage: make, opens, second = 'ok', alone = /^ok$/ }) => {
    /** A test with a stage, which is cleared at the end; then nothing is left. */
    const staged = (body: (stage: Stage, loop: Loop) => Promise<void>): (() => Promise<void>) =>
      backend.inLoop(async ({ loop }) => {
        const stage = await make(loop, backend);
        await body(stage, loop);
        await cleared(stage, loop);
      });

    async function cleared(stage: Stage, loop: Loop): Promise<void> {
      stage.release();
      for (let i = 0; i < 200 && loop.backend.active; i++) await sleep(0);
      await iterations(4);
      expect(loop.backend.active).toBe(false);
      stage.sweep?.();
    }

    test(
      'works, and from a callback of the loop too',
      staged(async (stage, loop) => {
        const done = loop.createFuture<Operation<unknown>>();
        loop.callSoon(() => done.setResult({ operation: stage.call() } as never));
        const { operation } = (await done) as { operation: Operation<unknown> };
        expect(await outcome(operation)).toBe('ok');
      }),
    );

    test(
      'cancelled after any number of iterations, it leaves nothing',
      backend.inLoop(async ({ loop }) => {
        let finished = false;
        for (let n = 0; !finished && n < 200; n++) {
          const stage = await make(loop, backend);
          const task: Task<unknown> = loop.createTask(() => stage.call());
          await iterations(n);
          finished = task.done();
          task.cancel();
          const error = await task.then(
            () => null,
            (reason: unknown) => reason,
          );
          // A call whose last wait is over when it is cancelled may end well.
          if (error !== null) expect(isCancelled(error)).toBe(true);
          await cleared(stage, loop);
        }
        expect(finished).toBe(true);
      }),
      20_000,
    );

    test(
      'twice at a time',
      staged(async (stage) => {
        const outcomes = await Promise.all([outcome(stage.call()), outcome(stage.call())]);
        expect(outcomes).toEqual(['ok', second]);
      }),
    );

    test(
      'without its peer',
      staged(async (stage) => {
        stage.leave?.();
        expect(await outcome(stage.call())).toMatch(alone);
      }),
    );

    if (opens === true) {
      test(
        'without descriptors to spare',
        staged(async (stage) => {
          const spy = jest.spyOn(systemCalls(), 'socket').mockReturnValue(-E.EMFILE);
          await expect(stage.call()).rejects.toMatchObject({ name: 'OSError', code: 'EMFILE', syscall: 'socket' });
          spy.mockRestore();
          expect(await outcome(stage.call())).toBe('ok');
        }),
      );
    }

    test('on a loop that is closed', async () => {
      const loop = backend.makeLoop();
      const stage = await loop.runUntilComplete(() => make(loop, backend));
      loop.close();
      expect(await outcome(stage.call())).toBe('RuntimeError');
      await outcome(Promise.resolve().then(stage.release)); // nothing can be scheduled any more
      stage.sweep?.();
      audit.takeRecords();
    });
  });
});
