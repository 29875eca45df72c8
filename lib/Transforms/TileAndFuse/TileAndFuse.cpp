//===- TileAndFuse.cpp - linalg ops as parallel tasks -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Group.h"
#include "PadInPlace.h"

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace plait {
#define GEN_PASS_DEF_LINALGTILEANDFUSE
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;
using plait::classify;
using plait::Group;
using plait::OpKind;

namespace {

/// What one head's keys or values may hold for its rows to be worth a loop of
/// their own: they are read once per strip, and should stay in L2.
constexpr int64_t mostKeyElements = 1 << 20;

/// The loops of a contraction that its first operand and its result have: the
/// batches and rows.
SmallVector<unsigned> rowLoops(linalg::LinalgOp op) {
  AffineMap left = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  SmallVector<unsigned> loops;
  for (auto [loop, type] : llvm::enumerate(op.getIteratorTypesArray()))
    if (type == utils::IteratorType::parallel && left.isFunctionOfDim(loop))
      loops.push_back(loop);
  return loops;
}

SmallVector<unsigned> parallelLoops(linalg::LinalgOp op) {
  SmallVector<unsigned> loops;
  op.getParallelDims(loops);
  return loops;
}

/// What a contraction reads again for every strip of rows: per batch, the
/// second operand.
bool hasSmallKeys(const Group &group, linalg::LinalgOp op) {
  AffineMap right = op.getMatchingIndexingMap(op.getDpsInputOperand(1));
  int64_t elements = 1;
  const plait::AxisMap &loops = group.members.find(op)->second;
  for (auto [loop, range] : llvm::enumerate(op.getStaticLoopRanges()))
    if (right.isFunctionOfDim(loop) && loops[loop] == plait::whole &&
        !ShapedType::isDynamic(range))
      elements *= range;
  return elements <= mostKeyElements;
}

struct LinalgTileAndFuse
    : plait::impl::LinalgTileAndFuseBase<LinalgTileAndFuse> {
  using Base::Base;

  /// Groups around the ops of `block` for which `makeGroup` gives one.
  void
  formGroups(Block &block,
             function_ref<std::optional<Group>(linalg::LinalgOp)> makeGroup) {
    IRRewriter rewriter(&getContext());
    SmallVector<Operation *> ops;
    for (Operation &op : block)
      if (isa<linalg::LinalgOp>(op))
        ops.push_back(&op);
    // Erased ops are taken: a later one may be at the same place in memory, but
    // no op is made here outside of loops.
    for (Operation *op : ops) {
      if (done.contains(op))
        continue;
      std::optional<Group> group = makeGroup(cast<linalg::LinalgOp>(op));
      if (!group || failed(chooseTiles(*group)))
        continue;
      auto dependents = group->dependents();
      if (failed(dependents))
        continue;
      for (Operation *member : group->sorted())
        done.insert(member);
      emitTiles(rewriter, *group, *dependents);
      ++numGroups;
    }
  }

  std::optional<Group> makeAttention(linalg::LinalgOp op) {
    if (classify(op) != OpKind::Contraction)
      return std::nullopt;
    Group group(Group::Kind::Attention, op, rowLoops(op));
    if (group.axes.empty())
      return std::nullopt;
    group.grow(done);
    if (group.count(OpKind::Contraction) < 2 || group.count(OpKind::Rows) == 0)
      return std::nullopt;
    for (auto &[member, loops] : group.members) {
      auto linalgOp = dyn_cast<linalg::LinalgOp>(member);
      if (linalgOp && classify(linalgOp) == OpKind::Contraction &&
          !hasSmallKeys(group, linalgOp))
        return std::nullopt;
    }
    return group;
  }

  std::optional<Group> make(Group::Kind kind, OpKind wanted,
                            linalg::LinalgOp op) {
    if (classify(op) != wanted)
      return std::nullopt;
    Group group(kind, op, parallelLoops(op));
    if (group.axes.empty())
      return std::nullopt;
    group.grow(done);
    return group;
  }

  void runOnOperation() override {
    SmallVector<Block *> blocks;
    getOperation()->walk([&](Block *block) {
      if (!isa<linalg::LinalgOp>(block->getParentOp()) &&
          !isa<scf::ForallOp>(block->getParentOp()) &&
          !block->getParentOp()->getParentOfType<scf::ForallOp>())
        blocks.push_back(block);
    });
    for (Block *block : blocks) {
      done.clear();
      formGroups(*block, [&](auto op) { return makeAttention(op); });
      formGroups(*block, [&](auto op) {
        return make(Group::Kind::Contraction, OpKind::Contraction, op);
      });
      formGroups(*block, [&](auto op) {
        return make(Group::Kind::Rows, OpKind::Rows, op);
      });
      formGroups(*block, [&](auto op) {
        return make(Group::Kind::Elementwise, OpKind::Elementwise, op);
      });
    }
    SmallVector<tensor::PadOp> pads;
    getOperation()->walk([&](tensor::PadOp pad) { pads.push_back(pad); });
    for (tensor::PadOp pad : pads)
      plait::padInPlace(pad);
  }

  DenseSet<Operation *> done;
};

} // namespace
