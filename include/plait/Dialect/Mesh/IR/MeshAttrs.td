//===- MeshAttrs.td - mesh attrs -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_MESH_IR_MESHATTRS_TD
#define PLAIT_DIALECT_MESH_IR_MESHATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "plait/Dialect/Mesh/IR/MeshDialect.td"

class Mesh_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Mesh_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

#endif // PLAIT_DIALECT_MESH_IR_MESHATTRS_TD
