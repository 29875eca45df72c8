//===- MeshDialect.td - the mesh dialect -------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_MESH_IR_MESHDIALECT_TD
#define PLAIT_DIALECT_MESH_IR_MESHDIALECT_TD

include "mlir/IR/OpBase.td"

def Mesh_Dialect : Dialect {
  let name = "mesh";
  let cppNamespace = "::plait::mesh";
  let summary = "Where tensors live on a physical grid of processing elements.";
  let description = [{
    Computation on a wafer-scale machine stays linalg on tensors; this dialect
    says on which grid of processing elements (PEs) a tensor lives and how it
    is cut into tiles. All ops have value semantics: without them the program
    computes the same (`convert-mesh-to-linalg` drops them).

    Upstream's `shard` dialect (once called `mesh`) describes logical device
    grids and collectives. `mesh` describes one physical rectangle of a fabric,
    whose limits a `TargetModel` knows: memory of a PE, ids, cycle costs.

    A tile must divide its tensor evenly: uneven sizes are an error and are not
    padded, because padding changes what a reduction, a comparison or a user
    who reads a tile sees. Pad the array where its meaning is known.
  }];
  let useDefaultAttributePrinterParser = 1;
}

#endif // PLAIT_DIALECT_MESH_IR_MESHDIALECT_TD
