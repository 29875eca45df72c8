// What this machine can do at most: multiply-adds in registers and reads of memory.
//
//   cc -O3 -march=native -pthread roof.c -o roof && ./roof THREADS
//
// prints FLOP/s of f32 and bytes/s of reading, by that many threads together.
// GCC's vector types become AVX2, AVX-512, NEON, ... as the machine has them.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __AVX512F__
#define BYTES 64
#define CHAINS 24
#elif defined(__AVX__)
#define BYTES 32
#define CHAINS 12
#else
#define BYTES 16
#define CHAINS 24
#endif
typedef float vec __attribute__((vector_size(BYTES)));
enum { LANES = BYTES / 4, ROUNDS = 7 };

static const long steps = 4000000, floats = 64l << 20;
static float *data;
static int threads;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static void *multiply(void *at) {
  vec sums[CHAINS], x = {0}, y = {0};
  x += 0.999f, y += 1e-3f;
  for (int i = 0; i < CHAINS; ++i)
    sums[i] = y * (float)i;
  for (long step = 0; step < steps; ++step)
#pragma GCC unroll 24
    for (int i = 0; i < CHAINS; ++i)
      sums[i] = sums[i] * x + y;
  for (int i = 1; i < CHAINS; ++i)
    sums[0] += sums[i];
  *(volatile float *)(data + LANES * (long)at) = sums[0][0];
  return NULL;
}

static void *read_all(void *at) {
  long share = floats / threads;
  const vec *from = (const vec *)(data + share * (long)at);
  vec sums[8] = {{0}};
  for (long i = 0; i < share / LANES; i += 8)
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j)
      sums[j] += from[i + j];
  for (int j = 1; j < 8; ++j)
    sums[0] += sums[j];
  *(volatile float *)(data + share * (long)at) = sums[0][0];
  return NULL;
}

static double best_of(void *(*work)(void *)) {
  double best = 1e9;
  for (int round = 0; round < ROUNDS; ++round) {
    pthread_t others[threads];
    double start = now();
    for (long i = 1; i < threads; ++i)
      pthread_create(&others[i], NULL, work, (void *)i);
    work((void *)0);
    for (int i = 1; i < threads; ++i)
      pthread_join(others[i], NULL);
    double seconds = now() - start;
    best = seconds < best ? seconds : best;
  }
  return best;
}

int main(int argc, char **argv) {
  threads = argc > 1 ? atoi(argv[1]) : 1;
  if (threads < 1 || threads > 256)
    return fprintf(stderr, "expects 1 to 256 threads, got %s\n", argv[1]), 2;
  data = aligned_alloc(64, floats * sizeof(float));
  memset(data, 0, floats * sizeof(float));
  printf("%.4g %.4g\n", 2.0 * LANES * CHAINS * steps * threads / best_of(multiply),
         4.0 * floats / best_of(read_all));
}
