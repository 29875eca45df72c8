//===- Passes.td - rewrites of the waist -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TRANSFORMS_PASSES_TD
#define PLAIT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def CheckImport : Pass<"check-import", "::mlir::ModuleOp"> {
  let summary = "verify the contract of the import stage";
  let description = [{
    Fails, with one error per op, if the module holds an op that no later
    stage knows (`tm_tensor.sort` of torch-mlir, say), or if a public function
    takes or returns something else than ranked tensors. See
    docs/contracts/import.md.

    Example: test/Transforms/check-import.mlir
  }];
}

def FuncProtectArguments : Pass<"func-protect-arguments", "::mlir::ModuleOp"> {
  let summary = "forbid writing to the arguments of public functions";
  let description = [{
    One-shot bufferization takes every function argument for scratch memory.
    The arguments of a public function are the user's own arrays: this pass
    marks them `bufferization.writable = false`. The first `weights` arguments
    of `@main` are bound when it is compiled: they are marked `plait.weight`.
    Arguments of `@main` that `updates` names are state, whose new contents are
    the leading results: result 0 that of the argument named first. They stay
    writable and are marked `plait.updated = 0`.

    Example: test/Transforms/func-protect-arguments.mlir
  }];
  let options = [
    Option<"weights", "weights", "unsigned", /*default=*/"0",
           "how many of the leading arguments of @main are bound weights">,
    ListOption<"updates", "updates", "unsigned",
               "the arguments of @main that its leading results replace">,
  ];
}

