//===- LinalgShapes.h - what passes ask about a linalg op -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_TRANSFORMS_LINALGSHAPES_H
#define PLAIT_LIB_TRANSFORMS_LINALGSHAPES_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace plait {

/// A tensor that holds the elements of `source`, some of them repeated:
/// `map` leads from the copy's indices to the source's.
struct Copy {
  mlir::Value source;
  mlir::AffineMap map;
};

/// If `value` is a transposed or broadcast copy: of what.
std::optional<Copy> matchCopy(mlir::Value value);

/// Makes a copy of `source` as a `linalg.generic`. `map` must lead from the
/// copy's indices to all of the source's.
mlir::Value makeTransposed(mlir::OpBuilder &b, mlir::Location loc,
                           mlir::Value source, mlir::AffineMap map);

/// The scalar that every element of `value` is, if an op fills it.
mlir::Value filledWith(mlir::Value value);

/// One result, only parallel loops, written in their order.
bool isElementwise(mlir::linalg::GenericOp op);

/// Adds products of its two operands up: a contraction or a convolution.
bool sumsProducts(mlir::linalg::GenericOp op);

/// Sums products, and indexes every operand by loops.
bool isContraction(mlir::linalg::GenericOp op);

} // namespace plait

#endif // PLAIT_LIB_TRANSFORMS_LINALGSHAPES_H
