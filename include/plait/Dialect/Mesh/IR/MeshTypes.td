//===- MeshTypes.td - mesh types -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_MESH_IR_MESHTYPES_TD
#define PLAIT_DIALECT_MESH_IR_MESHTYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "plait/Dialect/Mesh/IR/MeshDialect.td"

class Mesh_Type<string name, string typeMnemonic, list<Trait> traits = []>
    : TypeDef<Mesh_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

#endif // PLAIT_DIALECT_MESH_IR_MESHTYPES_TD
