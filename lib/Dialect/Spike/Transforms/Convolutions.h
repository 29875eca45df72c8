//===- Convolutions.h - convolutions with channels last ---------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fronts write images as [rows, channels, height, width]. An event's weights lie
// side by side along the filters, so what sums events has channels last.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_CONVOLUTIONS_H
#define PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_CONVOLUTIONS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace plait::spike {

/// Whether `value` is filled with zeros that are not negative.
bool isZeros(mlir::Value value);

/// A convolution that sums from zero. `image`, [rows, channels, height, width],
/// is what is padded with zeros, `padding` how many lie before it.
struct Convolution {
  mlir::linalg::Conv2DNchwFchwOp op;
  mlir::Value image, weights;
  llvm::SmallVector<int64_t> strides, dilations, padding;

  /// None where events have no such sums: sizes that are not known, windows
  /// that miss the image, images too wide for the loops of `conv_scan`.
  static std::optional<Convolution> match(mlir::linalg::Conv2DNchwFchwOp op);

  /// The weights as [height, width, channels, filters].
  mlir::Value turnFilters(mlir::ImplicitLocOpBuilder &b) const;
  /// The sums, channels last, for `rows`, the image with channels last, in the
  /// order in which events are added.
  mlir::Value multiply(mlir::ImplicitLocOpBuilder &b, mlir::Value rows) const;
};

mlir::Value transpose(mlir::ImplicitLocOpBuilder &b, mlir::Value value,
                      llvm::ArrayRef<int64_t> order);

/// The order of `rank` axes that puts the third last of them at the end, or
/// back.
llvm::SmallVector<int64_t> channelsOrder(int64_t rank, bool last);

} // namespace plait::spike

#endif // PLAIT_LIB_DIALECT_SPIKE_TRANSFORMS_CONVOLUTIONS_H
