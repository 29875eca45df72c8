//===- SampleOps.td - sample ops -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SAMPLE_IR_SAMPLEOPS_TD
#define PLAIT_DIALECT_SAMPLE_IR_SAMPLEOPS_TD

include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "plait/Dialect/Sample/IR/SampleAttrs.td"
include "plait/Dialect/Sample/IR/SampleTypes.td"

def Sample_Logits : 2DTensorOf<[F32]>;

class Sample_Op<string mnemonic, list<Trait> traits = []>
    : Op<Sample_Dialect, mnemonic, traits # [Pure]>;

/// Logits to logits of the same type, with one parameter per row.
class Sample_ProcessorOp<string mnemonic>
    : Sample_Op<mnemonic, [AllTypesMatch<["logits", "result"]>]> {
  let results = (outs Sample_Logits:$result);
  let hasVerifier = 1;
  let hasFolder = 1;
}

/// Logits to one token and one flag word per row.
class Sample_PickOp<string mnemonic>
    : Sample_Op<mnemonic, [
        TypesMatchWith<"one token per row", "logits", "tokens",
                       "::plait::sample::getTokensType($_self)">,
        TypesMatchWith<"one flag word per row", "logits", "flags",
                       "::plait::sample::getTokensType($_self)">]> {
  let results = (outs 1DTensorOf<[I32]>:$tokens, 1DTensorOf<[I32]>:$flags);
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def Sample_TemperatureOp : Sample_ProcessorOp<"temperature"> {
  let summary = "divide every logit of a row by the row's temperature";
  let description = [{
    `result[b, v] = logits[b, v] / temperature[b]`, one correctly rounded f32
    division, where the temperature is finite and positive. A temperature of
    zero is the greedy limit: the best candidate of the row (greatest value,
    then lowest index) keeps its logit and every other one is removed. Any
    other temperature (negative, infinite, NaN) removes every candidate, so
    that the row ends in the error index of `sample.draw`.

    ```mlir
    %y = sample.temperature %logits, %t : tensor<4x49152xf32>, tensor<4xf32>
    ```
  }];
  let arguments = (ins Sample_Logits:$logits, 1DTensorOf<[F32]>:$temperature);
  let assemblyFormat = [{
    $logits `,` $temperature attr-dict `:` type($logits) `,` type($temperature)
  }];
}

def Sample_TopKOp : Sample_ProcessorOp<"top_k"> {
  let summary = "keep the k best candidates of a row";
  let description = [{
    Keeps the first `k[b]` candidates of row `b` in the total order (value
    descending, index ascending) and removes the rest: exactly `k`, whatever
    the ties. `k <= 0` and `k >= V` keep all.

    ```mlir
    %y = sample.top_k %logits, %k : tensor<4x49152xf32>, tensor<4xi32>
    ```
  }];
  let arguments = (ins Sample_Logits:$logits, 1DTensorOf<[I32]>:$k);
  let assemblyFormat = [{
    $logits `,` $k attr-dict `:` type($logits) `,` type($k)
  }];
}

def Sample_TopPOp : Sample_ProcessorOp<"top_p"> {
  let summary = "keep the smallest best prefix that holds the mass p";
  let description = [{
    Keeps the shortest prefix of row `b`, in the total order (value
    descending, index ascending), whose integer weight is at least
    `ceil(p[b] * total)`, and at least one candidate. `total` is the weight
    of the candidates that reach this op, so after `sample.top_k` it is the
    mass over the survivors. `p >= 1` keeps all, `p <= 0` the best one; a NaN
    removes every candidate.

    ```mlir
    %y = sample.top_p %logits, %p : tensor<4x49152xf32>, tensor<4xf32>
    ```
  }];
  let arguments = (ins Sample_Logits:$logits, 1DTensorOf<[F32]>:$p);
  let assemblyFormat = [{
    $logits `,` $p attr-dict `:` type($logits) `,` type($p)
  }];
}

def Sample_RandomOp
    : Sample_Op<"random", [
        AllTypesMatch<["session", "sequence", "position"]>,
        TypesMatchWith<"64 bits per row", "seed", "bits", "$_self">]> {
  let summary = "64 random bits per row, a pure function of the row's key";
  let description = [{
    One Philox4x32-10 call per row: key = (seed low word, seed high word),
    counter = (0, position, sequence, session). The result is
    `word0 | word1 << 32`. There is no state, so rows, batches and orders
    cannot disturb each other. Equal keys give equal bits: the caller keeps
    them apart.

    ```mlir
    %bits = sample.random %seed, %session, %sequence, %position
        : tensor<4xi64>, tensor<4xi32>
    ```
  }];
  let arguments = (ins 1DTensorOf<[I64]>:$seed, 1DTensorOf<[I32]>:$session,
                   1DTensorOf<[I32]>:$sequence, 1DTensorOf<[I32]>:$position);
  let results = (outs 1DTensorOf<[I64]>:$bits);
  let assemblyFormat = [{
    $seed `,` $session `,` $sequence `,` $position attr-dict
    `:` type($seed) `,` type($session)
  }];
  let hasVerifier = 1;
}

def Sample_DrawOp : Sample_PickOp<"draw"> {
  let summary = "draw a candidate of every row by its integer weight";
  let description = [{
    The token of row `b` is the first index whose inclusive prefix sum of
    integer weights exceeds `mulhi(bits[b], total)`, the high 64 bits of the
    unsigned product. A row without a candidate gives the token -1.
    `flags[b]` is a set of bits: 1 says that the row held a NaN, 2 that no
    candidate was left.

    The dialect's documentation defines the weights.

    ```mlir
    %tokens, %flags = sample.draw %logits, %bits
        : tensor<4x49152xf32>, tensor<4xi64>
    ```
  }];
  let arguments = (ins Sample_Logits:$logits, 1DTensorOf<[I64]>:$bits);
  let assemblyFormat = [{
    $logits `,` $bits attr-dict `:` type($logits) `,` type($bits)
  }];
}

def Sample_GreedyOp : Sample_PickOp<"greedy"> {
  let summary = "take the best candidate of every row";
  let description = [{
    The token is the first candidate in the total order (value descending,
    index ascending), or -1 where no candidate is left. The flags are those
    of `sample.draw`.

    ```mlir
    %tokens, %flags = sample.greedy %logits : tensor<4x49152xf32>
    ```
  }];
  let arguments = (ins Sample_Logits:$logits);
  let assemblyFormat = "$logits attr-dict `:` type($logits)";
}

include "plait/Dialect/Sample/IR/SampleFusedOp.td"

#endif // PLAIT_DIALECT_SAMPLE_IR_SAMPLEOPS_TD
