/* What the C programs of the benchmarks share. Linux. */
#ifndef PROGRAM_H
#define PROGRAM_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/* Monotonic nanoseconds. */
static inline int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Seconds of processor time of this process, user and system. */
static inline double cpu_seconds(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static inline void set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

static inline void set_nodelay(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static inline struct sockaddr_in loopback(int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  return a;
}

/* An address of the benchmarks: a port of the loopback interface, "udp:" and a port, or the path of a Unix socket. */
struct address {
  int family, type;
  socklen_t length;
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_un un;
  } to;
};

static inline struct address address_of(const char *text) {
  struct address a = {.family = AF_INET, .type = SOCK_STREAM, .length = sizeof a.to.in};
  if (text[0] == '/') {
    a.family = AF_UNIX;
    a.length = sizeof a.to.un;
    a.to.un.sun_family = AF_UNIX;
    strncpy(a.to.un.sun_path, text, sizeof a.to.un.sun_path - 1);
    return a;
  }
  int datagrams = strncmp(text, "udp:", 4) == 0;
  if (datagrams) a.type = SOCK_DGRAM;
  a.to.in = loopback(atoi(datagrams ? text + 4 : text));
  return a;
}

/* A non-blocking socket that is bound to an address, port 0 for any; a stream listens. Tells where, as every server of the benchmarks does. */
static inline int serve_and_tell(const char *text) {
  struct address a = address_of(text);
  int fd = socket(a.family, a.type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (bind(fd, &a.to.any, a.length) < 0) fail("bind");
  if (a.type == SOCK_STREAM && listen(fd, 1024) < 0) fail("listen");
  getsockname(fd, &a.to.any, &a.length);
  if (a.family == AF_UNIX) printf("{\"port\": \"%s\"}\n", text);
  else printf("{\"port\": \"%s%d\"}\n", a.type == SOCK_DGRAM ? "udp:" : "", ntohs(a.to.in.sin_port));
  fflush(stdout);
  return fd;
}

static inline int connect_to(const char *text) {
  struct address a = address_of(text);
  int fd = socket(a.family, a.type | SOCK_CLOEXEC, 0);
  if (connect(fd, &a.to.any, a.length) < 0) fail("connect");
  if (a.family == AF_INET && a.type == SOCK_STREAM) set_nodelay(fd);
  return fd;
}

/* Serves the standard input of a server: each line asks for its processor time, the end of input ends it. */
static inline void control(void) {
  char line[64];
  if (read(0, line, sizeof line) <= 0) exit(0);
  printf("{\"cpu\": %.6f}\n", cpu_seconds());
  fflush(stdout);
}

static inline void watch(int epoll, int operation, int fd, uint32_t events, void *data) {
  struct epoll_event e = {.events = events, .data.ptr = data};
  if (epoll_ctl(epoll, operation, fd, &e) < 0) fail("epoll_ctl");
}
#endif
