//===- Silence.h - neurons that cannot fire ---------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_SILENCE_H
#define PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_SILENCE_H

#include "plait/Dialect/Spike/IR/Spike.h"

#include <vector>

namespace plait::spike {

/// The elements of a tensor, in order of rows.
struct Numbers {
  llvm::SmallVector<int64_t> shape;
  std::vector<double> data;

  /// Calls `visit` with each element and its index along `axis`.
  void forEach(int64_t axis,
               llvm::function_ref<void(int64_t, double)> visit) const;
};

/// What `value` is, where it is made of constants by elementwise ops.
std::optional<Numbers> evaluate(mlir::Value value);

/// For each neuron (each index of axis 1 of the state) whether no input can
/// bring its potential to its threshold, rounding included. Inputs that are not
/// spikes of other populations may be anything.
std::vector<bool> findSilent(ScanOp scan);

} // namespace plait::spike

#endif // PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_SILENCE_H
