//===- Group.h - ops that are tiled together -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_TRANSFORMS_TILEANDFUSE_GROUP_H
#define PLAIT_LIB_TRANSFORMS_TILEANDFUSE_GROUP_H

#include "../LinalgShapes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/MapVector.h"

namespace plait {

/// What an op is to the grouping.
enum class OpKind {
  /// No reduction.
  Elementwise,
  /// A reduction of one operand that has all loops: a maximum, a sum, a norm.
  Rows,
  /// Any other reduction: a matmul, a convolution, a window.
  Contraction,
  /// Not grouped.
  Other,
};

OpKind classify(mlir::linalg::LinalgOp op);

/// One dimension of the space over which a group is tiled.
struct Axis {
  /// ShapedType::kDynamic if unknown.
  int64_t extent;
  /// Elements per tile; the extent, or more, for an axis that is not tiled.
  int64_t tile = std::numeric_limits<int64_t>::max();
  /// Elements per task. A task walks over its tiles one after the other.
  int64_t block = std::numeric_limits<int64_t>::max();

  /// Only its beginning is computed, as much as a tile needs.
  bool isCut = false;

  bool isTiled() const { return isCut || isSplit(tile); }
  bool isParallel() const { return isSplit(block); }

private:
  bool isSplit(int64_t size) const {
    return mlir::ShapedType::isDynamic(extent)
               ? size != std::numeric_limits<int64_t>::max()
               : size < extent;
  }
};

/// The axis of every loop of an op or dimension of a tensor, or `whole`.
using AxisMap = llvm::SmallVector<int, 6>;
constexpr int whole = -1;

/// Ops of one block that are computed tile by tile. Every linalg member has a
/// loop for every axis, so that no element is computed twice; reshapes between
/// members move with them.
class Group {
public:
  enum class Kind { Attention, Contraction, Rows, Elementwise };

  /// A group around `anchor`, tiled along `axisLoops` of it.
  Group(Kind kind, mlir::linalg::LinalgOp anchor,
        llvm::ArrayRef<unsigned> axisLoops);

  /// Adds producers and consumers until none fits. Ops in `taken` do not.
  void grow(const llvm::DenseSet<mlir::Operation *> &taken);

  /// The axes of a tensor that a member computes.
  AxisMap axesOf(mlir::OpResult value) const;
  bool contains(mlir::Operation *op) const { return members.count(op); }
  bool contains(mlir::Value value) const {
    return value.getDefiningOp() && contains(value.getDefiningOp());
  }
  /// Whether `value` is used outside.
  bool escapes(mlir::OpResult value) const;
  /// Members in the order of the block.
  llvm::SmallVector<mlir::Operation *> sorted() const;
  unsigned count(OpKind kind) const;

  /// Ops between the first and the last member, not in the group, that depend
  /// on it. Fails if the group depends on one of them, or if one of them must
  /// not move behind the group.
  mlir::FailureOr<llvm::SmallVector<mlir::Operation *>> dependents() const;

  Kind kind;
  mlir::linalg::LinalgOp anchor;
  llvm::SmallVector<Axis> axes;
  /// The axis of every loop; for a reshape, of every dimension of its result.
  llvm::MapVector<mlir::Operation *, AxisMap> members;

private:
  bool allows(mlir::linalg::LinalgOp op, const AxisMap &loops) const;
  bool addProducer(mlir::Operation *op);
  bool addConsumer(mlir::Operation *op);
  bool add(mlir::Operation *op, AxisMap map);
  bool hasAllAxes(const AxisMap &map) const;
  std::optional<AxisMap> axesOfOperand(mlir::OpOperand &operand) const;
  void dropLooseReshapes();
};

/// The axes of a reshape's result given those of its source, or `forward` not,
/// the other way.
std::optional<AxisMap> throughReshape(mlir::Operation *reshape,
                                      const AxisMap &from, bool forward);

/// Sets the tile of every axis. Fails if the group is too small to be tiled.
llvm::LogicalResult chooseTiles(Group &group);

/// Replaces the members by a loop over tiles.
void emitTiles(mlir::RewriterBase &rewriter, Group &group,
               llvm::ArrayRef<mlir::Operation *> dependents);

} // namespace plait

#endif // PLAIT_LIB_TRANSFORMS_TILEANDFUSE_GROUP_H
