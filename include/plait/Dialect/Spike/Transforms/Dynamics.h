//===- Dynamics.h - the arithmetic of one step of a neuron ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SPIKE_TRANSFORMS_DYNAMICS_H
#define PLAIT_DIALECT_SPIKE_TRANSFORMS_DYNAMICS_H

#include "plait/Dialect/Spike/IR/Spike.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <array>

namespace plait::spike {

/// The operands of a neuron that do not change over time.
enum Parameter {
  Decay,
  Tau,
  Gain,
  Leak,
  Threshold,
  ResetValue,
  Minimum,
  Refractory,
  NumParameters
};
/// One value per parameter, null where the neuron has none.
using Parameters = std::array<mlir::Value, NumParameters>;

/// The parameters of `spike.neuron`, `spike.scan` or an adaptor of them.
template <typename Op> Parameters parametersOf(Op op) {
  return {op.getDecay(),   op.getTau(),       op.getGain(),
          op.getLeak(),    op.getThreshold(), op.getResetValue(),
          op.getMinimum(), op.getRefractory()};
}

/// Which arithmetic; see `spike.neuron`.
struct Dynamics {
  Integrator integrator;
  Compare compare = Compare::Gt;
  Reset reset = Reset::Value;
  Moment moment = Moment::Now;
  bool multiSpike = false;

  template <typename Op> static Dynamics of(Op op) {
    return {op.getIntegrator(), op.getCompare().value_or(Compare::Gt),
            op.getReset().value_or(Reset::Value),
            op.getResetAt().value_or(Moment::Now), op.getMultiSpike()};
  }
};

/// What a step leaves: `fired` (booleans) is null where there is no threshold,
/// `left` where there is no refractory time. `out` is what the neuron gives.
struct Stepped {
  mlir::Value fired, out, v, left;
};

/// One step of neurons whose numbers are scalars, or vectors, of floats. `x` is
/// null where nothing comes in.
Stepped emitStep(mlir::ImplicitLocOpBuilder &b, const Dynamics &dynamics,
                 mlir::Value x, mlir::Value v, mlir::Value left,
                 const Parameters &parameters);

} // namespace plait::spike

#endif // PLAIT_DIALECT_SPIKE_TRANSFORMS_DYNAMICS_H
