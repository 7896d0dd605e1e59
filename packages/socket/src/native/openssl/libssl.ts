import { koffi } from '../koffi.js';
import { OPENSSL_3, OPENSSL_4 } from './constants.js';

/** Every function of OpenSSL that is used. Pointers are numbers; those that OpenSSL keeps are never to memory of V8. */
function declareOpenssl() {
  const library = koffi().load(null);
  const declare = <F extends (...args: never[]) => number | string | null | void>(
    name: string,
    result: string,
    ...parameters: string[]
  ): F => library.func(name, result, parameters) as unknown as F;
  /** Takes one pointer, usually the `SSL`, and gives a number. */
  const query = (name: string, result = 'int') => declare<(pointer: number) => number>(name, result, 'uintptr_t');
  const text = (name: string) => declare<(pointer: number) => string | null>(name, 'string', 'uintptr_t');
  const dispose = (name: string) => declare<(pointer: number) => void>(name, 'void', 'uintptr_t');
  return {
    version: declare<() => number>('OpenSSL_version_num', 'ulong'),

    // The error queue of this thread.
    clearErrors: declare<() => void>('ERR_clear_error', 'void'),
    nextError: declare<() => number>('ERR_get_error', 'ulong'),
    libraryName: declare<(error: number) => string | null>('ERR_lib_error_string', 'string', 'ulong'),
    reasonText: declare<(error: number) => string | null>('ERR_reason_error_string', 'string', 'ulong'),
    verifyText: declare<(result: number) => string | null>('X509_verify_cert_error_string', 'string', 'long'),

    // SSL: its life.
    create: declare<(context: number) => number>('SSL_new', 'uintptr_t', 'uintptr_t'),
    free: dispose('SSL_free'),
    setBio: declare<(ssl: number, read: number, write: number) => void>(
      'SSL_set_bio',
      'void',
      'uintptr_t',
      'uintptr_t',
      'uintptr_t',
    ),
    accept: dispose('SSL_set_accept_state'),
    connect: dispose('SSL_set_connect_state'),
    control: declare<(ssl: number, command: number, long: number, pointer: Uint8Array | null) => number>(
      'SSL_ctrl',
      'long',
      'uintptr_t',
      'int',
      'long',
      'void *',
    ),
    setOptions: declare<(ssl: number, options: number) => number>(
      'SSL_set_options',
      'uint64_t',
      'uintptr_t',
      'uint64_t',
    ),
    setVerify: declare<(ssl: number, mode: number, callback: number) => void>(
      'SSL_set_verify',
      'void',
      'uintptr_t',
      'int',
      'uintptr_t',
    ),
    setSessionContext: declare<(ssl: number, id: Uint8Array, length: number) => number>(
      'SSL_set_session_id_context',
      'int',
      'uintptr_t',
      'void *',
      'uint',
    ),
    setProtocols: declare<(ssl: number, list: Uint8Array, length: number) => number>(
      'SSL_set_alpn_protos',
      'int',
      'uintptr_t',
      'void *',
      'uint',
    ),

    // SSL: its work.
    handshake: query('SSL_do_handshake'),
    read: declare<(ssl: number, address: number, length: number) => number>(
      'SSL_read',
      'int',
      'uintptr_t',
      'uintptr_t',
      'int',
    ),
    write: declare<(ssl: number, data: Uint8Array, length: number) => number>(
      'SSL_write',
      'int',
      'uintptr_t',
      'void *',
      'int',
    ),
    shutdown: query('SSL_shutdown'),
    errorOf: declare<(ssl: number, result: number) => number>('SSL_get_error', 'int', 'uintptr_t', 'int'),
    pending: query('SSL_pending'),

    // SSL: what came of it.
    verifyResult: query('SSL_get_verify_result', 'long'),
    protocolVersion: text('SSL_get_version'),
    cipher: query('SSL_get_current_cipher', 'uintptr_t'),
    cipherName: text('SSL_CIPHER_get_name'),
    cipherVersion: text('SSL_CIPHER_get_version'),
    cipherBits: declare<(cipher: number, algorithm: null) => number>(
      'SSL_CIPHER_get_bits',
      'int',
      'uintptr_t',
      'void *',
    ),
    compression: query('SSL_get_current_compression', 'uintptr_t'),
    compressionName: text('SSL_COMP_get_name'),
    sessionReused: query('SSL_session_reused'),

    // SSL_SESSION.
    session: query('SSL_get_session', 'uintptr_t'),
    resumable: query('SSL_SESSION_is_resumable'),
    sessionLength: declare<(session: number, out: null) => number>('i2d_SSL_SESSION', 'int', 'uintptr_t', 'void *'),
    sessionBytes: declare<(session: number, out: number) => number>('i2d_SSL_SESSION', 'int', 'uintptr_t', 'uintptr_t'),
    parseSession: declare<(reuse: null, at: number, length: number) => number>(
      'd2i_SSL_SESSION',
      'uintptr_t',
      'void *',
      'uintptr_t',
      'long',
    ),
    setSession: declare<(ssl: number, session: number) => number>('SSL_set_session', 'int', 'uintptr_t', 'uintptr_t'),
    freeSession: dispose('SSL_SESSION_free'),

    serverName: declare<(ssl: number, type: number) => string | null>(
      'SSL_get_servername',
      'string',
      'uintptr_t',
      'int',
    ),
    selectedProtocol: declare<(ssl: number, at: number, length: number) => void>(
      'SSL_get0_alpn_selected',
      'void',
      'uintptr_t',
      'uintptr_t',
      'uintptr_t',
    ),
    peerCertificate: query('SSL_get0_peer_certificate', 'uintptr_t'),
    peerChain: query('SSL_get_peer_cert_chain', 'uintptr_t'),
    stackLength: query('OPENSSL_sk_num'),
    stackItem: declare<(stack: number, index: number) => number>('OPENSSL_sk_value', 'uintptr_t', 'uintptr_t', 'int'),
    certificateLength: declare<(certificate: number, out: null) => number>('i2d_X509', 'int', 'uintptr_t', 'void *'),
    certificateBytes: declare<(certificate: number, out: number) => number>(
      'i2d_X509',
      'int',
      'uintptr_t',
      'uintptr_t',
    ),

    // SSL_CTX: only asked, but for the two callbacks.
    contextControl: declare<(context: number, command: number, long: number, pointer: null) => number>(
      'SSL_CTX_ctrl',
      'long',
      'uintptr_t',
      'int',
      'long',
      'void *',
    ),
    newSessionCallback: query('SSL_CTX_sess_get_new_cb', 'uintptr_t'),
    setNewSessionCallback: declare<(context: number, callback: number) => void>(
      'SSL_CTX_sess_set_new_cb',
      'void',
      'uintptr_t',
      'uintptr_t',
    ),
    keylogCallback: query('SSL_CTX_get_keylog_callback', 'uintptr_t'),
    setKeylogCallback: declare<(context: number, callback: number) => void>(
      'SSL_CTX_set_keylog_callback',
      'void',
      'uintptr_t',
      'uintptr_t',
    ),
    setSelectProtocol: declare<(context: number, callback: number, argument: number) => void>(
      'SSL_CTX_set_alpn_select_cb',
      'void',
      'uintptr_t',
      'uintptr_t',
      'uintptr_t',
    ),

    // BIO.
    bioPair: declare<(ssl: number, sslSize: number, network: number, networkSize: number) => number>(
      'BIO_new_bio_pair',
      'int',
      'uintptr_t',
      'size_t',
      'uintptr_t',
      'size_t',
    ),
    bioUpRef: query('BIO_up_ref'),
    bioFree: query('BIO_free'),
    bioControl: declare<(bio: number, command: number, long: number, pointer: null) => number>(
      'BIO_ctrl',
      'long',
      'uintptr_t',
      'int',
      'long',
      'void *',
    ),
    bioPending: query('BIO_ctrl_pending', 'size_t'),
    bioSpace: declare<(bio: number, out: number) => number>('BIO_nwrite0', 'int', 'uintptr_t', 'uintptr_t'),
    bioReserve: declare<(bio: number, out: number, length: number) => number>(
      'BIO_nwrite',
      'int',
      'uintptr_t',
      'uintptr_t',
      'int',
    ),
    bioTake: declare<(bio: number, out: number, length: number) => number>(
      'BIO_nread',
      'int',
      'uintptr_t',
      'uintptr_t',
      'int',
    ),

    /** A function that takes anything and gives a positive number: "go on" as a verification callback, without calling JavaScript. */
    acceptAny: Number(library.symbol('X509_PURPOSE_get_count', 'void') as bigint),
  };
}

/** The functions of {@link openssl}. */
export type Openssl = ReturnType<typeof declareOpenssl>;

let declared: Openssl | undefined;

/**
 * The functions of the OpenSSL inside of Node's own binary, which exports them for addons. Declared at the first call.
 *
 * @throws Error if one is missing (Electron's BoringSSL, unusual builds), or the version is not 3.
 */
export function openssl(): Openssl {
  if (declared !== undefined) return declared;
  const functions = declareOpenssl();
  const version = functions.version();
  if (!(version >= OPENSSL_3 && version < OPENSSL_4)) {
    throw new Error(`OpenSSL 3 was expected, Node has 0x${version.toString(16)}`);
  }
  return (declared = functions);
}
