//===- Reach.h - which keys the rows of a tile look at -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_TRANSFORMS_TILEANDFUSE_REACH_H
#define PLAIT_LIB_TRANSFORMS_TILEANDFUSE_REACH_H

#include "Scope.h"

#include "llvm/ADT/SmallBitVector.h"

namespace plait {

/// How far the rows of a tile look along the keys, where a mask leaves out all
/// keys of a row from some key on: a causal mask, also one of a cache that is
/// filled up to a position known at run time.
class Reach {
public:
  /// Finds such a mask, and that what it leaves out changes no result. The
  /// loops over keys become a further axis of the group.
  static std::optional<Reach> find(Group &group);

  struct Keys {
    mlir::OpFoldResult most, fewest;
  };
  /// How many of `all` keys a tile's rows look at, one at least, and how many
  /// first ones no mask hides from any of them.
  Keys emit(mlir::OpBuilder &b, mlir::Location loc,
            llvm::ArrayRef<mlir::OpFoldResult> offsets,
            llvm::ArrayRef<mlir::OpFoldResult> extents,
            mlir::OpFoldResult all) const;

  /// The group's axis of keys.
  int axis;
  /// Members that only mask: which operand they leave as it is within a row's
  /// reach.
  llvm::DenseMap<mlir::Operation *, mlir::OpOperand *> masks;

private:
  friend class ReachFinder;

  /// A summand of the number of keys of a row.
  struct Term {
    bool negative;
    mlir::Value value;
    Scope scope;
  };

  llvm::SmallVector<Term> terms;
  int64_t constant = 0;
  /// The axes that the terms depend on.
  llvm::SmallBitVector used;
  /// Masked scores are the lowest numbers, not minus infinity: they do not
  /// count only in a row that has other ones.
  bool needsKey = false;
};

} // namespace plait

#endif // PLAIT_LIB_TRANSFORMS_TILEANDFUSE_REACH_H
