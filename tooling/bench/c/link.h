/*
 * What the bytes of a connection go through: nothing, or with -DTLS OpenSSL, directly on the socket. As recv and send: -1 and EAGAIN when it would
 * block.
 */
#ifndef LINK_H
#define LINK_H
#include "program.h"

struct link {
  int fd;
#ifdef TLS
  void *ssl;
#endif
};

#ifdef TLS
#include <openssl/err.h>
#include <openssl/ssl.h>

static SSL_CTX *tls;

static void fail_tls(const char *what) {
  fprintf(stderr, "%s: ", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

/* A server has a certificate and a key. */
static inline void tls_begin(const char *certificate, const char *key) {
  tls = SSL_CTX_new(certificate == NULL ? TLS_client_method() : TLS_server_method());
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  if (certificate == NULL) return;
  if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1) fail_tls(certificate);
  if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) fail_tls(key);
}

/* The handshake comes with the first bytes. */
static inline void link_open(struct link *l, int fd, int serves) {
  l->fd = fd;
  l->ssl = SSL_new(tls);
  SSL_set_fd(l->ssl, fd);
  if (serves) SSL_set_accept_state(l->ssl);
  else SSL_set_connect_state(l->ssl);
}

static inline ssize_t link_result(struct link *l, int n) {
  if (n > 0) return n;
  int error = SSL_get_error(l->ssl, n);
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) errno = EAGAIN;
  else if (error != SSL_ERROR_SYSCALL) errno = ECONNRESET;
  return -1;
}

static inline ssize_t link_recv(struct link *l, void *data, size_t size) {
  ERR_clear_error();
  return link_result(l, SSL_read(l->ssl, data, size));
}

static inline ssize_t link_send(struct link *l, const void *data, size_t size) {
  ERR_clear_error();
  return link_result(l, SSL_write(l->ssl, data, size));
}

/* Bytes that were received and are not yet asked for: nothing reports them. */
static inline int link_pending(struct link *l) { return SSL_pending(l->ssl) > 0; }

static inline void link_close(struct link *l) {
  SSL_free(l->ssl);
  close(l->fd);
}
#else
static inline void tls_begin(const char *certificate, const char *key) {}

static inline void link_open(struct link *l, int fd, int serves) { l->fd = fd; }

static inline ssize_t link_recv(struct link *l, void *data, size_t size) { return recv(l->fd, data, size, 0); }

static inline ssize_t link_send(struct link *l, const void *data, size_t size) {
  return send(l->fd, data, size, MSG_NOSIGNAL);
}

static inline int link_pending(struct link *l) { return 0; }

static inline void link_close(struct link *l) { close(l->fd); }
#endif
#endif
