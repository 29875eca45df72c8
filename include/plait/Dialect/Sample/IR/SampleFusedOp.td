//===- SampleFusedOp.td - a chain as one op ------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Included by SampleOps.td.

def Sample_YieldOp
    : Sample_Op<"yield", [Terminator, HasParent<"FusedOp">]> {
  let summary = "the logits that a part of a fused chain gives";
  let description = [{
    ```mlir
    sample.yield %logits : tensor<4x49152xf32>
    ```
  }];
  let arguments = (ins Sample_Logits:$logits);
  let assemblyFormat = "$logits attr-dict `:` type($logits)";
}

def Sample_FusedOp
    : Sample_Op<"fused", [
        AttrSizedOperandSegments, AttrSizedResultSegments,
        Sample_PerRow<"tokens", "IntegerType">,
        Sample_PerRow<"flags", "IntegerType">]> {
  let summary = "a chain of processors and its pick as one";
  let description = [{
    Means the chain of those ops whose operands it has, in this order:
    `arith.extf` where the logits are f16 or bf16, the ops of `edits`, which
    change or remove single tokens of the f32 logits that are its argument,
    `sample.temperature`, `sample.top_k`, `sample.min_p`, `sample.top_p` (with
    `min_p_last` before `sample.min_p`; with `full_mass` of the mass that the
    row had before top-k), the processors of `rest`, in any order, on the
    logits that are its argument, and then `sample.draw` where it has `bits`,
    `sample.gumbel` where it has a `seed`, else `sample.greedy`. Tokens, flags
    and, if it has them, log-probabilities and margins are those of the chain.

    ```mlir
    %tokens, %flags = sample.fused %logits
        temperature(%t : tensor<4xf32>) top_k(%k : tensor<4xi32>)
        top_p(%p : tensor<4xf32>) draw(%bits : tensor<4xi64>)
        : tensor<4x49152xbf16>
    %y:4 = sample.fused %logits edits {
    ^bb0(%wide: tensor<4x49152xf32>):
      %0 = sample.ban %wide, %ids : tensor<4x49152xf32>, tensor<4x8xi32>
      sample.yield %0 : tensor<4x49152xf32>
    } min_p(%m : tensor<4xf32>) rest {
    ^bb0(%kept: tensor<4x49152xf32>):
      %0 = sample.typical_p %kept, %p : tensor<4x49152xf32>, tensor<4xf32>
      sample.yield %0 : tensor<4x49152xf32>
    } gumbel philox(%seed, %session, %sequence, %position : tensor<4xi64>,
                    tensor<4xi32>, tensor<4xi32>, tensor<4xi32>)
        : tensor<4x49152xbf16> -> tensor<4xf32>, tensor<4xf32>
    ```
  }];
  let arguments = (ins 2DTensorOf<[F32, F16, BF16]>:$logits,
                   Optional<Sample_Floats>:$temperature,
                   Optional<Sample_Ints>:$k,
                   Optional<Sample_Floats>:$min_p,
                   Optional<Sample_Floats>:$p,
                   Optional<Sample_Bits>:$bits,
                   Optional<Sample_Bits>:$seed,
                   Optional<Sample_Ints>:$session,
                   Optional<Sample_Ints>:$sequence,
                   Optional<Sample_Ints>:$position,
                   OptionalAttr<Sample_GeneratorAttr>:$generator,
                   UnitAttr:$keep_ties, UnitAttr:$min_p_last,
                   UnitAttr:$full_mass);
  let regions = (region MaxSizedRegion<1>:$edits, MaxSizedRegion<1>:$rest);
  let results = (outs Sample_Ints:$tokens, Sample_Ints:$flags,
                 Optional<Sample_Floats>:$logprobs,
                 Optional<Sample_Floats>:$margins);
  let assemblyFormat = [{
    $logits (`edits` $edits^)?
    (`temperature` `(` $temperature^ `:` type($temperature) `)`)?
    (`top_k` `(` $k^ `:` type($k) `)`)?
    (`min_p` `(` $min_p^ `:` type($min_p) `)`)?
    (`top_p` `(` $p^ `:` type($p) `)`)?
    (`rest` $rest^)?
    (`draw` `(` $bits^ `:` type($bits) `)`)?
    (`gumbel` $generator `(` $seed^ `,` $session `,` $sequence `,` $position
      `:` type($seed) `,` type($session) `,` type($sequence) `,`
      type($position) `)`)?
    attr-dict `:` type($logits)
    (`->` type($logprobs)^ `,` type($margins))?
  }];
  let hasVerifier = 1;
}
