//===- SpikeDialect.td - the spike dialect -------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SPIKE_IR_SPIKEDIALECT_TD
#define PLAIT_DIALECT_SPIKE_IR_SPIKEDIALECT_TD

include "mlir/IR/OpBase.td"

def Spike_Dialect : Dialect {
  let name = "spike";
  let cppNamespace = "::plait::spike";
  let summary = "Spiking neurons over explicit time.";
  let description = [{
    A spiking network is a loop over time steps. State (membrane potentials,
    delay lines, the last spikes of a recurrent population) is a tensor that
    the loop carries; an op takes the state in and gives the next state back.
    Synapses are ordinary linear algebra on tensors and have no op here.

    A population may carry what was measured of it: `spike.rate`, the mean
    spikes of a neuron in a step, or `spike.rates`, that of each neuron.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
}

#endif // PLAIT_DIALECT_SPIKE_IR_SPIKEDIALECT_TD
