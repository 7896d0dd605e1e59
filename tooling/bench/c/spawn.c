// Children that come and go: `spawn spawn 0 inFlight seconds`. Prints the rate, and the processor time of the parent for each in microseconds.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void start(posix_spawn_file_actions_t *actions) {
  char *argv[] = {"true", NULL};
  pid_t pid;
  if (posix_spawnp(&pid, "true", actions, NULL, argv, environ) != 0) exit(1);
}

static long run(int in_flight, double seconds, posix_spawn_file_actions_t *actions) {
  double end = now() + seconds;
  long count = 0;
  for (int i = 0; i < in_flight; i++) start(actions);
  while (now() < end) {
    wait(NULL);
    count++;
    start(actions);
  }
  for (int i = 0; i < in_flight; i++) wait(NULL);
  return count + in_flight;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int in_flight = atoi(argv[3]);
  double seconds = atof(argv[4]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int fd = 0; fd < 3; fd++) posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  run(in_flight, seconds / 4, &actions);
  double began = now(), before = cpu();
  long count = run(in_flight, seconds, &actions);
  printf("{\"rate\":%f,\"cpu\":%f}\n", count / (now() - began), (cpu() - before) / count * 1e6);
  return 0;
}
