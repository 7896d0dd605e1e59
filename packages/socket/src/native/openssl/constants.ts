/** Numbers of OpenSSL 3, the same in every 3.x: part of its stable binary interface. */

/** `SSL_get_error`. */
export const SSL_ERROR_SSL = 1;
export const SSL_ERROR_WANT_READ = 2;
export const SSL_ERROR_WANT_WRITE = 3;
export const SSL_ERROR_ZERO_RETURN = 6;

/** `SSL_set_verify`. */
export const SSL_VERIFY_NONE = 0;
export const SSL_VERIFY_PEER = 1;
export const SSL_VERIFY_FAIL_IF_NO_PEER_CERT = 2;

/** `SSL_set_options`. */
export const SSL_OP_NO_RENEGOTIATION = 0x4000_0000;

/** Commands of `SSL_ctrl` and `SSL_CTX_ctrl`. */
export const SSL_CTRL_MODE = 33;
export const SSL_CTRL_SET_TLSEXT_HOSTNAME = 55;
export const SSL_CTRL_GET_MIN_PROTO_VERSION = 130;
export const SSL_CTRL_GET_MAX_PROTO_VERSION = 131;

/** `SSL_CTRL_MODE`: a connection that is idle holds no record buffers (34 kB less). */
export const SSL_MODE_RELEASE_BUFFERS = 0x10;

export const TLSEXT_NAMETYPE_HOST_NAME = 0;

/** What an ALPN callback returns. */
export const SSL_TLSEXT_ERR_OK = 0;
export const SSL_TLSEXT_ERR_ALERT_FATAL = 2;
export const SSL_TLSEXT_ERR_NOACK = 3;

/** Commands of `BIO_ctrl`. */
export const BIO_CTRL_RESET = 1;

export const TLS1_2_VERSION = 0x0303;
export const TLS1_3_VERSION = 0x0304;

export const X509_V_OK = 0;
export const X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY = 20;
export const X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE = 21;

/** The oldest OpenSSL whose functions are declared here. */
export const OPENSSL_3 = 0x3000_0000;
/** From here on the numbers may differ. */
export const OPENSSL_4 = 0x4000_0000;
