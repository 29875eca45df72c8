//===- SampleFusedOp.td - a chain as one op ------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Included by SampleOps.td.

def Sample_FusedOp
    : Sample_Op<"fused", [
        AttrSizedOperandSegments,
        TypesMatchWith<"one token per row", "logits", "tokens",
                       "::plait::sample::getRowsType($_self, ::mlir::IntegerType::get($_ctxt, 32))">,
        TypesMatchWith<"one flag word per row", "logits", "flags",
                       "::plait::sample::getRowsType($_self, ::mlir::IntegerType::get($_ctxt, 32))">]> {
  let summary = "temperature, top-k, top-p and a pick as one";
  let description = [{
    Means the chain of those ops whose operands it has, in this order:
    `arith.extf` where the logits are f16 or bf16, `sample.temperature`,
    `sample.top_k`, `sample.top_p`, and then `sample.draw` where it has `bits`,
    else `sample.greedy`. The tokens and flags are those of the chain.

    ```mlir
    %tokens, %flags = sample.fused %logits
        temperature(%t : tensor<4xf32>) top_k(%k : tensor<4xi32>)
        top_p(%p : tensor<4xf32>) draw(%bits : tensor<4xi64>)
        : tensor<4x49152xbf16>
    ```
  }];
  let arguments = (ins 2DTensorOf<[F32, F16, BF16]>:$logits,
                   Optional<1DTensorOf<[F32]>>:$temperature,
                   Optional<1DTensorOf<[I32]>>:$k,
                   Optional<1DTensorOf<[F32]>>:$p,
                   Optional<1DTensorOf<[I64]>>:$bits);
  let results = (outs 1DTensorOf<[I32]>:$tokens, 1DTensorOf<[I32]>:$flags);
  let assemblyFormat = [{
    $logits (`temperature` `(` $temperature^ `:` type($temperature) `)`)?
    (`top_k` `(` $k^ `:` type($k) `)`)? (`top_p` `(` $p^ `:` type($p) `)`)?
    (`draw` `(` $bits^ `:` type($bits) `)`)? attr-dict `:` type($logits)
  }];
  let hasVerifier = 1;
}
