//===- TileSizes.cpp - how large tiles and tasks are -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
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
/// Elements of a vector, at most.
static constexpr int64_t vectorElements = 16;
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

/// Whether `expr` is a sum of loops of known size, each times a positive
/// number: the windows of a tile are one window.
static bool isWindow(AffineExpr expr, ArrayRef<int64_t> ranges, int64_t sign) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return sign > 0 && !ShapedType::isDynamic(ranges[dim.getPosition()]);
  if (isa<AffineConstantExpr>(expr))
    return true;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return isWindow(binary.getLHS(), ranges, sign) &&
           isWindow(binary.getRHS(), ranges, sign);
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && factor &&
         isWindow(binary.getLHS(), ranges, sign * factor.getValue());
}

/// How the members use the loop of an axis.
struct AxisUse {
  /// Tiles must be multiples of that: the width of a panel.
  int64_t unit = 1;
  bool inWindow = false;
  bool tiles = true;
};

static AxisUse useOf(const Group &group, int axis) {
  AxisUse use;
  for (auto &[member, loops] : group.members) {
    auto op = dyn_cast<linalg::LinalgOp>(member);
    if (!op)
      continue;
    unsigned loop = llvm::find(loops, axis) - loops.begin();
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    for (AffineMap map : op.getIndexingMapsArray())
      for (AffineExpr expr : map.getResults()) {
        if (!expr.isFunctionOfDim(loop) || isa<AffineDimExpr>(expr))
          continue;
        if (isWindow(expr, ranges, 1)) {
          use.inWindow = true;
          continue;
        }
        auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
        auto by = binary ? dyn_cast<AffineConstantExpr>(binary.getRHS())
                         : AffineConstantExpr();
        if (!by || !isa<AffineDimExpr>(binary.getLHS()) ||
            (binary.getKind() != AffineExprKind::FloorDiv &&
             binary.getKind() != AffineExprKind::Mod)) {
          use.tiles = false;
          continue;
        }
        // A panel that the last columns fill only partly is not split off.
        use.unit = std::max(use.unit, by.getValue());
        use.tiles &= !ShapedType::isDynamic(ranges[loop]) &&
                     ranges[loop] % by.getValue() == 0;
      }
  }
  return use;
}

static bool isPlain(const Group &group, int axis) {
  AxisUse use = useOf(group, axis);
  return use.tiles && use.unit == 1;
}

/// The loops, outermost first, as what is read lies in memory if `op` is a
/// transpose, so that a tile has squares of vectors; else as they are.
static SmallVector<unsigned> readingOrder(linalg::LinalgOp op) {
  auto order = llvm::to_vector(llvm::seq<unsigned>(0, op.getNumLoops()));
  if (op.getNumDpsInputs() != 1 || op.getNumReductionLoops() != 0)
    return order;
  AffineMap read = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  AffineMap written = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (read.isPermutation() && written.isIdentity() && !order.empty() &&
      read.getDimPosition(order.size() - 1) != order.back())
    for (auto [index, loop] : llvm::enumerate(order))
      loop = read.getDimPosition(index);
  return order;
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
  SmallVector<unsigned> order = readingOrder(op);
  bool innermost = inner == 1;
  for (unsigned loop : llvm::reverse(order)) {
    if (loops[loop] == whole || !isPlain(group, loops[loop]))
      continue;
    Axis &axis = group.axes[loops[loop]];
    int64_t size = estimate(axis.extent);
    int64_t unit = innermost ? 64 : 1;
    if (!innermost && loop == order.size() - 1) {
      unit = vectorElements;
      left = llvm::bit_floor(uint64_t(left));
    }
    if (left < size || ShapedType::isDynamic(axis.extent))
      split(axis, roundTile(std::min(left, size), axis.extent, unit));
    left = std::max<int64_t>(left / size, 1);
    innermost = false;
  }
  return success();
}

