//===- CSLTypes.td - csl types -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_CSL_IR_CSLTYPES_TD
#define PLAIT_DIALECT_CSL_IR_CSLTYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "plait/Dialect/CSL/IR/CSLDialect.td"

class CSL_Type<string name, string typeMnemonic, list<Trait> traits = []>
    : TypeDef<CSL_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

#endif // PLAIT_DIALECT_CSL_IR_CSLTYPES_TD
