//===- LaneBody.h - the body of a linalg op on vector lanes -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_LINALGTOVECTOR_LANEBODY_H
#define PLAIT_LIB_CONVERSION_LINALGTOVECTOR_LANEBODY_H

#include "LoopNest.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/DenseMap.h"

namespace plait {

/// A value of the body in all lanes: a vector, or a scalar for the first lane
/// to which each next lane adds `step`. With step 0 all lanes are equal.
struct Lanes {
  mlir::Value value;
  int64_t step = 0;
};

/// Which elements an emission computes: `lanes` of them, one (scalar code), or
/// those that `mask` says.
struct LaneShape {
  int64_t lanes;
  mlir::Value mask;

  mlir::VectorType vectorOf(mlir::Type element) const {
    return mlir::VectorType::get({lanes}, element);
  }
};

/// Emits the body of a linalg op for several neighbours at once.
class LaneBody {
public:
  explicit LaneBody(mlir::linalg::GenericOp op) : op(op) {}

  /// Whether every op of the body can be emitted on vectors.
  static bool isVectorizable(mlir::linalg::GenericOp op);

  /// Writes the views of buffers that the body itself loads from.
  void prepare(mlir::OpBuilder &b);

  /// Emits the body for given values of its arguments and of the op's
  /// dimensions; `skip` is left out.
  llvm::DenseMap<mlir::Value, Lanes>
  emit(mlir::OpBuilder &b, LaneShape shape,
       llvm::DenseMap<mlir::Value, Lanes> values,
       llvm::function_ref<Lanes(unsigned)> indexOf,
       const llvm::SmallPtrSetImpl<mlir::Operation *> &skip);

  /// `lanes` as a vector, or as a scalar where the shape is one lane.
  static mlir::Value toVector(mlir::OpBuilder &b, mlir::Location loc,
                              LaneShape shape, Lanes lanes);

  /// Elements at `index`, `index + stride`, ...
  static Lanes load(mlir::OpBuilder &b, mlir::Location loc, LaneShape shape,
                    mlir::Value memref, mlir::Value index,
                    mlir::OpFoldResult stride);
  static void store(mlir::OpBuilder &b, mlir::Location loc, LaneShape shape,
                    Lanes value, mlir::Value memref, mlir::Value index,
                    mlir::OpFoldResult stride);

private:
  Lanes emitLoad(mlir::OpBuilder &b, LaneShape shape, mlir::Operation &load,
                 llvm::ArrayRef<Lanes> indices);

  mlir::linalg::GenericOp op;
  llvm::DenseMap<mlir::Value, FlatBuffer> buffers;
};

} // namespace plait

#endif // PLAIT_LIB_CONVERSION_LINALGTOVECTOR_LANEBODY_H
