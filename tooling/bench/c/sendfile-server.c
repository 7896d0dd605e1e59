/* The limit of the sendfile benchmark: sendfile-server path. For each byte that a client sends it gets the whole file. */
#include "program.h"
#include <sys/sendfile.h>
#include <sys/stat.h>

struct connection {
  int fd;
  off_t offset;
  int sending;
};

static int epoll, file;
static off_t size;

static void end(struct connection *c) {
  close(c->fd);
  free(c);
}

static void on_readable(struct connection *c) {
  char byte;
  ssize_t n = recv(c->fd, &byte, 1, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    end(c);
    return;
  }
  c->offset = 0;
  c->sending = 1;
  watch(epoll, EPOLL_CTL_MOD, c->fd, EPOLLOUT, c);
}

static void on_writable(struct connection *c) {
  ssize_t n = sendfile(c->fd, file, &c->offset, size - c->offset);
  if (n < 0 && errno == EAGAIN) return;
  if (n < 0) {
    end(c);
    return;
  }
  if (c->offset < size) return;
  c->sending = 0;
  watch(epoll, EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
}

int main(int argc, char **argv) {
  static struct connection input = {.fd = 0}, listener;
  struct epoll_event events[16];
  struct stat status;
  if (argc != 2) return 2;
  file = open(argv[1], O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &status) < 0) fail(argv[1]);
  size = status.st_size;
  epoll = epoll_create1(EPOLL_CLOEXEC);
  listener.fd = serve_and_tell("0");
  watch(epoll, EPOLL_CTL_ADD, 0, EPOLLIN, &input);
  watch(epoll, EPOLL_CTL_ADD, listener.fd, EPOLLIN, &listener);
  for (;;) {
    int n = epoll_wait(epoll, events, 16, -1);
    for (int i = 0; i < n; i++) {
      struct connection *c = events[i].data.ptr;
      if (c == &input) {
        control();
      } else if (c == &listener) {
        int fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) continue;
        struct connection *fresh = calloc(1, sizeof *fresh);
        fresh->fd = fd;
        set_nodelay(fd);
        watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, fresh);
      } else if (c->sending) {
        on_writable(c);
      } else {
        on_readable(c);
      }
    }
  }
}
