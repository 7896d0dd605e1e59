/*
 * The limit over io_uring, where liburing is installed: one request for each connection that goes on receiving into buffers that all share,
 * sends as requests from the very same memory, one io_uring_enter for each round.
 * uring-server count size [address]: the buffers, a power of two of them; the address as program.h says
 */
#include "program.h"
#include <liburing.h>
#include <poll.h>
#include <sys/mman.h>

#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

static int count, size;

enum { ACCEPT, INPUT, RECEIVE, SEND };

struct connection {
  int fd, receiving, ended;
  int first, last;             /* buffers that wait to be sent; -1 for none */
  struct connection *next;     /* of those without buffers */
};

struct piece {
  int next, from, length;
};

static struct io_uring ring;
static struct io_uring_buf_ring *buffers;
static unsigned short tail;
static char *memory;
static struct piece *pieces;
static struct connection *starved;

static struct io_uring_sqe *request(void) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
  if (sqe != NULL) return sqe;
  io_uring_submit(&ring);
  return io_uring_get_sqe(&ring);
}

/* After the request was written: some versions of liburing's functions clear what was there. */
static void tag(struct io_uring_sqe *sqe, int kind, struct connection *c) { sqe->user_data = (uintptr_t)c | kind; }

static void give(int id) {
  struct io_uring_buf *b = &buffers->bufs[tail++ & (count - 1)];
  b->addr = (uintptr_t)(memory + (size_t)id * size);
  b->len = size;
  b->bid = id;
  __atomic_store_n(&buffers->tail, tail, __ATOMIC_RELEASE);
}

static void receive(struct connection *c) {
  struct io_uring_sqe *sqe = request();
  io_uring_prep_recv_multishot(sqe, c->fd, NULL, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = 1;
  tag(sqe, RECEIVE, c);
  c->receiving = 1;
}

static void send_first(struct connection *c) {
  struct piece *p = &pieces[c->first];
  struct io_uring_sqe *sqe = request();
  io_uring_prep_send(sqe, c->fd, memory + (size_t)c->first * size + p->from, p->length, MSG_NOSIGNAL | MSG_WAITALL);
  tag(sqe, SEND, c);
}

static void end_if_over(struct connection *c) {
  if (!c->ended || c->receiving || c->first >= 0) return;
  close(c->fd);
  free(c);
}

static void on_received(struct connection *c, struct io_uring_cqe *cqe) {
  int more = (cqe->flags & IORING_CQE_F_MORE) != 0;
  if (!more) c->receiving = 0;
  if (cqe->res > 0) {
    int id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    pieces[id] = (struct piece){.next = -1, .from = 0, .length = cqe->res};
    if (c->first < 0) {
      c->first = c->last = id;
      send_first(c);
    } else {
      pieces[c->last].next = id;
      c->last = id;
    }
    if (!more) receive(c);
  } else if (cqe->res == -ENOBUFS) {
    c->next = starved; /* asked again when a buffer is back */
    starved = c;
  } else {
    c->ended = 1;
    end_if_over(c);
  }
}

static void on_sent(struct connection *c, int result) {
  struct piece *p = &pieces[c->first];
  if (result > 0 && result < p->length) {
    p->from += result;
    p->length -= result;
    send_first(c);
    return;
  }
  int id = c->first;
  c->first = p->next;
  give(id);
  while (starved != NULL) {
    struct connection *s = starved;
    starved = s->next;
    receive(s);
  }
  if (c->first >= 0) send_first(c);
  else end_if_over(c);
}

/* "null" where the kernel has or allows no io_uring. */
int main(int argc, char **argv) {
  if (argc < 3) return 2;
  count = atoi(argv[1]);
  size = atoi(argv[2]);
  struct io_uring_params params = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL,
      .cq_entries = 8192};
  int failed = io_uring_queue_init_params(1024, &ring, &params);
  if (failed < 0) {
    printf("null\n");
    return 0;
  }
  memory = mmap(NULL, (size_t)count * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  buffers = mmap(NULL, count * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pieces = calloc(count, sizeof *pieces);
  struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)buffers, .ring_entries = count, .bgid = 1};
  if (io_uring_register_buf_ring(&ring, &reg, 0) < 0) fail("io_uring_register_buf_ring");
  for (int i = 0; i < count; i++) give(i);

  int listener = serve_and_tell(argc > 3 ? argv[3] : "0");
  struct io_uring_sqe *sqe = request();
  io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
  tag(sqe, ACCEPT, NULL);
  sqe = request();
  io_uring_prep_poll_multishot(sqe, 0, POLLIN);
  tag(sqe, INPUT, NULL);
  for (;;) {
    io_uring_submit_and_wait(&ring, 1);
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    io_uring_for_each_cqe(&ring, head, cqe) {
      seen++;
      struct connection *c = (struct connection *)(uintptr_t)(cqe->user_data & ~3ULL);
      switch (cqe->user_data & 3) {
      case ACCEPT:
        if (cqe->res < 0) break;
        c = calloc(1, sizeof *c);
        c->fd = cqe->res;
        c->first = -1;
        set_nodelay(c->fd);
        receive(c);
        break;
      case INPUT:
        control();
        break;
      case RECEIVE:
        on_received(c, cqe);
        break;
      case SEND:
        on_sent(c, cqe->res);
        break;
      }
    }
    io_uring_cq_advance(&ring, seen);
  }
}
