/*
 * Fills a pipe: feeder path size warm_up_s seconds
 *
 * Writes pieces of `size` bytes. Prints "ready" after the warm-up, waits for a line, and writes on for the figures: {"rate", "bytes"}, megabytes (10^6)
 * a second and what was written since.
 */
#include "program.h"

static int fd;
static char *data;
static size_t size;

static int64_t feed(double seconds) {
  int64_t until = now() + (int64_t)(seconds * 1e9), total = 0;
  while (now() < until) {
    ssize_t n = write(fd, data, size);
    if (n < 0) fail("write");
    total += n;
  }
  return total;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  double warm_up = atof(argv[3]), seconds = atof(argv[4]);
  size = atol(argv[2]);
  data = calloc(1, size);
  alarm((unsigned)(warm_up + seconds) + 20); /* whatever happens to the reader */
  fd = open(argv[1], O_WRONLY);
  if (fd < 0) fail(argv[1]);
  feed(warm_up);
  printf("ready\n");
  fflush(stdout);
  char line[64];
  if (read(0, line, sizeof line) <= 0) return 1;
  int64_t began = now(), bytes = feed(seconds);
  printf("{\"rate\": %.1f, \"bytes\": %lld}\n", bytes * 1e3 / (now() - began), (long long)bytes);
  return 0;
}
