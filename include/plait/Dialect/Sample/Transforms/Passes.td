//===- Passes.td - rewrites of the sample dialect ------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SAMPLE_TRANSFORMS_PASSES_TD
#define PLAIT_DIALECT_SAMPLE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def SampleCanonicalizeChain : Pass<"sample-canonicalize-chain"> {
  let summary = "drop and merge processors, where no bit can change";
  let description = [{
    Removes every processor whose parameters are known to change nothing, and
    makes one of two neighbours:

    * `top_k` of `top_k`: the smaller k (without `keep_ties`);
    * `min_p` of `min_p`: the greater p;
    * `ban` of `ban`, `logit_bias` of `logit_bias`: one list after the other;
    * `bitmask` of `bitmask`: the bits of both;
    * `top_k` behind `min_p` goes before it, which keeps the same candidates
      and brings together what merges.

    Two temperatures, penalties, or masses of top-p are not merged: their
    roundings and sums differ. A pick behind a filter that keeps the best
    candidate needs no filter, as long as only its tokens are used.

    Example: test/Dialect/Sample/sample-canonicalize-chain.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect",
                           "::plait::sample::SampleDialect"];
}

def RaiseToSample : Pass<"raise-to-sample", "::mlir::ModuleOp"> {
  let summary = "make sample ops of the picks in an imported program";
  let description = [{
    A reduction of f32, f16 or bf16 rows, in the last dimension of any tensor,
    that gives the first index of the greatest element, in whatever form torch
    or JAX wrote it, becomes `sample.greedy`. Where what it reduces is the sum of logits and JAX's
    Gumbel noise, that is `jax.random.categorical` with one key, or (by
    `jax.vmap`) one for each row, it becomes
    `sample.gumbel jax_threefry` with JAX's own bits (`keep-bits`, the
    default), or one keyed `sample.draw` per row with the key as its seed,
    which is the same distribution for a fraction of the work.

    A selection of -inf where a logit is less than the k-th of its sorted row
    becomes `sample.top_k {keep_ties}`; where the softmax's mass of the greater
    logits has come to p (or that of the lesser ones is within 1 - p),
    `sample.top_p`, whether this is computed in the order of the sort and
    scattered back, or from the least logit that stays. With
    `keep-bits=false`, a draw from the first of a sorted row, or from its
    weights, whose token is looked up in the sort's indices, becomes a draw
    from the row. JAX's noise is that of places in the sorted row there: with
    `keep-bits` the draw stays one from the sorted row, whose token is looked
    up, and so do filters that make weights 0 there. A count of the softmax's
    prefix sums below a number that the program is given is a draw by that
    number's bits.

    torch's own generator has a state, and no bits that another program could
    repeat: with `keep-bits` it is an error. Without, the greatest of weights
    divided by its exponential noise (which `torch.multinomial` of one sample
    is), or of logits less the logarithm of it, becomes a keyed draw. The keys
    are new last arguments of the program, one of each per row: the seed
    tensor<Bxi64>, session, sequence and position tensor<Bxi32>. A second draw
    of a program takes its bits from another lane.

    It runs on what a front end has imported, before functions are inlined. It
    is not part of a pipeline, since it changes results: a row with a NaN or
    without candidates has its flag and the error index, where the source gives
    some index, and scores closer than the source's f32 rounding may give the
    other token. A filter's mass is exact where the source's was a sum of
    floats, and of equal logits the one with the lower index stays.

    Example: test/Dialect/Sample/raise-to-sample.mlir
  }];
  let options = [Option<"keepBits", "keep-bits", "bool", /*default=*/"true",
                        "draw with the bits of the source's generator">];
  let statistics = [
    Statistic<"numGreedy", "greedy", "reductions that became sample.greedy">,
    Statistic<"numFilters", "filters", "sorts and masks that became filters">,
    Statistic<"numDrawn", "drawn", "categorical draws that became sample ops">];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect",
                           "::plait::sample::SampleDialect"];
}

def SampleFuse : Pass<"sample-fuse"> {
  let summary = "make a whole chain one op that reads the logits once";
  let description = [{
    Turns every `sample.draw`, `sample.greedy` and `sample.gumbel` into a
    `sample.fused` that takes in the whole chain before it. The beginning goes
    to the places that the op has, in its order: `arith.extf` of the logits;
    edits, which change or remove single tokens (bias, allowed and banned
    tokens, bitmask, no-repeat n-grams, DRY, penalties); temperature, top-k,
    min-p, top-p, or min-p behind top-p. All else is its `rest`, from the
    earliest logits on that a top-p of the full mass, or a temperature by the
    entropy, looks at. Where all counts of a penalty come from `sample.count`,
    that is taken in, too, and only the lists are walked; else counts are
    tables.

    Example: test/Dialect/Sample/sample-fuse.mlir
  }];
  let dependentDialects = ["::plait::sample::SampleDialect"];
  let statistics = [Statistic<"numFused", "fused", "chains that became one op">];
}

def ConvertSampleToVector
    : Pass<"convert-sample-to-vector", "::mlir::ModuleOp"> {
  let summary = "vector code for fused sampling chains";
  let description = [{
    Turns every `sample.fused` into a call of a function of vectors and loops
    on buffers. A row is read from memory once: a scan leaves the greatest
    logit of every group of 256. With top-k, or for the best candidate, a bound
    from the groups' greatest leaves a short list of candidates, which decides
    the rest. A categorical draw and top-p add the weights of the row while it
    is in the cache, as floats whose error is bounded; top-p then lists the candidates
    above a bound that a sample of the row suggests, and that is lowered where
    it was too high. The few tokens that the error leaves open are decided by
    the integer weights of the whole row, as are log-probabilities.

    The rest of a chain works on a list of what is left of the row, which stays
    in the cache: short behind top-k, else as long as the row. Of noisy
    candidates, only those have their scores computed whose random word is so
    great that they may have the best one.

    Edits of a chain come first: their lists are walked, tables of counts are
    read once, and only the groups with a token that changes are copied, so that
    the rounds over the row read the others where they are. What is removed is a
    bit of a mask, which the rounds apply as they load.

    Runs of edits outside of chains, but for masks and tables, become a
    function, too: it copies the logits and then changes those of the tokens in
    the lists.

    Rows are the tiles of an `scf.forall`; where there are fewer rows than
    threads, so are parts of rows. Every sum is one of integers: tokens do not
    depend on vectors, threads or batches, and equal those of
    `convert-sample-to-linalg`.

    Example: test/Conversion/SampleToVector/convert-sample-to-vector.mlir
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", /*default=*/"0",
           "width of a vector register in bits; 0: as this machine's">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::bufferization::BufferizationDialect",
                           "::mlir::cf::ControlFlowDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif // PLAIT_DIALECT_SAMPLE_TRANSFORMS_PASSES_TD
