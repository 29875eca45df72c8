//===- TileSizes.cpp - how large tiles and tasks are -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A task is worth starting a thread for, and there are enough of them for
// several threads. Sizes depend on the shapes alone, never on the number of
// threads, so that results do not either.
//
//===----------------------------------------------------------------------===//

#include "Group.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace plait {

/// Tasks that a group is split into if it has work for so many.
static constexpr int64_t manyTasks = 16;
/// The least work of a task: multiply-adds, and elements moved.
static constexpr int64_t taskMultiplies = 3 << 20;
static constexpr int64_t taskElements = 1 << 15;
/// A group below that many elements stays as it is.
static constexpr int64_t fewElements = 1 << 14;
/// Elements of one value in a tile of rows: a few of them fit into L1.
static constexpr int64_t rowTileElements = 1 << 12;
/// Scores of a strip of rows in attention.
static constexpr int64_t stripElements = 1 << 13;
/// Columns of a packed panel; a split of columns is a multiple.
static constexpr int64_t panel = 32;
/// Rows of a contraction's tile: many, for what is packed or read per tile to
/// be worth it.
static constexpr int64_t fewestRows = 64, mostRows = 1024;
/// What an unknown size counts as.
static constexpr int64_t unknown = 256;

static int64_t estimate(int64_t extent) {
  return ShapedType::isDynamic(extent) ? unknown : extent;
}

static int64_t product(ArrayRef<int64_t> extents) {
  int64_t result = 1;
  for (int64_t extent : extents)
    result *= std::max<int64_t>(estimate(extent), 1);
  return result;
}

/// The multiple of `unit` near `size`, a divisor of `extent` if there is one
/// not much smaller.
static int64_t roundTile(int64_t size, int64_t extent, int64_t unit) {
  size = std::max<int64_t>(llvm::alignTo(size, unit), unit);
  if (ShapedType::isDynamic(extent))
    return size;
  for (int64_t tile = size; tile * 4 >= size * 3 && tile >= unit; tile -= unit)
    if (extent % tile == 0)
      return tile;
  return size;
}

static void split(Axis &axis, int64_t tile) {
  if (!ShapedType::isDynamic(axis.extent) && tile >= axis.extent)
    return;
  axis.tile = axis.block = tile;
}

/// Splits an axis into about `pieces`; how many it then has.
static int64_t splitInto(Axis &axis, int64_t pieces, int64_t unit) {
  if (pieces <= 1)
    return 1;
  int64_t extent = estimate(axis.extent);
  split(axis, roundTile(llvm::divideCeil(extent, pieces), axis.extent, unit));
  return axis.isTiled() ? llvm::divideCeil(extent, axis.tile) : 1;
}

/// The greatest number by which a member divides the loop of `axis`: the width
/// of a panel. Zero if it computes anything else with it.
static int64_t divisorOf(const Group &group, int axis) {
  int64_t divisor = 1;
  for (auto &[member, loops] : group.members) {
    auto op = dyn_cast<linalg::LinalgOp>(member);
    if (!op)
      continue;
    unsigned loop = llvm::find(loops, axis) - loops.begin();
    for (AffineMap map : op.getIndexingMapsArray())
      for (AffineExpr expr : map.getResults()) {
        if (!expr.isFunctionOfDim(loop) || isa<AffineDimExpr>(expr))
          continue;
        auto binary = cast<AffineBinaryOpExpr>(expr);
        auto by = dyn_cast<AffineConstantExpr>(binary.getRHS());
        if (!by || !isa<AffineDimExpr>(binary.getLHS()) ||
            (binary.getKind() != AffineExprKind::FloorDiv &&
             binary.getKind() != AffineExprKind::Mod))
          return 0;
        divisor = std::max(divisor, by.getValue());
      }
  }
  return divisor;
}

static LogicalResult chooseContractionTiles(Group &group) {
  linalg::LinalgOp op = group.anchor;
  const AxisMap &loops = group.members.front().second;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  int64_t multiplies = product(ranges);
  int64_t elements = 0;
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<RankedTensorType>(operand.getType()))
      elements += product(type.getShape());
  int64_t tasks = std::min(manyTasks, std::max(multiplies / taskMultiplies,
                                               elements / (4 * taskElements)));
  if (tasks <= 1)
    return failure();

  // Rows, columns, and what all operands have.
  SmallVector<Axis *> batches, rows, columns;
  int64_t rowCount = 1;
  auto last = dyn_cast<AffineDimExpr>(
      op.getMatchingIndexingMap(op.getDpsInitOperand(0)).getResults().back());
  AffineMap left = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  AffineMap right = op.getMatchingIndexingMap(op.getDpsInputOperand(1));
  int64_t panelWidth = panel;
  for (auto [loop, axis] : llvm::enumerate(loops)) {
    if (axis == whole)
      continue;
    bool inLeft = left.isFunctionOfDim(loop),
         inRight = right.isFunctionOfDim(loop);
    int64_t divisor = divisorOf(group, axis);
    if (last && loop == last.getPosition() && inLeft != inRight) {
      // A panel that the last columns fill only partly is not split off.
      if (divisor == 0 ||
          (divisor > 1 && (ShapedType::isDynamic(ranges[loop]) ||
                           ranges[loop] % divisor != 0)))
        continue;
      panelWidth = std::max(panelWidth, divisor);
      columns.push_back(&group.axes[axis]);
    } else if (divisor != 1) {
      continue;
    } else if (inLeft && inRight) {
      batches.push_back(&group.axes[axis]);
    } else {
      rows.push_back(&group.axes[axis]);
      rowCount *= estimate(ranges[loop]);
    }
  }
  for (Axis *axis : batches)
    tasks = llvm::divideCeil(
        tasks, splitInto(*axis, std::min(tasks, estimate(axis->extent)), 1));
  for (Axis *axis : columns)
    tasks = llvm::divideCeil(
        tasks,
        splitInto(*axis, tasks, rowCount >= 8 ? 2 * panelWidth : panelWidth));
  for (Axis *axis : rows) {
    int64_t pieces = std::max<int64_t>(
        tasks, llvm::divideCeil(estimate(axis->extent), mostRows));
    tasks = llvm::divideCeil(
        tasks, splitInto(*axis, pieces, rows.size() == 1 ? fewestRows : 1));
  }
  return success();
}

