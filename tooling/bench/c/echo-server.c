/*
 * The limit of the echo benchmarks: epoll, one thread, one receive and one send for each event.
 * echo-server [address [certificate key]], the address as program.h says
 */
#include "link.h"

struct connection {
  struct link link;
  char *rest; /* what the kernel did not take; nothing is received until it has left */
  size_t from, length;
};

static char buffer[256 * 1024];
static int epoll;

static void end(struct connection *c) {
  link_close(&c->link);
  free(c->rest);
  free(c);
}

static void receive_all(struct connection *c);

static void on_writable(struct connection *c) {
  ssize_t n = link_send(&c->link, c->rest + c->from, c->length - c->from);
  if (n < 0 && errno != EAGAIN) {
    end(c);
    return;
  }
  if (n > 0) c->from += n;
  if (c->from < c->length) return;
  free(c->rest);
  c->rest = NULL;
  watch(epoll, EPOLL_CTL_MOD, c->link.fd, EPOLLIN, c);
  if (link_pending(&c->link)) receive_all(c);
}

/* Whether there may be more to receive that nothing will report. */
static int on_readable(struct connection *c) {
  ssize_t n = link_recv(&c->link, buffer, sizeof buffer);
  if (n < 0 && errno == EAGAIN) return 0;
  if (n <= 0) {
    end(c);
    return 0;
  }
  ssize_t sent = link_send(&c->link, buffer, n);
  if (sent < 0 && errno != EAGAIN) {
    end(c);
    return 0;
  }
  if (sent < 0) sent = 0;
  if (sent == n) return link_pending(&c->link);
  c->length = n - sent;
  c->from = 0;
  c->rest = malloc(c->length);
  memcpy(c->rest, buffer + sent, c->length);
  watch(epoll, EPOLL_CTL_MOD, c->link.fd, EPOLLOUT, c);
  return 0;
}

static void receive_all(struct connection *c) {
  while (on_readable(c)) continue;
}

int main(int argc, char **argv) {
  static struct connection input = {.link.fd = 0}, listener;
  struct epoll_event events[256];
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (argc > 3) tls_begin(argv[2], argv[3]);
  listener.link.fd = serve_and_tell(argc > 1 ? argv[1] : "0");
  watch(epoll, EPOLL_CTL_ADD, 0, EPOLLIN, &input);
  watch(epoll, EPOLL_CTL_ADD, listener.link.fd, EPOLLIN, &listener);
  for (;;) {
    int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      struct connection *c = events[i].data.ptr;
      if (c == &input) {
        control();
      } else if (c == &listener) {
        int fd;
        while ((fd = accept4(listener.link.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
          struct connection *fresh = calloc(1, sizeof *fresh);
          link_open(&fresh->link, fd, 1);
          set_nodelay(fd); /* a Unix socket does not know it */
          watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, fresh);
        }
      } else if (c->rest != NULL) {
        on_writable(c);
      } else {
        receive_all(c);
      }
    }
  }
}
