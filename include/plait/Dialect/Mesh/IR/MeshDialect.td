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
}

#endif // PLAIT_DIALECT_MESH_IR_MESHDIALECT_TD
