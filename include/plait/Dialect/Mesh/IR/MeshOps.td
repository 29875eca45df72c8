//===- MeshOps.td - mesh ops -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_MESH_IR_MESHOPS_TD
#define PLAIT_DIALECT_MESH_IR_MESHOPS_TD

include "plait/Dialect/Mesh/IR/MeshAttrs.td"
include "plait/Dialect/Mesh/IR/MeshTypes.td"

class Mesh_Op<string mnemonic, list<Trait> traits = []>
    : Op<Mesh_Dialect, mnemonic, traits>;

#endif // PLAIT_DIALECT_MESH_IR_MESHOPS_TD
