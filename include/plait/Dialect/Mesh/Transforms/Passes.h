//===- Passes.h - rewrites of the mesh dialect ------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_MESH_TRANSFORMS_PASSES_H
#define PLAIT_DIALECT_MESH_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "plait/Dialect/Mesh/IR/Mesh.h"

namespace plait::mesh {

/// The layout that each tensor of a function has after `mesh-assign-layout`:
/// what placed it says, or what the operation that computed it leaves. A
/// tensor that is nobody's (constants, what fills a destination) has none.
/// Stops with an error at an operation that has no plan on a grid.
mlir::FailureOr<llvm::DenseMap<mlir::Value, LayoutAttr>>
inferLayouts(mlir::func::FuncOp function);

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "plait/Dialect/Mesh/Transforms/Passes.h.inc"

} // namespace plait::mesh

#endif // PLAIT_DIALECT_MESH_TRANSFORMS_PASSES_H
