/* The limit of the pipe benchmark: one read of up to 256 KiB for each event. pipe-reader path */
#include "program.h"

int main(int argc, char **argv) {
  static char buffer[256 * 1024];
  struct epoll_event events[2];
  if (argc != 2) return 2;
  int epoll = epoll_create1(EPOLL_CLOEXEC), fd = open(argv[1], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) fail(argv[1]);
  watch(epoll, EPOLL_CTL_ADD, 0, EPOLLIN, NULL);
  watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, buffer);
  printf("{\"port\": \"%s\"}\n", argv[1]);
  fflush(stdout);
  for (;;) {
    int n = epoll_wait(epoll, events, 2, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr == NULL) control();
      else if (read(fd, buffer, sizeof buffer) == 0) watch(epoll, EPOLL_CTL_DEL, fd, 0, NULL);
    }
  }
}
