//===- StablehloTypes.td - stablehlo types -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_STABLEHLO_IR_STABLEHLOTYPES_TD
#define PLAIT_DIALECT_STABLEHLO_IR_STABLEHLOTYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "plait/Dialect/Stablehlo/IR/StablehloDialect.td"

class Stablehlo_Type<string name, string typeMnemonic, list<Trait> traits = []>
    : TypeDef<Stablehlo_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

#endif // PLAIT_DIALECT_STABLEHLO_IR_STABLEHLOTYPES_TD
