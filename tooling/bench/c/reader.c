/*
 * The client of the sendfile benchmark: reader port bytes times
 *
 * Sends one byte and reads `bytes` bytes: once to warm up, then prints "ready", waits for a line, and `times` times for the figures:
 * {"rate", "bytes"}, megabytes (10^6) a second and what was read since.
 */
#include "program.h"

static char buffer[1024 * 1024];

static void fetch(int fd, int64_t bytes) {
  if (send(fd, "x", 1, MSG_NOSIGNAL) != 1) fail("send");
  while (bytes > 0) {
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0) fail("recv");
    if (n == 0) {
      fprintf(stderr, "reader: the server has closed the connection\n");
      exit(1);
    }
    bytes -= n;
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int fd = connect_to(argv[1]), times = atoi(argv[3]);
  int64_t bytes = atoll(argv[2]);
  alarm(60); /* whatever happens to the server */
  fetch(fd, bytes);
  printf("ready\n");
  fflush(stdout);
  char line[64];
  if (read(0, line, sizeof line) <= 0) return 1;
  int64_t began = now();
  for (int i = 0; i < times; i++) fetch(fd, bytes);
  printf("{\"rate\": %.1f, \"bytes\": %lld}\n", bytes * times * 1e3 / (now() - began), (long long)bytes * times);
  return 0;
}
