/*
 * The client of the echo benchmarks: load address connections size depth pause_us warm_up_s seconds
 *
 * Every connection keeps `depth` messages of `size` bytes on their way; with a pause it waits so long before each. After a warm-up it lets
 * everything arrive, prints "ready" and waits for a line, so that the server's processor time can be taken while nothing happens. Then it
 * counts, and prints {"rate", "messages", "p50", "p99"}: messages a second, all that were echoed since, and microseconds from send to the
 * last byte of the echo.
 */
#include "latency.h"
#include "link.h"

struct connection {
  struct link link;
  int writing;         /* EPOLLOUT is asked for */
  size_t to_send;      /* bytes that are due and not yet taken by the kernel */
  size_t received;     /* of the message that is arriving */
  int64_t *sent_at;    /* a ring of the messages on their way */
  int first, on_way;
};

static char *data, input[256 * 1024];
static size_t size;
static int depth, epoll, datagrams, sending = 1;
static useconds_t pause_us;
static uint64_t messages, on_way;

static void flush(struct connection *c) {
  while (c->to_send > 0) {
    size_t most = datagrams ? size : size * depth;
    ssize_t n = link_send(&c->link, data, c->to_send < most ? c->to_send : most);
    if (n < 0 && errno != EAGAIN) fail("send");
    if (n < 0) break;
    c->to_send -= n;
  }
  int writing = c->to_send > 0;
  if (writing == c->writing) return;
  c->writing = writing;
  watch(epoll, EPOLL_CTL_MOD, c->link.fd, EPOLLIN | (writing ? EPOLLOUT : 0), c);
}

static void start(struct connection *c, int count) {
  if (count == 0 || !sending) return;
  int64_t t = now();
  for (int i = 0; i < count; i++) c->sent_at[(c->first + c->on_way++) % depth] = t;
  on_way += count;
  c->to_send += count * size;
  flush(c);
}

static void on_data(struct connection *c, ssize_t n) {
  if (n < 0) fail("recv");
  if (n == 0) {
    fprintf(stderr, "load: the server has closed a connection\n");
    exit(1);
  }
  int64_t t = now();
  int count = 0;
  for (c->received += n; c->received >= size; c->received -= size) {
    if (c->on_way == 0) {
      fprintf(stderr, "load: more came back than was sent\n");
      exit(1);
    }
    add_latency(t - c->sent_at[c->first]);
    c->first = (c->first + 1) % depth;
    c->on_way--;
    count++;
  }
  messages += count;
  on_way -= count;
  if (pause_us > 0 && count > 0) usleep(pause_us);
  start(c, count);
}

static void on_readable(struct connection *c) {
  do {
    ssize_t n = link_recv(&c->link, input, sizeof input);
    if (n < 0 && errno == EAGAIN) return;
    on_data(c, n);
  } while (link_pending(&c->link));
}

/* Until the time is over, or with no time until everything has arrived. */
static void run(int64_t until) {
  struct epoll_event events[256];
  while (until != 0 ? now() < until : on_way > 0) {
    int n = epoll_wait(epoll, events, 256, 100);
    for (int i = 0; i < n; i++) {
      struct connection *c = events[i].data.ptr;
      if ((events[i].events & EPOLLOUT) != 0) flush(c);
      if ((events[i].events & ~EPOLLOUT) != 0) on_readable(c);
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 8) return 2;
  int connections = atoi(argv[2]);
  datagrams = strncmp(argv[1], "udp:", 4) == 0;
  size = atol(argv[3]);
  depth = atoi(argv[4]);
  pause_us = atoi(argv[5]);
  double warm_up = atof(argv[6]), seconds = atof(argv[7]);
  alarm((unsigned)(warm_up + seconds) + 20); /* whatever happens to the server */
  data = calloc(depth, size);
  memset(data, 'x', size * depth);
  epoll = epoll_create1(0);
  tls_begin(NULL, NULL);
  struct connection *all = calloc(connections, sizeof *all);
  for (int i = 0; i < connections; i++) {
    link_open(&all[i].link, connect_to(argv[1]), 0);
    set_nonblocking(all[i].link.fd);
    all[i].sent_at = calloc(depth, sizeof(int64_t));
    watch(epoll, EPOLL_CTL_ADD, all[i].link.fd, EPOLLIN, &all[i]);
  }
  for (int i = 0; i < connections; i++) start(&all[i], depth);
  run(now() + (int64_t)(warm_up * 1e9));
  sending = 0;
  run(0);
  printf("ready\n");
  fflush(stdout);
  char line[64];
  if (read(0, line, sizeof line) <= 0) return 1;

  forget_latencies();
  messages = 0;
  sending = 1;
  int64_t began = now();
  for (int i = 0; i < connections; i++) start(&all[i], depth);
  run(began + (int64_t)(seconds * 1e9));
  double took = (now() - began) / 1e9;
  uint64_t counted = messages;
  sending = 0;
  run(0);
  printf("{\"rate\": %.1f, \"messages\": %llu, \"p50\": %.2f, \"p99\": %.2f}\n", counted / took, (unsigned long long)messages,
         percentile(0.5, messages), percentile(0.99, messages));
  return 0;
}
