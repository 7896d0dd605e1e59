/* The limit of the echo benchmarks: epoll, one thread, one receive and one send for each event. */
#include "program.h"

struct connection {
  int fd;
  char *rest; /* what the kernel did not take; nothing is received until it has left */
  size_t from, length;
};

static char buffer[256 * 1024];
static int epoll;

static void end(struct connection *c) {
  close(c->fd);
  free(c->rest);
  free(c);
}

static void on_writable(struct connection *c) {
  ssize_t n = send(c->fd, c->rest + c->from, c->length - c->from, MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN) {
    end(c);
    return;
  }
  if (n > 0) c->from += n;
  if (c->from < c->length) return;
  free(c->rest);
  c->rest = NULL;
  watch(epoll, EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
}

static void on_readable(struct connection *c) {
  ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    end(c);
    return;
  }
  ssize_t sent = send(c->fd, buffer, n, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) {
    end(c);
    return;
  }
  if (sent < 0) sent = 0;
  if (sent == n) return;
  c->length = n - sent;
  c->from = 0;
  c->rest = malloc(c->length);
  memcpy(c->rest, buffer + sent, c->length);
  watch(epoll, EPOLL_CTL_MOD, c->fd, EPOLLOUT, c);
}

int main(void) {
  static struct connection input = {.fd = 0}, listener;
  struct epoll_event events[256];
  epoll = epoll_create1(EPOLL_CLOEXEC);
  listener.fd = listen_and_tell();
  watch(epoll, EPOLL_CTL_ADD, 0, EPOLLIN, &input);
  watch(epoll, EPOLL_CTL_ADD, listener.fd, EPOLLIN, &listener);
  for (;;) {
    int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      struct connection *c = events[i].data.ptr;
      if (c == &input) {
        control();
      } else if (c == &listener) {
        int fd;
        while ((fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
          struct connection *fresh = calloc(1, sizeof *fresh);
          fresh->fd = fd;
          set_nodelay(fd);
          watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, fresh);
        }
      } else if (c->rest != NULL) {
        on_writable(c);
      } else {
        on_readable(c);
      }
    }
  }
}
