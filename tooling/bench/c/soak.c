/*
 * The client of the soak: soak port connections at_once parts
 *
 * Makes so many short connections, `at_once` at a time: connects, sends 64 bytes, receives them again, closes. After each of the parts everything is
 * closed; then it prints {"done", "seconds"} and waits for a line, so that the server can be looked at while nothing happens.
 *
 * soak port connections: opens them and keeps them idle until the end of its input.
 */
#include "program.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

#define SIZE 64

struct connection {
  int fd, sent;
  size_t received;
};

static int epoll, port;
static const char *address;
static long started, finished;
static char message[SIZE], input[SIZE];

static void begin(struct connection *c) {
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) fail("socket");
  /* Each address has its own ports: those of closed connections stay taken for a minute. */
  int one = 1;
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010000 + (started / 8000) % 250)};
  setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  if (bind(c->fd, (void *)&from, sizeof from) < 0) fail("bind");
  struct sockaddr_in to = loopback(port);
  if (connect(c->fd, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS) fail("connect");
  c->sent = 0;
  c->received = 0;
  started++;
  watch(epoll, EPOLL_CTL_ADD, c->fd, EPOLLOUT, c);
}

/* Whether the connection has done its work. */
static int step(struct connection *c) {
  if (!c->sent) {
    int error;
    socklen_t length = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    errno = error;
    if (error != 0) fail("connect");
    if (send(c->fd, message, SIZE, MSG_NOSIGNAL) != SIZE) fail("send");
    c->sent = 1;
    watch(epoll, EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
    return 0;
  }
  ssize_t n = recv(c->fd, input + c->received, SIZE - c->received, 0);
  if (n < 0 && errno == EAGAIN) return 0;
  if (n < 0) fail("recv");
  if (n == 0) {
    fprintf(stderr, "soak: the server has closed a connection\n");
    exit(1);
  }
  c->received += n;
  return c->received == SIZE;
}

static void pause_for_a_look(int64_t began) {
  char line[64];
  printf("{\"done\": %ld, \"seconds\": %.3f}\n", finished, (now() - began) / 1e9);
  fflush(stdout);
  if (read(0, line, sizeof line) <= 0) exit(1);
}

static void keep_idle(long connections) {
  char line[64];
  for (long i = 0; i < connections; i++) connect_to(address);
  printf("{\"open\": %ld}\n", connections);
  fflush(stdout);
  while (read(0, line, sizeof line) > 0) continue;
}

int main(int argc, char **argv) {
  if (argc != 3 && argc != 5) return 2;
  address = argv[1];
  port = atoi(address);
  long connections = atol(argv[2]);
  if (argc == 3) {
    keep_idle(connections);
    return 0;
  }
  long at_once = atol(argv[3]), parts = atol(argv[4]);
  struct epoll_event events[256];
  struct connection *all = calloc(at_once, sizeof *all);
  memset(message, 'x', SIZE);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  for (long part = 1; part <= parts; part++) {
    long until = connections * part / parts;
    int64_t began = now();
    for (long i = 0; i < at_once && started < until; i++) begin(&all[i]);
    while (finished < until) {
      int n = epoll_wait(epoll, events, 256, 10000);
      if (n == 0) {
        fprintf(stderr, "soak: nothing for ten seconds, after %ld connections\n", finished);
        return 1;
      }
      for (int i = 0; i < n; i++) {
        struct connection *c = events[i].data.ptr;
        if (!step(c)) continue;
        close(c->fd);
        finished++;
        if (started < until) begin(c);
      }
    }
    pause_for_a_look(began);
  }
  return 0;
}
