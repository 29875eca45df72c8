//===- Scope.h - values in the bodies of a group's ops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_TRANSFORMS_TILEANDFUSE_SCOPE_H
#define PLAIT_LIB_TRANSFORMS_TILEANDFUSE_SCOPE_H

#include "Group.h"

namespace plait {

/// An op and the axis of every loop, where a value in its body is evaluated.
/// `whole` is the index zero.
struct Scope {
  mlir::linalg::LinalgOp op;
  AxisMap loops;

  mlir::Block *body() const { return mlir::linalg::LinalgOp(op).getBlock(); }
};

/// The op's operand whose elements `value` is.
mlir::OpOperand *operandOf(mlir::Value value, mlir::linalg::LinalgOp op);

/// The axes that index an operand; none if it is not indexed by loops alone.
std::optional<AxisMap> indicesOf(const Scope &scope, mlir::OpOperand *operand);

/// The body of the elementwise op that computes what the argument `value` is
/// an element of.
std::optional<std::pair<Scope, mlir::Value>> enter(mlir::Value value,
                                                   const Scope &scope);

/// Whether two values in bodies are computed the same way.
bool isSame(mlir::Value x, const Scope &inX, mlir::Value y, const Scope &inY);

/// `value` where the axes are at `at`.
mlir::Value evaluate(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value,
                     const Scope &scope, llvm::ArrayRef<mlir::Value> at);

} // namespace plait

#endif // PLAIT_LIB_TRANSFORMS_TILEANDFUSE_SCOPE_H