/// Splits the rows of an image, whose pixels are the columns of the product,
/// into `pieces` or fewer whose pixels fill vectors; how many.
static int64_t splitImage(Axis &axis, int64_t width, int64_t pieces) {
  if (ShapedType::isDynamic(axis.extent) || ShapedType::isDynamic(width))
    return splitInto(axis, pieces, 1);
  auto vectors = [&](int64_t tile) {
    return axis.extent / tile * llvm::divideCeil(tile * width, vectorElements);
  };
  int64_t tile = std::max(llvm::divideCeil(axis.extent, pieces),
                          llvm::divideCeil(panel, width));
  while (tile < axis.extent && (axis.extent % tile != 0 ||
                                10 * vectors(tile) > 11 * vectors(axis.extent)))
    ++tile;
  return splitInto(axis, llvm::divideCeil(axis.extent, tile), 1);
}

/// Splits the rows of a window, if that can be, into equal tiles: what is not
/// known at compile time has smaller register tiles.
static int64_t splitWindow(Axis &axis, int64_t pieces) {
  if (ShapedType::isDynamic(axis.extent) || pieces <= 1)
    return splitInto(axis, pieces, 1);
  int64_t size = llvm::divideCeil(axis.extent, pieces), tile = size;
  while (axis.extent % tile != 0)
    ++tile;
  return splitInto(axis, tile <= 2 * size ? axis.extent / tile : pieces, 1);
}

static LogicalResult chooseContractionTiles(Group &group) {
  linalg::LinalgOp op = group.anchor;
  if (op.getNumDpsInputs() < 2)
    return chooseElementTiles(group, taskElements);
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

  // What all operands have, columns (contiguous in the result), rows (those of
  // windows first), and a piece of each that is worth packing or reading for.
  SmallVector<std::pair<Axis *, int64_t>> batches, columns, windows, rows;
  int64_t rowCount = 1;
  // The width of images whose pixels are columns.
  std::optional<int64_t> width;
  auto last = dyn_cast<AffineDimExpr>(
      op.getMatchingIndexingMap(op.getDpsInitOperand(0)).getResults().back());
  AffineMap left = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  AffineMap right = op.getMatchingIndexingMap(op.getDpsInputOperand(1));
  for (auto [loop, index] : llvm::enumerate(loops)) {
    if (index == whole)
      continue;
    Axis *axis = &group.axes[index];
    bool inLeft = left.isFunctionOfDim(loop);
    bool inRight = right.isFunctionOfDim(loop);
    bool contiguous = last && loop == last.getPosition();
    AxisUse use = useOf(group, index);
    if (contiguous && inLeft != inRight) {
      if (use.inWindow)
        width = ranges[loop];
      else if (use.tiles)
        columns.push_back({axis, std::max(panel, use.unit)});
      continue;
    }
    if (!(inLeft && inRight))
      rowCount *= estimate(ranges[loop]);
    if (!use.tiles || use.unit != 1)
      continue;
    if (inLeft && inRight)
      batches.push_back({axis, 1});
    else if (use.inWindow)
      windows.push_back({axis, 1});
    else
      rows.push_back({axis, 1});
  }
  if (!rows.empty())
    rows.back().second = fewestRows;
  for (auto [axis, unit] : batches)
    tasks = llvm::divideCeil(
        tasks, splitInto(*axis, std::min(tasks, estimate(axis->extent)), unit));
  for (auto [axis, unit] : columns)
    tasks = llvm::divideCeil(
        tasks,
        splitInto(*axis, tasks, rowCount >= 4 * fewestRows ? 2 * unit : unit));
  auto fewest = [&](const Axis &axis) {
    return std::max<int64_t>(tasks,
                             llvm::divideCeil(estimate(axis.extent), mostRows));
  };
  // What reads windows reads their borders too: rather somewhat fewer tasks.
  for (auto [axis, unit] : windows)
    tasks = llvm::divideNearest(tasks,
                                width ? splitImage(*axis, *width, fewest(*axis))
                                      : splitWindow(*axis, fewest(*axis)));
  for (auto [axis, unit] : rows)
    tasks = llvm::divideCeil(tasks, splitInto(*axis, fewest(*axis), unit));
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
    if (!isPlain(group, axis))
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
