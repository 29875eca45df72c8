//===- SpikeOps.td - spike ops -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SPIKE_IR_SPIKEOPS_TD
#define PLAIT_DIALECT_SPIKE_IR_SPIKEOPS_TD

include "plait/Dialect/Spike/IR/SpikeAttrs.td"
include "plait/Dialect/Spike/IR/SpikeTypes.td"

class Spike_Op<string mnemonic, list<Trait> traits = []>
    : Op<Spike_Dialect, mnemonic, traits>;

#endif // PLAIT_DIALECT_SPIKE_IR_SPIKEOPS_TD
