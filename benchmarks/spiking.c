// What a processor can do on three spiking networks: plain C for exactly one
// network each, with event lists and float32. One function per network; the
// layouts are those that the loops want, made once by whoever calls.
//
// v = beta v + input; a spike where v > 1; the potential is 0 after it.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

__attribute__((always_inline)) static inline int fire(float *restrict v,
                                                      const float *restrict acc,
                                                      int n, float beta,
                                                      int *restrict out) {
  uint8_t m[4096];
  for (int i = 0; i < n; i++) {
    float x = beta * v[i] + acc[i];
    int s = x > 1.f;
    v[i] = s ? 0.f : x;
    m[i] = s;
  }
  int k = 0;
  for (int i = 0; i < n; i += 8) {
    uint64_t w;
    if (i + 8 > n) {
      for (int j = i; j < n; j++)
        if (m[j])
          out[k++] = j;
      break;
    }
    memcpy(&w, m + i, 8);
    while (w) {
      out[k++] = i + (__builtin_ctzll(w) >> 3);
      w &= w - 1;
    }
  }
  return k;
}

// A loop of a width that is known where it is written: a function of the width
// is not vectorised as well.
#define ADD_ROWS(a, w, list, n, width)                                         \
  do {                                                                         \
    int k = 0;                                                                 \
    for (; k + 4 <= n; k += 4) {                                               \
      const float *p = w + list[k] * width, *q = w + list[k + 1] * width;      \
      const float *r = w + list[k + 2] * width, *s = w + list[k + 3] * width;  \
      for (int i = 0; i < width; i++)                                          \
        a[i] += (p[i] + q[i]) + (r[i] + s[i]);                                 \
    }                                                                          \
    for (; k < n; k++) {                                                       \
      const float *p = w + list[k] * width;                                    \
      for (int i = 0; i < width; i++)                                          \
        a[i] += p[i];                                                          \
    }                                                                          \
  } while (0)

// x: [T][B][784]; w1: [784][512], w2: [512][512], w3: [512][16]; out: [T][B][10]
void feed_forward(const uint8_t *x, const float *w1, const float *w2,
                  const float *w3, float *out, int T, int B) {
#pragma omp parallel for schedule(static)
  for (int b = 0; b < B; b++) {
    static __thread float v1[512], v2[512], v3[16], a1[512], a2[512], a3[16];
    int l1[512], l2[512];
    memset(v1, 0, sizeof v1);
    memset(v2, 0, sizeof v2);
    memset(v3, 0, sizeof v3);
    for (int t = 0; t < T; t++) {
      const uint8_t *xx = x + ((size_t)t * B + b) * 784;
      memset(a1, 0, sizeof a1);
      memset(a2, 0, sizeof a2);
      memset(a3, 0, sizeof a3);
      int list[784], n = 0;
      for (int j = 0; j < 784; j++)
        if (xx[j])
          list[n++] = j;
      ADD_ROWS(a1, w1, list, n, 512);
      n = fire(v1, a1, 512, 0.9f, l1);
      ADD_ROWS(a2, w2, l1, n, 512);
      n = fire(v2, a2, 512, 0.9f, l2);
      for (int k = 0; k < n; k++)
        for (int i = 0; i < 16; i++)
          a3[i] += w3[l2[k] * 16 + i];
      for (int i = 0; i < 10; i++) {
        float z = 0.9f * v3[i] + a3[i];
        int s = z > 1.f;
        v3[i] = s ? 0.f : z;
        out[((size_t)t * B + b) * 10 + i] = s;
      }
    }
  }
}

// w: [N][N], row j what neuron j gives; ext, out: [T][N]
void recurrent(const float *ext, const float *w, float *out, int N, int T) {
  static float v[1024], acc[1024];
  int list[1024], n = 0;
  memset(v, 0, sizeof v);
  memset(out, 0, (size_t)T * N * sizeof *out);
  for (int t = 0; t < T; t++) {
    memcpy(acc, ext + (size_t)t * N, N * 4);
    for (int k = 0; k < n; k++) {
      const float *p = w + (size_t)list[k] * N;
      for (int i = 0; i < N; i++)
        acc[i] += p[i];
    }
    n = fire(v, acc, N, 0.95f, list);
    for (int k = 0; k < n; k++)
      out[(size_t)t * N + list[k]] = 1;
  }
}

