//===- ChannelChain.h - scales and shifts per channel -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TRANSFORMS_CHANNELCHAIN_H
#define PLAIT_TRANSFORMS_CHANNELCHAIN_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace plait {

/// x - a, x + a or x * a, where `by`, a tensor, has an a per channel.
struct ChannelStep {
  enum Kind { Add, Subtract, Multiply } kind;
  mlir::Value by;
};

/// The steps in the body of an elementwise op, one after the other, from an
/// element x of a whole tensor, where the a are per channel.
struct ChannelChain {
  mlir::BlockArgument element;
  mlir::SmallVector<mlir::Operation *> ops;
  mlir::SmallVector<ChannelStep> steps;
  /// Of the tensors of the steps, which have one shape.
  mlir::AffineMap map;

  /// The chain that starts at `input`.
  static ChannelChain from(mlir::linalg::GenericOp op, mlir::OpOperand *input);
};

/// The tensors (scale, shift) for which x * scale + shift is `steps` but for
/// rounding.
std::pair<mlir::Value, mlir::Value>
createScaleAndShift(mlir::OpBuilder &b, mlir::Location loc,
                    mlir::ArrayRef<ChannelStep> steps);

} // namespace plait

#endif // PLAIT_TRANSFORMS_CHANNELCHAIN_H
