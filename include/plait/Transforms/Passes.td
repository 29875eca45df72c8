//===- Passes.td - rewrites of the waist -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TRANSFORMS_PASSES_TD
#define PLAIT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

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

#endif // PLAIT_TRANSFORMS_PASSES_TD
