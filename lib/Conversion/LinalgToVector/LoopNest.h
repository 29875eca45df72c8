//===- LoopNest.h - a linalg op as loops over strided memory -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_LINALGTOVECTOR_LOOPNEST_H
#define PLAIT_LIB_CONVERSION_LINALGTOVECTOR_LOOPNEST_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace plait {

/// `x * y` and `x + y` of index values, folded where both are constant.
mlir::OpFoldResult multiply(mlir::OpBuilder &b, mlir::Location loc,
                            mlir::OpFoldResult x, mlir::OpFoldResult y);
mlir::OpFoldResult add(mlir::OpBuilder &b, mlir::Location loc,
                       mlir::OpFoldResult x, mlir::OpFoldResult y);

/// A buffer as one dimension of unit stride, with the strides that it had.
struct FlatBuffer {
  mlir::Value memref;
  llvm::SmallVector<mlir::OpFoldResult> strides;

  mlir::Type element() const {
    return mlir::getElementTypeOrSelf(memref.getType());
  }

  /// Makes the view of `memref` at the insertion point.
  static FlatBuffer get(mlir::OpBuilder &b, mlir::Location loc,
                        mlir::Value memref);
};

/// How an operand moves through memory: at element
/// offset + sum of loop variable * stride + sum of irregular part * stride.
struct Access {
  FlatBuffer buffer;
  mlir::OpFoldResult offset;
  /// One per loop.
  llvm::SmallVector<mlir::OpFoldResult> strides;
  /// Subscripts with a division, over the op's own dimensions.
  llvm::SmallVector<std::pair<mlir::AffineExpr, mlir::OpFoldResult>> irregular;
};

/// One loop of the nest. It stands for several dimensions of the op where
/// every operand is contiguous over them.
struct Loop {
  mlir::OpFoldResult size;
  bool reduction;
  /// The op's dimension, if the loop stands for one that the body or an
  /// irregular access names.
  std::optional<unsigned> dim;
};

/// The loops of `op`, without those of size one, and what they read and write.
class LoopNest {
public:
  /// Writes the views of the operands at the insertion point of `b`.
  LoopNest(mlir::OpBuilder &b, mlir::linalg::GenericOp op);

  /// Whether each step of `loop` moves through `operand` in a straight line.
  bool isRegular(unsigned operand, unsigned loop) const;

  mlir::linalg::GenericOp op;
  llvm::SmallVector<Loop> loops;
  /// One per operand; none for an operand that is no buffer.
  llvm::SmallVector<std::optional<Access>> accesses;

private:
  void merge(mlir::OpBuilder &b);
};

} // namespace plait

#endif // PLAIT_LIB_CONVERSION_LINALGTOVECTOR_LOOPNEST_H
