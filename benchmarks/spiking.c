// What a processor can do on three spiking networks: plain C for exactly one
// network each, with event lists and float32. One function per network; the
// layouts are those that the loops want, made once by whoever calls.
//
// v = beta v + input; a spike where v > 1; the potential is 0 after it.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline int fire(float *restrict v, const float *restrict acc, int n,
                       float beta, int *restrict out) {
  uint8_t m[1024];
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

static inline void add_rows(float *restrict a, const float *w, const int *list,
                            int n, int width) {
  int k = 0;
  for (; k + 4 <= n; k += 4) {
    const float *p = w + list[k] * width, *q = w + list[k + 1] * width,
                *r = w + list[k + 2] * width, *s = w + list[k + 3] * width;
    for (int i = 0; i < width; i++)
      a[i] += (p[i] + q[i]) + (r[i] + s[i]);
  }
  for (; k < n; k++) {
    const float *p = w + list[k] * width;
    for (int i = 0; i < width; i++)
      a[i] += p[i];
  }
}

// x: [T][B][784]; w1: [784][512], w2: [512][512], w3: [512][16]; out: [T][B][10]
void feed_forward(const uint8_t *x, const float *w1, const float *w2,
                  const float *w3, float *out, int T, int B) {
#pragma omp parallel for schedule(static)
  for (int b = 0; b < B; b++) {
    float v1[512] = {0}, v2[512] = {0}, v3[16] = {0}, a1[512], a2[512], a3[16];
    int l1[512], l2[512];
    for (int t = 0; t < T; t++) {
      const uint8_t *xx = x + ((size_t)t * B + b) * 784;
      memset(a1, 0, sizeof a1);
      memset(a2, 0, sizeof a2);
      memset(a3, 0, sizeof a3);
      int list[784], n = 0;
      for (int j = 0; j < 784; j++)
        if (xx[j])
          list[n++] = j;
      add_rows(a1, w1, list, n, 512);
      n = fire(v1, a1, 512, 0.9f, l1);
      add_rows(a2, w2, l1, n, 512);
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