def FuncUpdateArguments : Pass<"func-update-arguments", "::mlir::ModuleOp"> {
  let summary = "leave results that replace arguments in those arguments";
  let description = [{
    The new content of an argument with `plait.updated = 0` is result 0: it is
    state, say a key-value cache. After bufferization that result usually is
    computed in the argument's own buffer and nothing is left to do; otherwise
    it is copied there, after what others still want of the old content is
    saved. The result is dropped.

    Example: test/Transforms/func-update-arguments.mlir
  }];
  let statistics = [
    Statistic<"numCopies", "copies", "Number of arguments written by a copy">,
  ];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def LinalgDemoteVariance : Pass<"linalg-demote-variance"> {
  let summary = "compute the variance of f32 values in f32";
  let description = [{
    torch-mlir computes the variance of a layer, group or batch norm in f64:
    `extf`, a sum, differences, a sum of squares, `truncf`. A two-pass variance
    needs no f64: differences from the mean cancel before they are squared, so
    that the relative error of n values stays below n * 2^-24, and is near
    sqrt(n) * 2^-24 in practice.

    Only f64 that neither comes in nor goes out as f64, and sums squares of
    differences, is demoted. Any other f64 was asked for, and stays.

    Example: test/Transforms/linalg-demote-variance.mlir
  }];
  let statistics = [
    Statistic<"numDemoted", "demoted", "variances now in f32">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LinalgCollapseLoops : Pass<"linalg-collapse-loops"> {
  let summary = "one loop for the rows of a contraction and of what is around it";
  let description = [{
    The rows of a linear layer are a batch and a sequence, or all that a user
    pleases; its kernel wants one loop over rows. A contraction's neighbouring
    loops that all its operands agree on become one; the reshapes around it
    move through elementwise ops and row reductions, up from a `collapse_shape`
    and down from an `expand_shape`, so that no reshape separates a contraction
    from the ops to fuse with it. The index of a row is a remainder then; an op
    that asks for one along the innermost dimension keeps its loops.

    Example: test/Transforms/linalg-collapse-loops.mlir
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LinalgFoldTransposes : Pass<"linalg-fold-transposes"> {
  let summary = "read through transposes and broadcasts";
  let description = [{
    Importers hand a weight to a matmul through a `linalg.transpose`, a bias to
    an addition through a broadcast, the heads of an attention through both. A
    `linalg.generic` reads the source directly by another indexing map, a
    contraction writes its result in the order of the transpose that follows.

    For that, a transpose changes places with the slice, concatenation or
    elementwise op that reads it; a contraction gets back the batch loops that a
    `collapse_shape` took from it; and where both operands of a contraction are
    multiplied by a constant (the scaled attention of torch), one is multiplied
    by the product.

    Example: test/Transforms/linalg-fold-transposes.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LinalgFoldUnitDims : Pass<"linalg-fold-unit-dims"> {
  let summary = "drop loops of one step";
  let description = [{
    A batch of one, kept dimensions of reductions, the repeated dimension of a
    single group: loops of one step hide that two ops have the same shape.
    This pass drops them from every `linalg.generic` but convolutions, whose
    kernels look for a batch and two spatial dimensions.

    Example: test/Transforms/linalg-fold-unit-dims.mlir
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LinalgFuseElementwise : Pass<"linalg-fuse-elementwise"> {
  let summary = "fuse elementwise ops where nothing is computed twice";
  let description = [{
    Upstream's fusion also moves a producer into a contraction or a broadcast
    that evaluates it once per use. This pass fuses

    * a producer that only moves or converts data, or computes a mask from
      indices and constants, into every reader but a contraction;
    * a producer with one reader, which reads each of its elements once;
    * a single operation on one operand that is not broadcast (the subtraction
      of a mean) into several such readers, unless it reads a mask that is
      computed from indices: scores are masked once.

    What remains is stored once: a residual sum, say, by the epilogue of the
    contraction before it. A contraction that starts from a bias starts from
    zero instead, and its epilogue adds the bias.

    A contraction reads what is only widened for it (bf16 to f32, i8 to i32) as
    it is stored, and widens it itself. Of a dequantised operand, narrow numbers
    times a scale, it sums the numbers, and its epilogue scales the sums, where
    the scale is the same for all that an element sums.

    Example: test/Transforms/linalg-fuse-elementwise.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LinalgSimplifyScalars : Pass<"linalg-simplify-scalars"> {
  let summary = "simplify the scalar arithmetic that importers leave";
  let description = [{
    In the bodies of linalg ops:

    * a rounded constant is a constant;
    * a comparison with a constant needs no wider type;
    * `powf` and `fpowi` with small exponents are products, `sqrt`, `rsqrt`;
    * `erf(x / c)` is `erf(x * (1 / c))`, one rounding apart;
    * a loop's index is not negative;
    * torch-mlir asserts that the divisor of a reciprocal is not zero. The
      assertion goes: IEEE 754 and torch say what a division by zero gives.

    Example: test/Transforms/linalg-simplify-scalars.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def LinalgPackWeights : Pass<"linalg-pack-weights", "::mlir::ModuleOp"> {
  let summary = "compute what depends on weights only once, in panels";
  let description = [{
    Arguments of `@main` that are marked `plait.weight` are the same in every
    call. What is computed from them alone (transposes, folded normalisations)
    moves to functions `@main_pack*` that run once; `@main` takes their results
    as arguments behind the other weights, and weights that it no longer reads
    are no longer its arguments. Values larger than what they are made of stay.

    A weight that a contraction reads along the columns n of its result is
    rearranged too, so that two vector registers of neighbouring columns lie
    together for each step of the sum, with zeros beyond the last column:
    `tensor<(N/W) x K x W>`, read as `(n floordiv W, k, n mod W)`.

    The module's attribute `plait.weights` says what each leading argument of
    `@main` is: `raw = i`, the i-th weight, or the result of function `by` for
    the weights `from`.

    Example: test/Transforms/linalg-pack-weights.mlir
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", /*default=*/"0",
           "width of a vector register in bits; 0: as this machine's">,
  ];
  let statistics = [
    Statistic<"numPanels", "panels", "operands that are read in panels">,
    Statistic<"numHoisted", "hoisted", "values that are computed once">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LinalgOutlineKernels : Pass<"linalg-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "one private function per distinct parallel loop or linalg op";
  let description = [{
    A model repeats its layers: thirty transformer blocks are a dozen distinct
    loops over tiles. Each `scf.forall` and each linalg op outside of one, on
    buffers, becomes a call of a function, and equal ones call the same, so
    that code generation pays once for each and never meets a function of a
    hundred thousand instructions. Offsets of views become arguments, for two
    layers' slices of one buffer to be equal.

    Example: test/Transforms/linalg-outline-kernels.mlir
  }];
  let statistics = [
    Statistic<"numCalls", "calls", "loops and ops that became calls">,
    Statistic<"numKernels", "kernels", "functions made">,
  ];
  let dependentDialects = ["::mlir::func::FuncDialect",
                           "::mlir::memref::MemRefDialect"];
}

def LinalgMoveScaling : Pass<"linalg-move-scaling"> {
  let summary = "scale less than a contraction reads";
  let description = [{
    Attention divides every probability by the sum of its row, and torch scales
    both queries and keys. A factor per row of a contraction's result scales the
    result instead of the operand, if that is smaller; a constant factor of the
    second operand moves to the first, so that the second is read where it is.

    Example: test/Transforms/linalg-move-scaling.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LinalgTileAndFuse : Pass<"linalg-tile-and-fuse"> {
  let summary = "group linalg ops and run each group tile by tile";
  let description = [{
    Forms groups of linalg ops on tensors and turns each into an `scf.forall`
    over independent tiles, in this order: attention (two contractions over the
    same rows with a row reduction between them; strips of rows inside of a
    task, so that no score matrix is ever stored), contractions with
    what is computed elementwise from their result, reductions of rows with
    what surrounds them, and elementwise chains. No element is computed twice,
    and a member writes into the memory of its last reader where it can. Tile
    sizes follow from the shapes alone. Small groups stay as they are.

    A `tensor.pad` by known borders of a constant becomes a fill of the border.
    What is padded is computed in the middle, if only the pad reads it; else it
    is copied there. Sums of products that read it are told in `plait.inside`
    where it is not zero.

    Where a mask hides all keys of a row from some key on (a causal mask, also
    one of a cache that is filled up to a position known at run time), a strip
    of attention reads no key that is hidden from all of its rows, and an op
    that only masks is applied to the keys that it may hide. An infinity
    or NaN in such a key or value then does not reach the result, as it may
    where the key is hidden from some of the rows only. A hidden score may be
    minus infinity or a number below -1e30; results differ only where other
    scores are as low.

    Example: test/Transforms/linalg-tile-and-fuse.mlir,
    test/Transforms/linalg-tile-and-fuse-causal.mlir,
    test/Transforms/linalg-tile-and-fuse-pad.mlir
  }];
  let statistics = [
    Statistic<"numGroups", "groups", "groups that became loops over tiles">,
  ];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LinalgSimplifySoftmax : Pass<"linalg-simplify-softmax"> {
  let summary = "read what a row's maximum tells from it";
  let description = [{
    torch's scaled dot product attention asks for every row of scores whether
    all of it is masked: a tensor of i1 as large as the scores, and a reduction
    over it. All elements are minus infinity exactly if the maximum is, which
    the softmax has computed anyway. The sum of the exponentials is at least one
    then, so that their division by it may be a product by its reciprocal. An
    exponential of f32 below a row's maximum is marked with `afn` and
    `plait.nonpositive`, so that it is expanded to fewer operations. A NaN in a
    row makes the sum NaN: where nothing reads the maximum or the
    exponentials without the sum, the maximum is that of the numbers only, which
    costs a third of the instructions.

    Example: test/Transforms/linalg-simplify-softmax.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect"];
}

def LinalgSplitConcats : Pass<"linalg-split-concats"> {
  let summary = "compute the parts of a concatenation in place";
  let description = [{
    A rotary embedding multiplies a concatenation of two halves. The reader of
    a concatenation is split instead: each part is computed straight into its
    slice of the result, and the concatenation is never stored.

    Example: test/Transforms/linalg-split-concats.mlir
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LinalgConvToChannelsLast : Pass<"linalg-conv-to-channels-last"> {
  let summary = "compute convolutions over neighbouring channels";
  let description = [{
    torch's images are [batch, channels, height, width], where the vectors of a
    convolution are pieces of a row, as short as the row. With channels last
    they are channels of the result, whatever the stride and the size of the
    image, and a bound weight is packed for them once.

    What a convolution's images reach through pads, elementwise ops, pools and
    other convolutions is one region. It is computed with channels last if its
    multiply-adds outweigh the images that are transposed at its border. A window
    of one pixel reads an image at the border where it is, unless another window
    has transposed it.

    Example: test/Transforms/linalg-conv-to-channels-last.mlir
  }];
  let statistics = [
    Statistic<"numConverted", "converted", "Convolutions with channels last">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LinalgFoldBatchNorm : Pass<"linalg-fold-batch-norm"> {
  let summary = "a batch norm in inference is one scale and one shift";
  let description = [{
    `(x - mean) * rsqrt(variance) * gamma + beta` with one number per channel
    becomes `x * scale + shift`; scale and shift are computed once per channel.
    The bias of the convolution before goes into the shift. As the epilogue of
    a convolution this costs one fused multiply-add per element, so that
    multiplying the weights by the scale would gain nothing.

    The result differs from the original by a few roundings of the largest of
    `|x * scale|` and `|mean * scale|`.

    Example: test/Transforms/linalg-fold-batch-norm.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LinalgMergeContractions : Pass<"linalg-merge-contractions"> {
  let summary = "one contraction for those that share an input";
  let description = [{
    The queries, keys and values of an attention are three products of one
    input with three weights. They become one product with the weights side by
    side, which `linalg-pack-weights` puts there once, and slices of its result:
    one loop over tasks, and the input is read, and packed, once. Biases and
    scales that are bound, too, are added and multiplied for all at once.
    Every element is the same sum in the same order. Products that an
    elementwise op reads together (the gate of a gated MLP) stay: they are tiled
    together already.

    Example: test/Transforms/linalg-merge-contractions.mlir
  }];
  let statistics = [
    Statistic<"numMerged", "merged", "contractions that are part of another">,
  ];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def MemRefWidenI1 : Pass<"memref-widen-i1", "::mlir::ModuleOp"> {
  let summary = "store i1 memrefs as one byte per element";
  let description = [{
    LLVM's lowering aborts on a load from or a store to a memref of i1, and
    NumPy, torch and JAX hold a boolean in a byte. This pass turns every
    memref of i1 into a memref of i8: loads truncate, stores extend, and so do
    the bodies of `linalg.generic`. Other linalg ops are generalised first.

    Example: test/Transforms/memref-widen-i1.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def MemRefFreeEarly : Pass<"memref-free-early", "::mlir::func::FuncOp"> {
  let summary = "free buffers behind their last use";
  let description = [{
    A buffer that never leaves its block, under any name, is freed behind the
    last operation that uses it; the next one of its size takes its memory,
    which is in the cache. Others are for the deallocation pipeline, which frees
    at the end of blocks and compares all buffers there with each other: of a
    thousand layers, most of the time to compile.

    Example: test/Transforms/memref-free-early.mlir
  }];
  let statistics = [
    Statistic<"numFreed", "buffers", "allocations freed behind their last use">,
  ];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def MemRefHoistAllocs : Pass<"memref-hoist-allocs", "::mlir::func::FuncOp"> {
  let summary = "allocate the buffers of loops once";
  let description = [{
    A buffer that every iteration of a loop allocates and frees is allocated
    before all loops in which its size does not change: on the stack if the
    size is static and small, on the heap otherwise. Parallel loops, whose
    iterations need buffers of their own, must be functions or sequential
    loops by then.

    Example: test/Transforms/memref-hoist-allocs.mlir
  }];
  let options = [
    Option<"stackBytes", "stack-bytes", "int64_t", /*default=*/"262144",
           "how much of the stack a function may take">,
  ];
  let statistics = [
    Statistic<"numHoisted", "buffers", "allocations moved out of loops">,
  ];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def MemRefCopyToLinalg : Pass<"memref-copy-to-linalg"> {
  let summary = "strided copies to loops";
  let description = [{
    LLVM's lowering of a `memref.copy` between layouts calls a runtime function
    `memrefCopy`, which walks one element at a time. As a `linalg.copy` it
    becomes a loop nest of its own, and the object code needs no runtime.

    Example: test/Transforms/memref-copy-to-linalg.mlir
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def MemRefExpandShapeToReinterpretCast
    : Pass<"memref-expand-shape-to-reinterpret-cast"> {
  let summary = "rewrite expand_shape with several dynamic sizes in a group";
  let description = [{
    `expand-strided-metadata` of MLIR 22 asserts on a `memref.expand_shape`
    with more than one dynamic size in a reassociation group, which the
    upstream canonicalizer itself creates from `tensor.reshape`. The op knows
    its output sizes, so for a source of identity layout it is a
    `memref.reinterpret_cast`.

    Example: test/Transforms/memref-expand-shape-to-reinterpret-cast.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def StripSignedness : Pass<"strip-signedness", "::mlir::ModuleOp"> {
  let summary = "signed and unsigned integer types to signless";
  let description = [{
    After jaxlib's legalisation the ops say themselves whether an integer is
    unsigned, but signatures and loops still carry `ui32` and casts between
    it and `i32`. This pass makes every integer type signless and removes the
    casts. Only ops that ignore signedness may be in the module.

    Example: test/Transforms/strip-signedness.mlir
  }];
}

def TensorSplitEmpty : Pass<"tensor-split-empty"> {
  let summary = "one tensor.empty for every use";
  let description = [{
    CSE merges equal `tensor.empty` ops. One-shot bufferization of MLIR 22 then
    gives two variables of a loop that start from the same one the same
    memory, since nothing is ever read from it before it is written. This pass
    undoes the merging; and that of fills, of which each reader that writes over
    one but the last would get a copy.

    Example: test/Transforms/tensor-split-empty.mlir
  }];
}

def MathExpandToArith : Pass<"math-expand-to-arith"> {
  let summary = "expand exp, log, tanh, erf, rsqrt to IEEE arithmetic";
  let description = [{
    Expands transcendental functions of scalars and vectors to multiplications,
    additions, fused multiply-adds and conversions, all of them correctly
    rounded: a processor that keeps IEEE 754 gives the same bits as every other,
    and what is measured on one holds on all. f16 and bf16 are computed in f32.

    Greatest error of f32 results in units in the last place, measured on every
    1031st bit pattern: exp2 0.8, exp 0.9, log 0.8, erf 1.0, log2 1.1, tanh 1.4,
    expm1 1.4, log1p 1.5, rsqrt 1.5. Subnormal arguments and results count;
    overflow is infinity, NaN and -0 stay. exp with `afn` is off by up to 2.8 +
    0.05 |x|, in fewer operations, and needs no upper bound where
    `plait.nonpositive` says that there is one. A sigmoid, which is imported as
    1 / (1 + exp(-x)), is off by up to 2.2; below -88.72, where exp(-x) is
    infinite, it is 0, off by less than 3e-39. With `keep`, also sin and cos (1.6):
    below 2^30 by a reduction in f64; lanes with a larger argument take libm's.
    f64 becomes bf16 by way of f32.

    A function of `math` without an expansion, and `arith.remf`, are refused,
    unless `keep` leaves them to a later pass.

    Example: test/Transforms/math-expand-to-arith.mlir
  }];
  let options = [
    Option<"keep", "keep", "bool", /*default=*/"false",
           "leave functions without an expansion as they are">,
    Option<"vectorBits", "vector-bits", "int64_t", /*default=*/"0",
           "width of a vector register in bits; 512 has vscalefps, which gives "
           "equal results; 0: as this machine's">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif // PLAIT_TRANSFORMS_PASSES_TD
