/* The limit of the datagram benchmark: for each event everything that has arrived. udp-server */
#include "program.h"

int main(void) {
  static char buffer[64 * 1024];
  struct epoll_event events[2];
  struct sockaddr_storage from;
  int epoll = epoll_create1(EPOLL_CLOEXEC), fd = serve_and_tell("udp:0");
  watch(epoll, EPOLL_CTL_ADD, 0, EPOLLIN, NULL);
  watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, &from);
  for (;;) {
    int n = epoll_wait(epoll, events, 2, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr == NULL) {
        control();
        continue;
      }
      for (;;) {
        socklen_t length = sizeof from;
        ssize_t size = recvfrom(fd, buffer, sizeof buffer, 0, (void *)&from, &length);
        if (size < 0) break;
        sendto(fd, buffer, size, 0, (void *)&from, length);
      }
    }
  }
}
