/* Latencies in a histogram with a resolution of 1.6 %. */
#ifndef LATENCY_H
#define LATENCY_H
#include <stdint.h>
#include <string.h>

#define SUB 64
static uint64_t histogram[64 * SUB];

static inline int slot_of(uint64_t ns) {
  if (ns < SUB) return ns;
  int shift = 63 - __builtin_clzll(ns) - 6;
  return (shift + 1) * SUB + ((ns >> shift) & (SUB - 1));
}

static inline double value_of(int slot) {
  if (slot < SUB) return slot;
  int shift = slot / SUB - 1;
  return ((double)(SUB + slot % SUB) + 0.5) * (double)(1ULL << shift);
}

static inline void add_latency(int64_t ns) { histogram[slot_of(ns)]++; }

static inline void forget_latencies(void) { memset(histogram, 0, sizeof histogram); }

/* Microseconds. */
static inline double percentile(double part, uint64_t total) {
  uint64_t left = (uint64_t)(part * total);
  for (int i = 0; i < 64 * SUB; i++) {
    if (histogram[i] > left) return value_of(i) / 1000;
    left -= histogram[i];
  }
  return 0;
}
#endif