// The same with the elements of row j alone, from starts[j] up to starts[j + 1].
void recurrent_rows(const float *ext, const int *starts, const int *columns,
                    const float *w, float *out, int N, int T) {
  static float v[4096], acc[4096];
  int list[4096], n = 0;
  memset(v, 0, sizeof v);
  memset(out, 0, (size_t)T * N * sizeof *out);
  for (int t = 0; t < T; t++) {
    memcpy(acc, ext + (size_t)t * N, N * 4);
    for (int k = 0; k < n; k++)
      for (int i = starts[list[k]]; i < starts[list[k] + 1]; i++)
        acc[columns[i]] += w[i];
    n = fire(v, acc, N, 0.95f, list);
    for (int k = 0; k < n; k++)
      out[(size_t)t * N + list[k]] = 1;
  }
}

// Adds the rows of weights of an event at (y, x) through a window of 3 x 3 to
// sums with a border of two.
#define ADD_WINDOW(sums, weights, y, x, filters)                               \
  do {                                                                         \
    for (int dy = 0; dy < 3; dy++)                                             \
      for (int dx = 0; dx < 3; dx++) {                                         \
        float *p = sums + (((y) + 2 - dy) * 36 + (x) + 2 - dx) * filters;      \
        const float *q = weights + (dy * 3 + dx) * filters;                    \
        for (int o = 0; o < filters; o++)                                      \
          p[o] += q[o];                                                        \
      }                                                                        \
  } while (0)

// x: [T][B][2][34][34]; k1: [2][3][3][16], k2: [16][3][3][32], in channels,
// window, filters; wf: [17][17][32][16], a quarter of it; out: [T][B][10]
void convolutions(const uint8_t *x, const float *k1, const float *k2,
                  const float *wf, float *out, int T, int B) {
#pragma omp parallel for schedule(static)
  for (int b = 0; b < B; b++) {
    static __thread float v1[34 * 34 * 16], v2[34 * 34 * 32], v3[16], a3[16];
    static __thread _Alignas(64) float a1[36 * 36 * 16], a2[36 * 36 * 32];
    memset(v1, 0, sizeof v1);
    memset(v2, 0, sizeof v2);
    memset(v3, 0, sizeof v3);
    for (int t = 0; t < T; t++) {
      memset(a1, 0, sizeof a1);
      memset(a2, 0, sizeof a2);
      memset(a3, 0, sizeof a3);
      const uint8_t *xx = x + ((size_t)t * B + b) * 2 * 34 * 34;
      for (int c = 0; c < 2; c++)
        for (int y = 0; y < 34; y++)
          for (int z = 0; z < 34; z++)
            if (xx[(c * 34 + y) * 34 + z])
              ADD_WINDOW(a1, (k1 + c * 9 * 16), y, z, 16);
      for (int y = 0; y < 34; y++) {
        float *v = v1 + y * 34 * 16, *a = a1 + ((y + 1) * 36 + 1) * 16;
        uint16_t fired[34];
        for (int z = 0; z < 34; z++) {
          unsigned word = 0;
          for (int o = 0; o < 16; o++) {
            float q = 0.9f * v[z * 16 + o] + a[z * 16 + o];
            int s = q > 1.f;
            v[z * 16 + o] = s ? 0.f : q;
            word |= s << o;
          }
          fired[z] = word;
        }
        for (int z = 0; z < 34; z++)
          for (unsigned word = fired[z]; word; word &= word - 1)
            ADD_WINDOW(a2, (k2 + __builtin_ctz(word) * 9 * 32), y, z, 32);
      }
      for (int y = 0; y < 34; y++)
        for (int z = 0; z < 34; z++) {
          float *v = v2 + (y * 34 + z) * 32;
          float *a = a2 + ((y + 1) * 36 + z + 1) * 32;
          unsigned word = 0;
          for (int o = 0; o < 32; o++) {
            float q = 0.9f * v[o] + a[o];
            int s = q > 1.f;
            v[o] = s ? 0.f : q;
            word |= (unsigned)s << o;
          }
          const float *w = wf + (size_t)((y / 2) * 17 + z / 2) * 32 * 16;
          for (; word; word &= word - 1)
            for (int o = 0; o < 16; o++)
              a3[o] += w[__builtin_ctz(word) * 16 + o];
        }
      for (int i = 0; i < 10; i++) {
        float q = 0.9f * v3[i] + a3[i];
        int s = q > 1.f;
        v3[i] = s ? 0.f : q;
        out[((size_t)t * B + b) * 10 + i] = s;
      }
    }
  }
}
