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
  let summary = "From logits to tokens, keyed and bit-exact.";
  let description = [{
    Every op works on rows of logits `tensor<BxVxf32>` with one parameter per
    row, so that one compiled kernel serves a mixed batch. The order of the
    processors is the order of the SSA chain. No row can change another: the
    token of a row is a function of its logits, parameters and key alone.

    **Candidates.** A logit is a candidate unless it is -inf (removed) or NaN.
    A NaN stays NaN through every processor, counts as removed, and is
    reported by the flags of the op that picks the token. Candidates are
    totally ordered: greater value first, then lower index; -0.0 equals +0.0.

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

    The executable specification is `plait.sampling.reference`.
  }];
}

#endif // PLAIT_DIALECT_SAMPLE_IR_SAMPLEDIALECT_TD