/// Tiles of whole inner dimensions with about `elements` elements.
static LogicalResult chooseElementTiles(Group &group, int64_t elements) {
  linalg::LinalgOp op = group.anchor;
  const AxisMap &loops = group.members.front().second;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  int64_t inner = 1, all = product(ranges);
  for (auto [axis, range] : llvm::zip(loops, ranges))
    if (axis == whole)
      inner *= estimate(range);
  if (all < fewElements)
    return failure();
  elements = std::max(std::min(elements, all / 8), fewElements / 8);
  int64_t left = std::max<int64_t>(elements / std::max<int64_t>(inner, 1), 1);
  // Neighbours in memory stay together, in lines of the cache at least.
  bool innermost = inner == 1;
  for (int64_t loop = loops.size() - 1; loop >= 0; --loop) {
    if (loops[loop] == whole || divisorOf(group, loops[loop]) != 1)
      continue;
    Axis &axis = group.axes[loops[loop]];
    int64_t size = estimate(axis.extent);
    if (left < size || ShapedType::isDynamic(axis.extent))
      split(axis,
            roundTile(std::min(left, size), axis.extent, innermost ? 64 : 1));
    left = std::max<int64_t>(left / size, 1);
    innermost = false;
  }
  return success();
}

/// The rows of attention go in strips whose scores stay in L1.
static LogicalResult chooseAttentionTiles(Group &group) {
  linalg::LinalgOp op = group.anchor;
  const AxisMap &loops = group.members.front().second;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  if (product(ranges) < taskMultiplies / 4)
    return failure();
  AffineMap left = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  AffineMap right = op.getMatchingIndexingMap(op.getDpsInputOperand(1));
  int64_t heads = 1;
  Axis *rows = nullptr;
  for (auto [loop, range] : llvm::enumerate(ranges)) {
    int axis = loops[loop];
    if (axis == whole)
      continue;
    if (divisorOf(group, axis) != 1)
      return failure();
    if (left.isFunctionOfDim(loop) && right.isFunctionOfDim(loop)) {
      split(group.axes[axis], 1);
      heads *= estimate(range);
    } else if (!rows || estimate(range) > estimate(rows->extent)) {
      rows = &group.axes[axis];
    }
  }
  // Elements of a row of scores.
  int64_t row = 1;
  for (auto &[member, memberLoops] : group.members) {
    auto linalgOp = dyn_cast<linalg::LinalgOp>(member);
    if (!linalgOp || classify(linalgOp) == OpKind::Contraction)
      continue;
    int64_t inner = 1;
    for (auto [axis, range] :
         llvm::zip(memberLoops, linalgOp.getStaticLoopRanges()))
      inner *= axis == whole ? estimate(range) : 1;
    row = std::max(row, inner);
  }
  if (!rows)
    return success();
  int64_t strip = std::clamp<int64_t>(
      llvm::bit_floor(uint64_t(stripElements / row)), 8, 32);
  if (!ShapedType::isDynamic(rows->extent) && rows->extent <= strip)
    return success();
  rows->tile = strip;
  // Few heads: blocks of rows are tasks of their own.
  int64_t blocks = heads < 8 ? llvm::divideCeil(8, heads) : 1;
  int64_t extent = estimate(rows->extent);
  int64_t block = std::max<int64_t>(
      roundTile(llvm::divideCeil(extent, blocks), rows->extent, strip),
      4 * strip);
  if (blocks > 1 && (ShapedType::isDynamic(rows->extent) || block < extent))
    rows->block = block;
  else if (heads == 1)
    rows->block = strip;
  return success();
}

LogicalResult chooseTiles(Group &group) {
  LogicalResult chosen = success();
  switch (group.kind) {
  case Group::Kind::Attention:
    chosen = chooseAttentionTiles(group);
    break;
  case Group::Kind::Contraction:
    chosen = chooseContractionTiles(group);
    break;
  case Group::Kind::Rows:
    chosen = chooseElementTiles(group, rowTileElements);
    break;
  case Group::Kind::Elementwise:
    chosen = chooseElementTiles(group, taskElements / 2);
    break;
  }
  return success(succeeded(chosen) &&
                 llvm::any_of(group.axes,
                              [](const Axis &axis) { return axis.isTiled(); }));
}

} // namespace plait
