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
    sums into loops over tiles of vector registers: matmul in any layout,
    batched, matrix-vector, convolutions as sums over windows. With enough rows
    the operand that is vectorised is first packed into panels
    `[ceil(N / width)][K][width]`; one that is given so, with the map
    `(m, n, k) -> (n floordiv width, k, n mod width)`, is used as it is. With few
    rows it is read where it is, once. Packing leaves the loops in which the
    operand does not change. A fill with zeros just before becomes the start of
    the sums. An elementwise op that alone reads a packed contraction's result
    (a bias, a residual, a relu) is applied to the sums in registers, where its
    output surely does not overlap what the contraction reads: in functions
    with `plait.distinct`, whose arguments do not overlap, or for new buffers.

    Sizes may be dynamic and ragged: what is left of the rows goes to smaller
    tiles, what is left of the columns is masked. Every element is one chain of
    fused multiply-adds in the order of the sum, so that it does not depend on
    how rows and columns are split. f16 and bf16 accumulate in f32.

    Elements narrower than the sums stay narrow in panels and are widened in
    registers, or where many tiles read a panel, once into memory that stays in
    cache; the rows of the other operand are widened once per block of rows.
    With registers of 512 bits and instructions for it, products of bf16 are
    summed in pairs (`vdpbf16ps`: in f32 as ever, but with subnormal numbers as
    zeros), and products of i8 in fours (`vpdpbusd`: exact).

    `plait.inside` on a contraction tells where an operand, or the whole of which
    it is a slice, is not zero: the operand's number, then for every dimension
    the size, the first index inside, and the one behind the last. A tile in one
    line of such an image leaves out the lines of the window that are zeros: an
    infinity or NaN in a weight does not reach a result through them.

    Example: test/Conversion/LinalgToVector/convert-linalg-contractions-to-vector.mlir,
    test/Conversion/LinalgToVector/convert-linalg-contractions-to-vector-border.mlir
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", /*default=*/"0",
           "width of a vector register in bits; 0: as this machine's">,
    Option<"dots", "dots", "std::string", /*default=*/"\"host\"",
           "element types with an instruction that sums products of "
           "neighbours: 'bf16', 'i8', 'bf16,i8', 'none'; 'host': this "
           "machine's">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def ConvertLinalgToVector : Pass<"convert-linalg-to-vector"> {
  let summary = "vector loops for linalg on buffers";
  let description = [{
    Turns every `linalg.generic` on buffers whose body is elementwise into
    loops, one of which is vectors: the one along which most operands are
    contiguous. Neighbouring loops are one where every operand is contiguous
    over both. Tails are masked; where the processor cannot mask an element
    type, they are scalar code. Named ops are generalised first.

    A sum, product, minimum, maximum, and, or, xor along the vectors is
    partial results in lanes, in an order that depends only on the row's
    length; f16 and bf16 sums are kept in f32. A product that is summed is a
    fused multiply-add. Other reductions are vectors along another dimension.

    A transposed copy moves squares of vectors, transposed in registers. A
    vector of f32 divided by a scalar is multiplied by its inverse and
    corrected, which is the rounded quotient; not corrected where the division
    allows its reciprocal (`arcp`). A reduction of rows that an elementwise op
    just wrote is computed as they are written.

    Ops with control flow, and reductions of no parallel dimension by another
    combiner, stay for `convert-linalg-to-loops`.

    Example: test/Conversion/LinalgToVector/convert-linalg-to-vector.mlir
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", /*default=*/"0",
           "width of a vector register in bits; 0: as this machine's">,
  ];
  let statistics = [
    Statistic<"numVectorized", "vectorized", "ops that became vector loops">,
    Statistic<"numLeft", "left", "ops that are left for scalar loops">,
  ];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def ConvertLinalgToGPU : Pass<"convert-linalg-to-gpu", "::mlir::ModuleOp"> {
  let summary = "fuse linalg on tensors into one GPU kernel per result";
  let description = [{
    Every result of every function becomes one `gpu.func` in a `gpu.module`,
    however many linalg ops it takes: nothing but arguments and results is in
    memory. A result without reductions is an elementwise kernel: each thread
    of a striding grid computes 16 bytes of it at a time where all pointers are
    aligned, and one element at a time elsewhere and in the tail. A result with
    reductions along its last dimension (softmax, layer normalisation), or one
    value per row, is a row kernel: a block per row, whose threads stride over
    the columns and combine in a fixed tree of shuffles and shared memory, so
    that equal inputs give equal bits. Elements that a later loop needs again
    are computed again. Sizes may be dynamic.

    Kernels take pointers to row-major data (the inputs that are read, then the
    result), then the dynamic sizes. The functions are erased; the attribute
    `plait.entries` of the module says how to launch: kernels, their grids,
    operands, the sizes of results, and the sizes that must agree.

    Contractions, reductions along other dimensions, and every op that is not
    listed above are refused by name: nothing runs elsewhere silently.

    Example: test/Conversion/LinalgToGPU/convert-linalg-to-gpu.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::scf::SCFDialect"];
}

def GPUAttachNVPTXTargets : Pass<"gpu-attach-nvptx-targets", "::mlir::gpu::GPUModuleOp"> {
  let summary = "name the NVIDIA chips to make code for";
  let description = [{
    Attaches one `#nvvm.target` per chip, with the PTX version that the chip
    needs. A chip that is not in Plait's table is an error that lists those
    that are.

    Example: test/Conversion/GPUToNVPTX/gpu-attach-nvptx-targets.mlir
  }];
  let options = [
    ListOption<"chips", "chips", "std::string", "the chips, e.g. sm_80,sm_90">,
  ];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect"];
}

def ConvertMathToIntrinsics : Pass<"convert-math-to-intrinsics"> {
  let summary = "math functions that a processor has as LLVM intrinsics";
  let description = [{
    Turns what a GPU computes in one instruction (fma, sqrt, rounding, absf,
    copysign, maxnumf, minnumf) into `llvm.call_intrinsic`, before
    `convert-gpu-to-nvvm` makes calls to libdevice of it. Other ops and vectors
    are left alone.

    Example: test/Conversion/GPUToNVPTX/convert-math-to-intrinsics.mlir
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def ConvertSpikeToLinalg : Pass<"convert-spike-to-linalg"> {
  let summary = "the reference meaning of the spike ops";
  let description = [{
    One time step of a population becomes one elementwise `linalg.generic`
    that updates the potential in place, a run a loop over time around it, a
    delay line slices. Synapses given as events become matrix products, packed
    spikes and lists of events loops over bits. The arithmetic is the one in
    the documentation of the attributes, term by term and in the element type
    of the state.

    Example: test/Conversion/SpikeToLinalg/convert-spike-to-linalg.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect",
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

def ConvertStablehloFftToLinalg : Pass<"convert-stablehlo-fft-to-linalg"> {
  let summary = "stablehlo.fft to contractions";
  let description = [{
    A transform of length n = r1 r2 ... is done by Cooley and Tukey's method:
    one stage per factor multiplies by the r x r Fourier matrix, a real
    contraction over real and imaginary parts side by side, and by the twiddle
    factors; one transposition at the end puts the frequencies in order.
    Powers of two go in radix 16. A length with a prime factor over 61 is done
    by Bluestein's method: a convolution with a chirp, in transforms of a power
    of two. All constants are rounded once from f64. Only static shapes.

    Example: test/Conversion/StablehloToLinalg/convert-stablehlo-fft-to-linalg.mlir
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::complex::ComplexDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def ConvertSCFForallToTasks
    : Pass<"convert-scf-forall-to-tasks", "::mlir::ModuleOp"> {
  let summary = "parallel loops on buffers to calls of the thread pool";
  let description = [{
    Numbers the tiles of an `scf.forall` row by row, puts its body into a
    function that does a range of tiles, and calls `plait_parallel_for` of
    libplait_runtime with it. What the body uses from outside goes through a
    struct on the stack. A loop inside another one, a loop of one tile, and a
    loop whose operations the IR shows to be fewer than `min-ops` become plain
    loops.

    A `cf.assert` that fails in a task ends that task only; its message comes
    back through `plait_parallel_for`, and `plait_raise` fails with it on the
    thread that called.

    Example: test/Conversion/SCFToRuntime/convert-scf-forall-to-tasks.mlir
  }];
  let options = [
    Option<"minOps", "min-ops", "int64_t", /*default=*/"10000",
           "operations, scalar or vector, that are worth waking threads for">,
  ];
  let statistics = [
    Statistic<"numTasks", "tasks", "loops that the thread pool runs">,
    Statistic<"numLoops", "loops", "loops that stay on their thread">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::scf::SCFDialect"];
}

def ConvertMeshToLinalg : Pass<"convert-mesh-to-linalg", "::mlir::ModuleOp"> {
  let summary = "drop placement: the reference meaning of mesh";
  let description = [{
    A tensor on a grid is the same tensor, so `mesh.place` and
    `mesh.redistribute` become their operands and grids go.

    Example: test/Conversion/MeshToLinalg/convert-mesh-to-linalg.mlir
  }];
}

def ConvertMeshToCSL : Pass<"convert-mesh-to-csl", "::mlir::ModuleOp"> {
  let summary = "f32 tensor programs on a grid to CSL";
  let description = [{
    Replaces `@main` by a layout, one PE program and the host's program. Each
    PE computes its tile of every tensor; a tile is stored column by column. A
    product whose left operand's columns are whole is local: one `@fmacs` per
    element of the right operand. A product whose left operand's columns are
    cut over PE columns is summed along each PE row: the first PE sends its
    part to the east, each next one adds its own to what comes from the west
    and sends it on, the last one keeps the sum. Columns alternate between two
    colours, because a PE cannot receive and send on one. The
    sum is the only communication: every PE sends and receives exactly one
    tile per launch, and unblocks the host's command stream once, in the task
    that the last vector operation activates.

    Layouts must fit together already (`mesh-assign-layout`) and tensors that
    move must be inputs (`canonicalize` places them where they go).

    Example: test/Conversion/MeshToCSL/convert-mesh-to-csl.mlir
  }];
  let options = [
    Option<"sdk", "sdk", "std::string", /*default=*/"\"2.10\"",
           "version of the Cerebras SDK: 1.4 or 2.10">,
    Option<"comments", "comments", "bool", /*default=*/"true",
           "say in the program what each part is, with estimated cycles">,
    Option<"debugInfo", "debug-info", "bool", /*default=*/"false",
           "name the source line of each operation in the program">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::plait::csl::CSLDialect"];
}

#endif // PLAIT_CONVERSION_PASSES_TD
