//===- SampleDialect.td - the sample dialect -------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SAMPLE_IR_SAMPLEDIALECT_TD
#define PLAIT_DIALECT_SAMPLE_IR_SAMPLEDIALECT_TD

include "mlir/IR/OpBase.td"

def Sample_Dialect : Dialect {
  let name = "sample";
  let cppNamespace = "::plait::sample";
  let useDefaultAttributePrinterParser = 1;
  let summary = "From logits to tokens, keyed and bit-exact.";
  let description = [{
    Every op works on rows of logits `tensor<BxVxf32>` with one parameter per
    row, so that one compiled kernel serves a mixed batch. f16 and bf16 logits
    enter a chain through `arith.extf`, which is exact. The order of the
    processors is the order of the SSA chain. No row can change another: the
    token of a row is a function of its logits, parameters and key alone.

    **Candidates.** A logit is a candidate unless it is -inf (removed) or NaN.
    A NaN stays NaN through every processor, counts as removed, and is
    reported by the flags of the op that picks the token. Candidates are
    totally ordered: greater value first, then lower index; -0.0 equals +0.0.
    A parameter that is NaN removes every candidate of its row, and the row
    ends in the error index -1.

    **Lists.** Token ids come as `tensor<BxNxi32>`, padded with -1. A history
    (`no_repeat_ngram`, `dry`) ends at its last id that is not negative; a
    negative id in it equals nothing.

    **Weights.** With `m` the greatest candidate of the row, a candidate `y`
    weighs `w`, computed by correctly rounded f32 operations and then
    integers only (`mulhi` is the high word of the unsigned product):

    ```
    d = 0 if y == m else y - m                     f32
    z = max(d * 0x1.715476p+0, -45.0)              f32, log2(e)
    t = int(round_half_even(z * 2^24))             Q8.24
    i, f = t >> 24, t & 0xffffff                   floor and fraction
    x = (f & 0x3ffff) << 8                         Q32, below 2^-6
    a = mulhi(x, 2977044472)                       x * ln 2
    b = mulhi(a, a)
    e = a + (b >> 1) + mulhi(mulhi(b, a), 715827883)      2^x - 1
    T = round(2^(30 + (f >> 18) / 64))             a table of 64
    w = (T + mulhi(T, e)) << 14 >> -i              Q44
    ```

    The best candidate weighs exactly 2^44. Candidates of +inf weigh 2^44 each
    and all others then weigh nothing. Sums of weights are exact in 64 bits
    (V is below 2^20), hence associative: any tiling, split or order of the
    vocabulary gives the same bits. The total variation to the float64
    softmax is below 1e-7.

    A share `p` of a mass is `ceil(p * mass)`, with `p` clamped to [0, 1] and
    taken as Q64. The *mean* of a row is the mean of `-t` by weight, in Q24:

    ```
    S = sum of mulhi64(w << 16, -t << 24)          Q44
    n = bit length of the total - 34
    mean = ((S >> n) << 24) / (total >> n)         0 without a candidate
    ```

    The surprise of a candidate is `log2(total) - t` and the entropy
    `log2(total) + mean`, so that their difference is `t + mean`.

    **Logarithms** are Q56 of a 64-bit integer: with the leading bit shifted
    to `m` in Q63, `i` the next seven bits, `C` = 1/(1 + i/128) in Q63 rounded
    up, `L` = -log2(C), and `A[k]` = log2(e)/k in Q62:

    ```
    f = (mulhi64(m, C[i]) - 2^62) << 2             Q64, below 2^-7
    p = A[7];  p = A[k] - mulhi64(f, p)            k from 6 to 1
    log2 = (exponent << 56) + L[i] + (mulhi64(f, p) >> 6)
    ```

    Log-probabilities and margins in nats are Q32 integers, converted to f32
    and multiplied by `ln(2) * 2^-32` in f32.

    The executable specification is `plait.sampling.reference`.
  }];
}

#endif // PLAIT_DIALECT_SAMPLE_IR_SAMPLEDIALECT_TD
