//===- SpikeTypes.td - spike types -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SPIKE_IR_SPIKETYPES_TD
#define PLAIT_DIALECT_SPIKE_IR_SPIKETYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "plait/Dialect/Spike/IR/SpikeDialect.td"

class Spike_Type<string name, string typeMnemonic, list<Trait> traits = []>
    : TypeDef<Spike_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

#endif // PLAIT_DIALECT_SPIKE_IR_SPIKETYPES_TD
