/*
 * Connections that live for one byte: connections address at_once warm_up_s seconds
 *
 * Keeps `at_once` of them going: connects, sends a byte (with -DTLS after a whole handshake), receives it again, closes. Speaks as load.c does;
 * the latency is that from connect to the echo.
 */
#include "latency.h"
#include "link.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

struct connection {
  struct link link;
  int sent;
  int64_t began;
};

static int epoll, running;
static long started;
static uint64_t finished;
static struct address target;

static void begin(struct connection *c) {
  int fd = socket(target.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  if (target.family == AF_INET) {
    /* Each address has its own ports: those of closed connections stay taken for a minute. */
    int one = 1;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010000 + (started / 8000) % 250)};
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (void *)&from, sizeof from) < 0) fail("bind");
    set_nodelay(fd);
  }
  c->sent = 0;
  c->began = now();
  while (connect(fd, &target.to.any, target.length) < 0 && errno != EINPROGRESS) {
    if (errno != EAGAIN) fail("connect"); /* the queue of a Unix listener is full */
    usleep(50);
  }
  link_open(&c->link, fd, 0);
  started++;
  running++;
  watch(epoll, EPOLL_CTL_ADD, fd, EPOLLOUT | EPOLLIN, c);
}

/* Whether the connection has done its work. */
static int step(struct connection *c) {
  char byte = 'x';
  if (!c->sent) {
    ssize_t n = link_send(&c->link, &byte, 1);
    if (n < 0 && errno != EAGAIN) fail("send");
    c->sent = n == 1;
    /* A handshake waits for what comes. */
    watch(epoll, EPOLL_CTL_MOD, c->link.fd, EPOLLIN, c);
    if (!c->sent) return 0;
  }
  ssize_t n = link_recv(&c->link, &byte, 1);
  if (n < 0 && errno == EAGAIN) return 0;
  if (n < 0) fail("recv");
  if (n == 0) {
    fprintf(stderr, "connections: the server has closed one\n");
    exit(1);
  }
  return 1;
}

/* Until the time is over, and then until all are closed. */
static void run(struct connection *all, int at_once, int64_t until) {
  struct epoll_event events[256];
  for (int i = 0; i < at_once; i++) begin(&all[i]);
  while (running > 0) {
    int n = epoll_wait(epoll, events, 256, 100);
    for (int i = 0; i < n; i++) {
      struct connection *c = events[i].data.ptr;
      if (!step(c)) continue;
      add_latency(now() - c->began);
      link_close(&c->link);
      finished++;
      running--;
      if (now() < until) begin(c);
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int at_once = atoi(argv[2]);
  double warm_up = atof(argv[3]), seconds = atof(argv[4]);
  alarm((unsigned)(warm_up + seconds) + 20); /* whatever happens to the server */
  target = address_of(argv[1]);
  tls_begin(NULL, NULL);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  struct connection *all = calloc(at_once, sizeof *all);
  run(all, at_once, now() + (int64_t)(warm_up * 1e9));
  printf("ready\n");
  fflush(stdout);
  char line[64];
  if (read(0, line, sizeof line) <= 0) return 1;
  forget_latencies();
  finished = 0;
  int64_t began = now();
  run(all, at_once, began + (int64_t)(seconds * 1e9));
  double took = (now() - began) / 1e9;
  printf("{\"rate\": %.1f, \"messages\": %llu, \"p50\": %.2f, \"p99\": %.2f}\n", finished / took,
         (unsigned long long)finished, percentile(0.5, finished), percentile(0.99, finished));
  return 0;
}
