//===- Switch.h - whether a layer sums events or a dense product ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_SWITCH_H
#define PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_SWITCH_H

#include "plait/Dialect/Spike/IR/Spike.h"

#include "mlir/IR/Builders.h"

namespace plait::spike {

/// The `scan` or `conv_scan` that fires `value`, each element of which is 0 or
/// 1, or null. The one in a branch stands for those in both.
mlir::Operation *findProducer(mlir::Value value);

/// How a layer sums what `producer` fires: as events, as a product, or as what
/// fits the spikes of a run when they are there.
enum class Road { Events, Product, Look };

/// The road for a layer whose roads are equally fast at a share of `maxRate`
/// spikes. Without a producer, which is null for what a caller gives, and with
/// `look` it is looked at. A producer with a measured rate (the attribute
/// `spike.rate`, or the mean of `spike.rates`) far from `maxRate` needs no look;
/// one within half of it does, because rates move.
Road chooseRoad(mlir::Operation *producer, double maxRate, bool look);

/// Whether `op` is on the dense road of a layer that chooses already.
bool isSwitched(mlir::Operation *op);

/// Fails with a diagnostic unless `rate`, the option `name` of a pass on `op`, is
/// a share.
llvm::LogicalResult checkRate(mlir::Operation *op, llvm::StringRef name,
                              double rate);

/// Whether the events of `run`, when they come, are spikes, and at most
/// `maxRate` of its elements.
mlir::Value isSparse(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value run, ListEventsOp events, double maxRate);

} // namespace plait::spike

#endif // PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_SWITCH_H
