import { createHash, X509Certificate } from 'node:crypto';
import { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls';

import { leakAudit } from '@tsyncio/test-support';
import { liveCount } from '@tsyncio/socket/native';

import { ca, contextOf, identity, pem } from '@tsyncio/test-support/loops/certificates';
import { serverSettings, type TlsOptions } from '../src/tls/options.js';
import { connected, converse, eachEngine, End, ends, free, turns } from './support/memory-tls.js';

leakAudit();

eachEngine((engine) => {
  let before = 0;
  beforeEach(() => {
    before = engine === 'best' ? liveCount() : 0;
  });
  afterEach(() => {
    if (engine === 'best') expect(liveCount()).toBe(before);
  });

  describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (version) => {
    const limits = { minVersion: version, maxVersion: version };

    test('a handshake, data both ways, close-notify both ways', async () => {
      const [client, server] = await connected(limits, limits);
      expect([client.events, server.events]).toEqual([['secure'], ['secure']]);
      client.session.write(Buffer.from('question'));
      server.session.write(Buffer.from('answer'));
      await converse(client, server);
      expect([client.received, server.received]).toEqual(['answer', 'question']);
      client.session.end(() => undefined);
      await converse(client, server);
      expect(server.events).toEqual(['secure', 'close-notify']);
      server.session.end(() => undefined);
      await converse(client, server);
      expect(client.events).toEqual(['secure', 'close-notify']);
      free(client, server);
    });

    test('what is known about the connection', async () => {
      const [client, server] = await connected(limits, limits);
      expect(client.session.info).toMatchObject({
        engine: engine === 'best' ? 'openssl' : 'node',
        version,
        compression: null,
        alpnProtocol: null,
        serverName: 'localhost',
        sessionReused: false,
        authorizationError: null,
      });
      const [name, protocol, bits] = client.session.info.cipher;
      expect(name).toMatch(/AES|CHACHA/);
      expect(protocol).toBe(version);
      expect([128, 256]).toContain(bits);
      expect(server.session.info.cipher).toEqual([name, protocol, bits]);
      expect(client.session.info.peerCertificates[0]!.fingerprint256).toBe(
        new X509Certificate(pem('server.crt')).fingerprint256,
      );
      expect(server.session.info.peerCertificates).toEqual([]);
      free(client, server);
      expect(client.session.info.version).toBe(version);
    });

    test('a megabyte each way arrives as it was sent', async () => {
      const [client, server] = await connected(limits, limits);
      const data = Buffer.alloc(1_000_003, 'tls records are not messages. ');
      client.session.write(data);
      server.session.write(data);
      await converse(client, server);
      const digest = (pieces: Buffer[]) => createHash('sha256').update(Buffer.concat(pieces)).digest('hex');
      expect(digest(server.plaintext)).toBe(digest([data]));
      expect(digest(client.plaintext)).toBe(digest([data]));
      free(client, server);
    });

    test('a certificate of the wrong name: nothing is said that would finish the handshake', async () => {
      const [client, server] = await connected(limits, limits, 'wrong.test');
      expect(client.events).toEqual(['ERR_TLS_CERT_ALTNAME_INVALID']);
      expect(client.error!.message).toContain('wrong.test');
      expect(client.error!.name).toBe('OSError');
      if (engine === 'best') expect(server.events).toEqual([]);
      free(client, server);
    });

    test.each(['127.0.0.1', '::1', 'a.example.test', ''])('the name %p is one of the certificate', async (name) => {
      const [client, server] = await connected(limits, limits, name);
      expect(client.events).toEqual(['secure']);
      expect(client.session.info.serverName).toBe(name === 'a.example.test' ? name : null);
      free(client, server);
    });

    test.each([
      ['expired', {}, 'CERT_HAS_EXPIRED'],
      ['unknown', {}, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
      ['server', { ca: pem('other-ca.crt') }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ])('the certificate of %s with %p is refused: %s', async (who, options, code) => {
      const [client, server] = await connected({ ...limits, ...identity(who) }, { ...limits, ...options });
      expect(client.events).toEqual([code]);
      if (engine === 'best') {
        expect(server.events).toHaveLength(1);
        expect(server.events[0]).toMatch(/^ERR_SSL_.*ALERT/); // the client has said why
      }
      free(client, server);
    });

    test('rejectUnauthorized: false takes any certificate, and tells what is wrong with it', async () => {
      const [client, server] = await connected(
        { ...limits, ...identity('expired') },
        { ...limits, rejectUnauthorized: false },
        'wrong.test',
      );
      expect(client.events).toEqual(['secure']);
      expect(client.session.info.authorizationError).toMatchObject({ code: 'CERT_HAS_EXPIRED', name: 'OSError' });
      free(client, server);
    });

    test('without ca the roots of Node are trusted, and ours is not among them', async () => {
      const [client, server] = ends(limits, true);
      await converse(client, server);
      expect(client.events).toEqual(['UNABLE_TO_VERIFY_LEAF_SIGNATURE']);
      free(client, server);
    });

    test('a client certificate that is asked for, shown and verified', async () => {
      const [client, server] = await connected(
        { ...limits, ca, requestCert: true },
        { ...limits, ...identity('client') },
      );
      expect([client.events, server.events]).toEqual([['secure'], ['secure']]);
      expect(server.session.info.peerCertificates[0]!.subject).toContain('A Client');
      expect(server.session.info.authorizationError).toBe(null);
      free(client, server);
    });

    test.each([
      ['none', {}, 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE'],
      ['an expired one', identity('expired-client'), 'CERT_HAS_EXPIRED'],
      ['an unknown one', identity('unknown-client'), 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
      ['that of a server', identity('second'), 'INVALID_PURPOSE'],
    ])('a client certificate is required: %s does not do', async (_title, options, code) => {
      const [client, server] = await connected({ ...limits, ca, requestCert: true }, { ...limits, ...options });
      if (engine === 'best') expect(server.events).toEqual([code]);
      else expect(server.events).toHaveLength(1);
      expect(server.error).not.toBe(null);
      free(client, server);
    });

    test('a client certificate is asked for and not insisted on', async () => {
      const wanted = { ...limits, ca, requestCert: true, rejectUnauthorized: false };
      const [client, server] = await connected(wanted, limits);
      expect(server.events).toEqual(['secure']);
      expect(server.session.info.peerCertificates).toEqual([]);
      free(client, server);
      const [late, asked] = await connected(wanted, { ...limits, ...identity('expired-client') });
      expect(asked.events).toEqual(['secure']);
      expect(asked.session.info.authorizationError).toMatchObject({ code: 'CERT_HAS_EXPIRED' });
      expect(asked.session.info.peerCertificates[0]!.subject).toContain('Late Client');
      free(late, asked);
    });

    test('ALPN: the server chooses, in its order', async () => {
      const [client, server] = await connected(
        { ...limits, ALPNProtocols: ['h2', 'http/1.1', 'x'] },
        { ...limits, ALPNProtocols: ['x', 'http/1.1'] },
      );
      expect([client.session.info.alpnProtocol, server.session.info.alpnProtocol]).toEqual(['http/1.1', 'http/1.1']);
      free(client, server);
    });

    test('ALPN: only one side speaks of it, or both have nothing in common', async () => {
      const spoken = { ...limits, ALPNProtocols: ['h2'] };
      for (const [here, there] of [
        [limits, spoken],
        [spoken, limits],
      ]) {
        const [client, server] = await connected(here, there);
        expect(client.session.info.alpnProtocol).toBe(null);
        free(client, server);
      }
      const [client, server] = await connected(spoken, { ...limits, ALPNProtocols: ['smtp'] });
      expect(client.events).toHaveLength(1);
      expect(client.events[0]).toMatch(/^ERR_SSL_/);
      expect(server.events).toHaveLength(1);
      free(client, server);
    });

    test('SNI: the callback chooses the certificate by name, at once or later', async () => {
      const asked: string[] = [];
      const server = (): TlsOptions => ({
        ...limits,
        SNICallback: (name, callback) => {
          asked.push(name);
          if (name === 'second.test') setImmediate(() => callback(null, contextOf('second', limits)));
          else callback(null);
        },
      });
      for (const name of ['second.test', 'localhost', '127.0.0.1']) {
        const [client, end] = await connected(server(), limits, name);
        expect(client.events).toEqual(['secure']);
        expect(end.session.info.serverName).toBe(name === '127.0.0.1' ? null : name);
        free(client, end);
      }
      expect(asked).toEqual(['second.test', 'localhost']);
    });

    test('SNI: the callback fails, throws, or gives nonsense', async () => {
      const fails: TlsOptions['SNICallback'][] = [
        (_name, callback) => callback(Object.assign(new Error('no such host'), { code: 'E_HOST' })),
        () => {
          throw new Error('bug');
        },
        (_name, callback) => callback(null, 'context' as never),
      ];
      for (const SNICallback of fails) {
        const [client, server] = await connected({ ...limits, SNICallback: SNICallback! }, limits);
        expect(server.error).not.toBe(null);
        expect(server.events).toHaveLength(1);
        expect(client.events).toEqual([]);
        free(client, server);
      }
    });

    test('a session that another server gave, or nonsense, leads to a full handshake', async () => {
      const [other, otherServer] = await connected(limits, limits);
      const { session } = other.session.info;
      expect(session === null).toBe(engine === 'node');
      free(other, otherServer);
      for (const useless of [
        ...(session === null ? [] : [session, session.subarray(0, 50)]),
        Buffer.from('nonsense'),
        Buffer.alloc(0),
      ]) {
        const [client, server] = await connected(limits, { ...limits, session: useless });
        expect([client.events, client.session.info.sessionReused]).toEqual([['secure'], false]);
        free(client, server);
      }
    });

    test('every way to split the handshake into two, and into single bytes', async () => {
      const whole = await connected(limits, limits);
      free(...whole);
      for (const size of [1, 2, 3, 5, 6, 7, 64, 100, 1000]) {
        const [client, server] = ends(limits, limits);
        await converse(client, server, size);
        expect([client.events, server.events]).toEqual([['secure'], ['secure']]);
        server.session.write(Buffer.from('hello'));
        await converse(client, server, size);
        expect(client.received).toBe('hello');
        free(client, server);
      }
    });

    test('a damaged record after the handshake', async () => {
      const [client, server] = await connected(limits, limits);
      client.session.write(Buffer.from('important'));
      const record = client.take();
      record[record.length - 3]! ^= 1;
      server.receive(record);
      await converse(client, server);
      expect(server.received).toBe('');
      expect(server.events).toHaveLength(2);
      expect(server.events[1]).toMatch(/^ERR_SSL_(DECRYPTION_FAILED_OR_BAD_RECORD_MAC|CIPHER_OPERATION_FAILED)$/);
      expect(client.events[1]).toMatch(/^ERR_SSL_.*BAD_RECORD_MAC/);
      free(client, server);
    });

    test('a record that is cut off is no data, no close-notify and no error', async () => {
      const [client, server] = await connected(limits, limits);
      client.session.write(Buffer.from('important'));
      const record = client.take();
      server.receive(record.subarray(0, record.length - 1));
      await turns(5);
      expect([server.received, server.events]).toEqual(['', ['secure']]);
      free(client, server);
    });

    test('data together with the end of the handshake, and with the close-notify', async () => {
      const [client, server] = ends(limits, limits);
      // The client is secure first in TLS 1.3, the server in 1.2: whoever is, sends at once.
      for (let i = 0; i < 20 && !(client.isSecure && server.isSecure); i++) {
        for (const end of [client, server]) {
          const other = end === client ? server : client;
          if (end.isSecure && end.plaintext.length === 0 && other.plaintext.length === 0) {
            end.session.write(Buffer.from('early'));
            end.session.end(() => undefined);
            await turns(5);
          }
          other.receive(end.take());
          await turns(5);
        }
      }
      await converse(client, server);
      const [late] = [client, server].filter((end) => end.events.includes('close-notify'));
      expect(late!.received).toBe('early');
      expect(late!.events).toEqual(['secure', 'close-notify']);
      free(client, server);
    });
  });

  test('no common version', async () => {
    const [client, server] = await connected({ maxVersion: 'TLSv1.2' }, { minVersion: 'TLSv1.3' });
    expect(client.events).toHaveLength(1);
    expect(client.error!.code).toMatch(/^ERR_SSL_/);
    expect(server.events).toHaveLength(1);
    free(client, server);
  });

  test.each(['HTTP/1.1 400 Bad Request\r\n\r\n', 'SSH-2.0-OpenSSH_9.6\r\n', '\u0000'.repeat(100)])(
    'garbage in place of a handshake: %p',
    async (text) => {
      const [client, server] = ends();
      client.receive(Buffer.from(text, 'latin1'));
      server.receive(Buffer.from(text, 'latin1'));
      await turns(5);
      for (const end of [client, server]) {
        expect(end.events).toHaveLength(1);
        expect(end.error!.code).toMatch(/^ERR_SSL_/);
        expect(end.error!.name).toBe('OSError');
      }
      free(client, server);
    },
  );

  test("the code of garbage is Node's", async () => {
    const [client, server] = ends();
    client.receive(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await turns(5);
    expect(client.error!.code).toBe('ERR_SSL_WRONG_VERSION_NUMBER');
    free(client, server);
  });

  test('after free nothing happens any more', async () => {
    const [client, server] = await connected();
    client.session.write(Buffer.from('data'));
    const record = client.take();
    server.session.free();
    server.session.free();
    server.receive(record);
    server.session.write(Buffer.from('x'));
    server.session.end(() => server.events.push('ended'));
    await turns(5);
    expect([server.events, server.outgoing.length]).toEqual([['secure', 'ended'], 0]);
    free(client);
  });

  test('a session that is freed by its own callbacks', async () => {
    for (const when of ['onSecure', 'onPlaintext', 'onCloseNotify'] as const) {
      const [client, server] = ends();
      server[when] = (): void => {
        server.events.push(when);
        server.session.free();
      };
      await converse(client, server);
      if (client.isSecure) client.session.write(Buffer.from('data'));
      if (client.isSecure) client.session.end(() => undefined);
      await converse(client, server);
      expect(server.events.at(-1)).toBe(when);
      free(client, server);
    }
  });
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (version) => {
  const limits = { minVersion: version, maxVersion: version };

  test('a session is resumed: nothing is proven again, and it is still checked', async () => {
    const context = createSecureContext({ ...identity('server'), ...limits });
    const settings = serverSettings('test', { secureContext: context });
    const dial = async (client: TlsOptions = {}, hostname = 'localhost'): Promise<[client: End, server: End]> => {
      const pair: [End, End] = [new End({ ca, ...limits, ...client }, hostname), new End(settings, null)];
      await converse(...pair);
      return pair;
    };
    const [first, firstServer] = await dial();
    expect(firstServer.session.info.session).toBeNull();
    const session = first.session.info.session!;
    expect(session.length).toBeGreaterThan(100);
    free(first, firstServer);
    expect(first.session.info.session).toEqual(session);

    const [second, secondServer] = await dial({ session });
    expect([second.events, secondServer.events]).toEqual([['secure'], ['secure']]);
    expect([second.session.info.sessionReused, secondServer.session.info.sessionReused]).toEqual([true, true]);
    expect(second.session.info.peerCertificates).toHaveLength(1);
    second.session.write(Buffer.from('question'));
    await converse(second, secondServer);
    expect(secondServer.received).toBe('question');
    free(second, secondServer);

    const checks: string[] = [];
    const check = (name: string): Error | undefined => (checks.push(name), new Error('not this one'));
    const [refused, refusedServer] = await dial({ session, checkServerIdentity: check });
    expect([refused.isSecure, checks]).toEqual([false, ['localhost']]);
    free(refused, refusedServer);
  });

  test('a session of a server that nobody vouched for is not trusted when it is resumed', async () => {
    const context = createSecureContext({ ...identity('unknown'), ...limits });
    const settings = serverSettings('test', { secureContext: context });
    const dial = async (client: TlsOptions): Promise<[client: End, server: End]> => {
      const pair: [End, End] = [new End({ ca, ...limits, ...client }, 'localhost'), new End(settings, null)];
      await converse(...pair);
      return pair;
    };
    const [careless, server] = await dial({ rejectUnauthorized: false });
    const session = careless.session.info.session!;
    free(careless, server);
    const [again, sameServer] = await dial({ session, rejectUnauthorized: false });
    expect(again.session.info.sessionReused).toBe(true);
    expect(again.session.info.authorizationError!.code).toMatch(/^UNABLE_TO_/);
    free(again, sameServer);
    const [careful, lastServer] = await dial({ session });
    expect(careful.isSecure).toBe(false);
    expect(careful.error!.code).toMatch(/^UNABLE_TO_/);
    free(careful, lastServer);
  });
});

test('a session has to be bytes', () => {
  for (const session of ['text', 5, {}, []]) {
    expect(() => new End({ ca, session } as never, 'localhost')).toThrow(TypeError);
  }
});

test('a peer without any certificate is nobody: anonymous ciphers do not pass', async () => {
  const anonymous = { ciphers: 'aNULL:@SECLEVEL=0', maxVersion: 'TLSv1.2' } as const;
  const server = new End(anonymous, null);
  const client = new End({ ...anonymous, ca }, 'localhost');
  await converse(client, server);
  expect(client.events).toEqual(['ERR_TLS_PEER_WITHOUT_CERTIFICATE']);
  free(client, server);
  const [careless, again] = [new End({ ...anonymous, rejectUnauthorized: false }, 'x'), new End(anonymous, null)];
  await converse(careless, again);
  expect(careless.events).toEqual(['secure']);
  free(careless, again);
});

test('a client that sends on and on while its name is being looked up', () => {
  const server = new End({ ...identity('server'), SNICallback: () => undefined }, null);
  const client = new End({ ca }, 'localhost');
  server.receive(client.take());
  for (let i = 0; i < 3; i++) server.receive(Buffer.alloc(16_000));
  expect(server.events).toEqual([]);
  for (let i = 0; i < 10; i++) server.receive(Buffer.alloc(16_000));
  expect(server.events).toEqual(['EPROTO']);
  free(client, server);
});

describe('a secure context that is given to Node in the middle', () => {
  const give = (context: SecureContext): void => {
    const bridge = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    new TLSSocket(bridge, { secureContext: context }).destroy();
  };

  test('after the handshake: the tickets of a server reach no callback of Node', () => {
    const context = createSecureContext({ ca });
    const [server, client] = [new End(identity('server'), null), new End({ secureContext: context }, 'localhost')];
    server.receive(client.take());
    client.receive(server.take());
    server.receive(client.take());
    expect([client.events, server.events]).toEqual([['secure'], ['secure']]);
    const tickets = server.take();
    expect(tickets.length).toBeGreaterThan(100);
    give(context);
    server.session.write(Buffer.from('data'));
    client.receive(tickets);
    client.receive(server.take());
    expect(client.received).toBe('data');
    free(client, server);
  });

  test('before it is over: an error that says so', () => {
    const context = contextOf('server');
    const [server, client] = [new End({ secureContext: context }, null), new End({ ca }, 'localhost')];
    give(context);
    server.receive(client.take());
    expect(server.events).toEqual(['ERR_TLS_CONTEXT_SHARED']);
    free(client, server);
  });
});

test('a session that is dropped without free is freed by the garbage collector', async () => {
  const { collectGarbage } = await import('@tsyncio/test-support');
  await connected();
  await collectGarbage(() => liveCount() === 0);
  expect(liveCount()).toBe(0);
});
