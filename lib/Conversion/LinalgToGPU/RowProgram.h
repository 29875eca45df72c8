//===- RowProgram.h - what one kernel computes, symbolically -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_LINALGTOGPU_ROWPROGRAM_H
#define PLAIT_LIB_CONVERSION_LINALGTOGPU_ROWPROGRAM_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/AffineMap.h"
#include "llvm/ADT/DenseSet.h"

namespace plait {

/// The sizes of a function's tensors as expressions of its arguments' sizes:
/// symbol `i` is axis `symbols()[i].second` of argument `symbols()[i].first`.
class ShapeReader {
public:
  explicit ShapeReader(mlir::func::FuncOp function);

  /// Two sizes that a call's arguments must agree on.
  struct Check {
    mlir::AffineExpr lhs, rhs;
    std::string message;
  };

  mlir::FailureOr<mlir::AffineExpr> size(mlir::Value tensor, unsigned axis);
  mlir::FailureOr<mlir::AffineExpr> scalar(mlir::Value index);

  /// Notes that the two sizes are equal; fails if they cannot be.
  mlir::LogicalResult require(mlir::AffineExpr lhs, mlir::AffineExpr rhs,
                              llvm::StringRef message, mlir::Operation *op);

  /// The first error, at the op that caused it.
  mlir::LogicalResult fail(mlir::Operation *op, const llvm::Twine &message);
  void emitError() const;
  void clearError() { errorOp = nullptr; }

  llvm::ArrayRef<std::pair<unsigned, unsigned>> symbols() const {
    return symbolList;
  }
  llvm::ArrayRef<Check> checks() const { return checkList; }

  mlir::func::FuncOp function;

private:
  llvm::SmallVector<std::pair<unsigned, unsigned>> symbolList;
  llvm::SmallVector<Check> checkList;
  mlir::Operation *errorOp = nullptr;
  std::string errorMessage;
};

using Indices = llvm::SmallVector<mlir::AffineExpr>;

/// A reduction along one dimension, computed once per row.
struct RowReduction {
  mlir::linalg::LinalgOp op;
  unsigned result;
  /// The loop dimensions of `op` in terms of the kernel's.
  mlir::AffineMap loops;
  mlir::AffineExpr extent;
};

/// One result tensor as a program over rows: dimensions 0 .. rowRank-1 name the
/// row, dimension rowRank is the column. A column is either the result's last
/// dimension or, while a reduction runs, the dimension it reduces.
class RowProgram {
public:
  RowProgram(ShapeReader &shapes, mlir::Value root)
      : shapes(shapes), root(root) {}

  /// Reads the program, or fails with the error in the shape reader.
  mlir::LogicalResult analyse();

  mlir::MLIRContext *context() { return root.getContext(); }
  mlir::AffineExpr column() {
    return mlir::getAffineDimExpr(rowRank, context());
  }
  mlir::AffineMap map(llvm::ArrayRef<mlir::AffineExpr> exprs) {
    return mlir::AffineMap::get(rowRank + 1, shapes.symbols().size(), exprs,
                                context());
  }

  /// The source of a reshape and its indices, for indices of the result.
  mlir::FailureOr<std::pair<mlir::Value, Indices>>
  stepView(mlir::Operation *view, llvm::ArrayRef<mlir::AffineExpr> indices);

  /// The loop dimensions of `op` where result `result` has `indices`; the
  /// reduced dimension is the column.
  mlir::FailureOr<Indices> loopsAt(mlir::linalg::LinalgOp op, unsigned result,
                                   llvm::ArrayRef<mlir::AffineExpr> indices);

  /// The row-major position of `indices` in `tensor`.
  mlir::FailureOr<mlir::AffineExpr>
  linearize(mlir::Value tensor, llvm::ArrayRef<mlir::AffineExpr> indices,
            llvm::ArrayRef<mlir::AffineExpr> extents);

  static bool isReduction(mlir::linalg::LinalgOp op) {
    return op.getNumReductionLoops() > 0;
  }

  ShapeReader &shapes;
  mlir::Value root;
  unsigned rowRank = 0;
  Indices rootIndices;
  /// The sizes of the kernel's dimensions; the last is the result's column.
  Indices extents;
  llvm::SmallVector<RowReduction> reductions;
  llvm::SetVector<unsigned> arguments;

private:
  struct Scope {
    llvm::DenseSet<std::pair<mlir::Value, mlir::AffineMap>> seen;
    Indices extents;
    /// For each tensor read in a reduction, the row dimensions it lacks.
    llvm::SmallVector<uint64_t> missing;
    bool reducing = false;
  };

  mlir::LogicalResult analyseWith(unsigned rows);
  mlir::LogicalResult visit(mlir::Value value, Indices indices, Scope &scope);
  mlir::LogicalResult visitBody(mlir::linalg::LinalgOp op, mlir::Value value,
                                llvm::ArrayRef<mlir::AffineExpr> loops,
                                Scope &scope);
  mlir::LogicalResult visitReduction(mlir::linalg::LinalgOp op, unsigned result,
                                     llvm::ArrayRef<mlir::AffineExpr> loops,
                                     Scope &scope);
  mlir::LogicalResult visitScalar(mlir::Value value);

  llvm::DenseSet<std::pair<mlir::Value, mlir::AffineMap>> reductionsSeen;
};

} // namespace plait

#endif // PLAIT_LIB_CONVERSION_LINALGTOGPU_ROWPROGRAM_H
