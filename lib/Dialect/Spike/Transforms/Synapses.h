//===- Synapses.h - sums of products of activations and weights -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_SYNAPSES_H
#define PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_SYNAPSES_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace plait::spike {

/// Whether `op` sums products of its two operands, activations and weights: a
/// matrix product or a convolution.
bool isSynapse(mlir::linalg::LinalgOp op);

/// The weights of a synapse.
mlir::OpOperand &weightsOf(mlir::linalg::LinalgOp synapse);

/// The axis of the weights along which the channel that is axis `axis` of the
/// result lies, where the activations have no part in it.
std::optional<unsigned> channelAxisOfWeights(mlir::linalg::LinalgOp synapse,
                                             unsigned axis);

/// The axis of a result of `rank` axes along which neurons differ in their
/// weights: the last of rows, the one behind the batch of images.
unsigned channelAxis(mlir::linalg::LinalgOp synapse);

} // namespace plait::spike

#endif // PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_SYNAPSES_H
