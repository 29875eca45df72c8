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
    marks them `bufferization.writable = false`.

    Example: test/Transforms/func-protect-arguments.mlir
  }];
}

def LinalgFoldTransposes : Pass<"linalg-fold-transposes"> {
  let summary = "read through transposes and broadcasts";
  let description = [{
    Importers hand a weight to a matmul through a `linalg.transpose`, and a
    bias to an addition through a broadcast. A `linalg.generic` can read the
    source directly by another indexing map; the copy disappears.

    Example: test/Transforms/linalg-fold-transposes.mlir
  }];
}

def LinalgFuseElementwise : Pass<"linalg-fuse-elementwise"> {
  let summary = "fuse elementwise ops where nothing is computed twice";
  let description = [{
    Upstream's fusion also moves a producer into a contraction or a broadcast
    that evaluates it once per use. This pass fuses a producer only into a
    consumer that reads each of its elements once, unless the producer merely
    moves data.

    Example: test/Transforms/linalg-fuse-elementwise.mlir
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
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

def LinalgConvToImg2col : Pass<"linalg-conv-to-img2col"> {
  let summary = "convolutions to contractions";
  let description = [{
    A 2-D convolution with static shapes and no dilation becomes a gather of
    its patches and one contraction, which `convert-linalg-contractions-to-vector`
    then makes fast. Other convolutions stay as they are.

    Example: test/Transforms/linalg-conv-to-img2col.mlir
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::affine::AffineDialect"];
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

    Example: test/Transforms/linalg-tile-and-fuse.mlir
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

def MemRefWidenI1 : Pass<"memref-widen-i1", "::mlir::ModuleOp"> {
  let summary = "store i1 memrefs as one byte per element";
  let description = [{
    LLVM's lowering aborts on a load from or a store to a memref of i1, and
    NumPy, torch and JAX hold a boolean in a byte. This pass turns every
    memref of i1 into a memref of i8: loads truncate, stores extend.

    Example: test/Transforms/memref-widen-i1.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
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
    undoes the merging.

    Example: test/Transforms/tensor-split-empty.mlir
  }];
}

def MathExpandToArith : Pass<"math-expand-to-arith"> {
  let summary = "expand exp, log, tanh, erf, rsqrt to IEEE arithmetic";
  let description = [{
    Expands transcendental functions of scalars to multiplications, additions,
    fused multiply-adds and conversions, all of them correctly rounded: a
    processor that keeps IEEE 754 gives the same bits as every other, and what
    is measured on one holds on all. f16 and bf16 are computed in f32.

    Greatest error of f32 results in units in the last place, measured on every
    31st bit pattern: log 0.9, exp 1.0, exp2 1.1, log2 1.3, tanh 1.4, rsqrt 1.5,
    erf 4.7. Subnormal arguments and results count; overflow is infinity, NaN
    stays.

    A function of `math` without an expansion, and `arith.remf`, are refused.

    Example: test/Transforms/math-expand-to-arith.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif // PLAIT_TRANSFORMS_PASSES_TD
