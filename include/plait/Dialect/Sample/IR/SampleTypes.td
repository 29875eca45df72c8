//===- SampleTypes.td - sample types -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SAMPLE_IR_SAMPLETYPES_TD
#define PLAIT_DIALECT_SAMPLE_IR_SAMPLETYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "plait/Dialect/Sample/IR/SampleDialect.td"

class Sample_Type<string name, string typeMnemonic, list<Trait> traits = []>
    : TypeDef<Sample_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

#endif // PLAIT_DIALECT_SAMPLE_IR_SAMPLETYPES_TD
