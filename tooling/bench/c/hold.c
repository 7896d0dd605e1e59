/*
 * Idle connections: hold address connections
 *
 * Opens them one after the other, a byte to and fro on each so that the server has seen it (with -DTLS after a whole handshake), prints "ready"
 * and keeps them until the end of its input.
 */
#include "link.h"

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  char byte = 'x', line[64];
  tls_begin(NULL, NULL);
  for (int i = atoi(argv[2]); i > 0; i--) {
    struct link l;
    link_open(&l, connect_to(argv[1]), 0);
    if (link_send(&l, &byte, 1) != 1 || link_recv(&l, &byte, 1) != 1) fail("hold");
  }
  printf("ready\n");
  fflush(stdout);
  while (read(0, line, sizeof line) > 0) continue;
  return 0;
}
