//===- Passes.td - rewrites of the mesh dialect ------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_MESH_TRANSFORMS_PASSES_TD
#define PLAIT_DIALECT_MESH_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def MeshAssignLayout : Pass<"mesh-assign-layout", "::mlir::func::FuncOp"> {
  let summary = "redistribute operands to the layouts that each operation needs";
  let description = [{
    The user's layouts are wishes for whole arrays; an operation on a grid
    needs its operands in layouts that fit together. The left operand of a
    product decides: with its rows cut (`row_partition`) each PE needs the
    whole right operand; with its columns cut as well (`grid`,
    `col_partition`) each PE column needs the matching rows of the right
    operand (`inner_partition`), and the sum ends in `last_column`. Element by
    element, all operands take the layout of the first that is cut.

    Example: test/Dialect/Mesh/mesh-assign-layout.mlir
  }];
  let dependentDialects = ["::plait::mesh::MeshDialect"];
}

#endif // PLAIT_DIALECT_MESH_TRANSFORMS_PASSES_TD
