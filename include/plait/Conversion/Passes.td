//===- Passes.td - from one dialect to another -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_CONVERSION_PASSES_TD
#define PLAIT_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertLinalgContractionsToVector
    : Pass<"convert-linalg-contractions-to-vector"> {
  let summary = "register-tiled vector loops for contractions on buffers";
  let description = [{
    Turns every `linalg.generic` on buffers that multiplies two operands and
    sums (matmul in any layout, batched, matrix-vector) into loops over tiles
    of vector registers. Operands that are both contiguous along the summed
    dimension give dot products; an operand that is contiguous along a
    dimension of the result gives outer products; any other layout is first
    packed into one of these. Sizes may be dynamic and ragged: tails are
    masked. Sums are reassociated; f16 and bf16 accumulate in f32.

    Example: test/Conversion/LinalgToVector/convert-linalg-contractions-to-vector.mlir
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", /*default=*/"0",
           "width of a vector register in bits; 0: as this machine's">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def ConvertSpikeToLinalg : Pass<"convert-spike-to-linalg"> {
  let summary = "the reference meaning of the spike ops";
  let description = [{
    One time step of a population becomes one elementwise `linalg.generic`
    that updates the potential in place, a delay line becomes slices. The
    arithmetic is the one in the documentation of the attributes, term by term
    and in the element type of the state.

    Example: test/Conversion/SpikeToLinalg/convert-spike-to-linalg.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

def ConvertSampleToLinalg : Pass<"convert-sample-to-linalg"> {
  let summary = "lower sample ops by their reference meaning";
  let description = [{
    Gives every op of the `sample` dialect the integer arithmetic of its
    documentation, in linalg, tensor, arith and scf. `top_k`, `top_p` and
    `draw` select a threshold bit by bit, with one pass over the row per bit,
    so no row is sorted and every sum is exact in any order.

    Example: test/Conversion/SampleToLinalg/convert-sample-to-linalg.mlir
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def ConvertStablehloControlFlowToSCF : Pass<"convert-stablehlo-control-flow-to-scf"> {
  let summary = "stablehlo while, case and if to scf";
  let description = [{
    `stablehlo.while` becomes `scf.while`, `case` becomes `scf.index_switch`
    with the last branch as default, `if` becomes `scf.if`. Their regions are
    moved as they are.

    Example: test/Conversion/StablehloToSCF/convert-stablehlo-control-flow-to-scf.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def ConvertStablehloScatterToSCF : Pass<"convert-stablehlo-scatter-to-scf"> {
  let summary = "stablehlo.scatter to loops";
  let description = [{
    Loops over the scatter indices in row-major order, and inside over the
    window of each, with the update region inlined on scalars. A window that
    does not lie wholly in the input is skipped, so duplicates are applied in
    order and nothing is written out of bounds.

    Example: test/Conversion/StablehloToSCF/convert-stablehlo-scatter-to-scf.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def ConvertStablehloSortToSCF : Pass<"convert-stablehlo-sort-to-scf"> {
  let summary = "stablehlo.sort to a merge sort in loops";
  let description = [{
    Sorts every line by a bottom-up merge sort with the comparator inlined on
    scalars: stable, whatever `is_stable` says, O(n log n), with two buffers of
    one line per input.

    Example: test/Conversion/StablehloToSCF/convert-stablehlo-sort-to-scf.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // PLAIT_CONVERSION_PASSES_TD
