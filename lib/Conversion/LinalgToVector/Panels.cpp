//===- Panels.cpp - B in panels -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tiles walk over blocks of the sum and of the rows that stay in cache. Packing
// that does the same every time leaves its loops.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

using namespace plait::contraction;

/// Steps of the sum whose part of B, and of A, stays in the L2 cache.
static constexpr int64_t depthBlock = 1024;
/// Register tiles whose rows of A stay in the L2 cache.
static constexpr int64_t rowBlock = 16;

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

/// Moves `packing`, which copies `source` into a buffer, out of the loops in
/// which it does the same every time. `release` frees the buffer.
static void hoistPacking(SmallVector<Operation *> packing, Operation *release,
                         Value source) {
  while (auto loop = dyn_cast<LoopLikeOpInterface>(release->getParentOp())) {
    if (!isa<scf::ForOp, scf::ForallOp>(loop))
      return;
    moveLoopInvariantCode(loop);
    llvm::erase_if(packing,
                   [&](Operation *op) { return !loop->isAncestor(op); });
    DenseSet<Operation *> moved(packing.begin(), packing.end());
    auto invariant = [&](Operation *op) {
      bool found = true;
      op->walk([&](Operation *inner) {
        for (Value operand : inner->getOperands()) {
          Operation *owner = operand.getParentBlock()->getParentOp();
          Operation *def = operand.getDefiningOp();
          if (!loop->isAncestor(owner) || op->isAncestor(owner) ||
              (def && moved.contains(def)))
            continue;
          found = false;
        }
      });
      return found;
    };
    if (!llvm::all_of(packing, invariant))
      return;
    for (Operation &op : loop.getLoopRegions()[0]->front())
      if (!moved.contains(&op) && mayWrite(&op, rootOf(source)))
        return;
    for (Operation *op : packing)
      op->moveBefore(loop);
    release->moveAfter(loop);
  }
}

/// Moves a buffer out of the loops that would make it anew every time.
static void hoistBuffer(memref::AllocOp buffer, Operation *release) {
  while (auto loop = dyn_cast<scf::ForOp>(release->getParentOp())) {
    moveLoopInvariantCode(loop);
    if (buffer->getParentOp() != loop ||
        !llvm::all_of(buffer.getOperands(), [&](Value operand) {
          return loop.isDefinedOutsideOfLoop(operand);
        }))
      return;
    buffer->moveBefore(loop);
    release->moveAfter(loop);
  }
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

void Lowering::lowerPacked(Emitter &b) {
  // The columns that are one loop in C are one loop for the tiles too; the
  // packing finds them in B.
  Contraction source = c;
  source.operands.resize(numOperands);
  size_t together = 1;
  for (; together < c.columns.size() && !c.panels.width; ++together) {
    Loops last(ArrayRef(c.columns).take_back(together + 1));
    c.merge(b, last, {C});
    if (last.size() > 1)
      break;
  }
  c.outer.append(c.columns.begin(), c.columns.end() - together);
  c.columns.erase(c.columns.begin(), c.columns.end() - together);
  source.columns = c.columns;
  if (whole)
    source.widen(b, whole);
  Value read = source.operands[B].buffer;
  c.merge(b, c.rows, {A, C});
  if (c.rows.size() != 2)
    c.border.reset();
  registers.rows = chooseRows(b);
  std::stable_partition(c.outer.begin(), c.outer.end(),
                        [](const Loop &loop) { return loop.uses[B]; });
  Offsets start;
  start.fill(b.constant(0));
  if (c.panels.width) {
    OpFoldResult outermost = c.sums.empty() ? b.constant(1) : c.sums[0].size;
    c.merge(b, c.sums, {A, B});
    if (c.sums.size() < 2 || c.sums[0].size != outermost)
      c.border.reset();
    group = findGroup(b);
    forOuter(b, c.outer, start,
             [&](const Offsets &at) { multiplyPanels(b, at); });
    return;
  }

  c.border.reset();
  source.merge(b, source.columns, {B, C});
  source.merge(b, source.sums, {B});
  c.merge(b, c.columns, {C});
  c.merge(b, c.sums, {A});
  group = findGroup(b);
  Type element = group > 1 ? c.operands[B].element() : c.sumType;
  int64_t width = registers.width();
  OpFoldResult depth = sizeOf(b, source.sums);
  // One square more than the panels: where the last sums of a transposed
  // panel may spill.
  OpFoldResult elements =
      b.add(b.mul(b.roundUp(sizeOf(b, source.columns), width), depth),
            registers.lanes * width);
  c.panels = {width, b.mul(depth, width)};
  c.columns.back().strides[B] = b.constant(1);
  OpFoldResult stride = b.constant(width);
  for (Loop &sum : llvm::reverse(c.sums)) {
    sum.strides[B] = stride;
    stride = b.mul(stride, sum.size);
  }
  auto known = getConstantIntValue(elements);
  auto type = MemRefType::get({known ? *known : ShapedType::kDynamic}, element);
  auto panels = memref::AllocOp::create(
      b, type, known ? ValueRange() : ValueRange{b.value(elements)},
      b.getI64IntegerAttr(64));
  Lowering packer(*this);
  packer.c = source;
  packer.c.sumType = element;

  c.operands[B].buffer = c.operands[B].flat = panels;
  c.operands[B].widening = nullptr;
  // The panels hold B for one step of the loops that it depends on.
  ArrayRef<Loop> outer(c.outer);
  auto packed = outer.take_while([](const Loop &loop) { return loop.uses[B]; });
  SmallVector<Operation *> packing;
  forOuter(b, packed, start, [&](Offsets at) {
    packer.pack(b, panels, depth, at[B]);
    if (packed.empty())
      for (Operation *op = panels; op; op = op->getNextNode())
        if (op != c.op.getOperation())
          packing.push_back(op);
        else
          break;
    at[B] = b.constant(0);
    forOuter(b, outer.drop_front(packed.size()), at,
             [&](const Offsets &at) { multiplyPanels(b, at); });
  });
  auto release = memref::DeallocOp::create(b, panels);
  if (packed.empty())
    hoistPacking(packing, release, read);
  hoistBuffer(panels, release);
}

/// C += A * B with B in panels: blocks of the sum and of rows, so that what a
/// panel's tiles read stays in the L2 cache.
void Lowering::multiplyPanels(Emitter &b, const Offsets &at) {
  int64_t width = registers.width();
  while (c.panels.width % width != 0)
    width -= registers.lanes;
  OpFoldResult rows = sizeOf(b, c.rows), columns = c.columns.back().size;
  auto knownRows = getConstantIntValue(rows),
       knownColumns = getConstantIntValue(columns);
  // The sums of one row of bytes wait for one another, not for memory, unless
  // they are those of two panels.
  if (knownColumns && knownRows == 1 && c.operands[B].element().isInteger(8))
    width = 2 * c.panels.width;
  OpFoldResult depth = c.sums.empty() ? b.constant(1) : c.sums.back().size;
  auto knownDepth = getConstantIntValue(depth);
  // A sum that C cannot hold exactly stays in registers to its end. So do those
  // of few rows, which read a panel once: from its beginning to its end.
  bool whole = c.sums.size() != 1 || c.operands[C].element() != c.sumType ||
               (knownRows && *knownRows <= prefetchedRows);
  int64_t block = depthBlock;
  if (knownDepth && !whole) {
    int64_t blocks = llvm::divideCeil(*knownDepth, depthBlock);
    block = llvm::alignTo(llvm::divideCeil(*knownDepth, blocks), 8);
  }
  int64_t step = rowBlock * registers.rows * group;
  // The tiles read A where it is, or copies of a block of its rows.
  Lowering reader(*this);
  std::optional<Rows> copy;
  OpFoldResult mostDepth = whole ? depth : b.min(b.constant(block), depth);
  if (copiesRows()) {
    copy = makeRows(b, b.min(b.constant(step), rows), mostDepth);
    reader.c.operands[A].buffer = reader.c.operands[A].flat = copy->words;
    if (!c.sums.empty())
      reader.c.sums.back().strides[A] = b.constant(1);
  }
  // So with a panel, where enough tiles read it.
  Value panelCopy;
  if (copiesPanels()) {
    panelCopy = makePanel(b, mostDepth, width);
    reader.c.operands[B].buffer = reader.c.operands[B].flat = panelCopy;
    reader.copiedWidth = width;
    if (!c.sums.empty())
      reader.c.sums.back().strides[B] = b.constant(width);
  }
  // The last tile has no vectors that no column needs.
  int64_t rest = knownColumns ? *knownColumns % width : 0;
  bool narrow = rest != 0 && rest <= width - registers.lanes;
  auto blockOf = [&](OpFoldResult from, OpFoldResult depth,
                     Emitter::Condition zero, Emitter::Condition last) {
    b.loop(b.constant(0), rows, step, [&](OpFoldResult start) {
      OpFoldResult size = b.min(b.constant(step), b.sub(rows, start));
      if (copy)
        copyRows(b, *copy, at, start, size, from, depth);
      auto tiles = [&](OpFoldResult column, int64_t vectors, bool full) {
        OpFoldResult panel = b.constant(c.panels.width);
        OpFoldResult panelAt = b.add(
            b.mul(b.div(column, panel), c.panels.stride), b.rem(column, panel));
        if (panelCopy)
          copyPanel(b, panelCopy, b.add(at[B], panelAt), width, from, depth,
                    mostDepth);
        forRows(b, start, size, [&](OpFoldResult row, int64_t count) {
          Tile tile{count, vectors};
          placeRows(b, tile, at, row);
          for (int64_t i = 0; copy && i < count; ++i) {
            OpFoldResult first = b.mul(b.add(b.sub(row, start), i),
                                       b.div(copy->pitch, b.constant(group)));
            tile.row[A][i] = group > 1 ? first : b.sub(first, from);
          }
          tile.column = {b.constant(0), panelAt,
                         b.mul(column, c.columns.back().strides[C])};
          if (panelCopy) {
            tile.row[B].assign(count, b.constant(0));
            tile.column[B] = b.sub(b.constant(0), b.mul(from, width));
            tile.mostDepth = mostDepth;
          }
          for (unsigned extra : c.extra())
            tile.column[extra] = b.mul(column, c.columns.back().strides[extra]);
          if (!full) {
            tile.left = b.value(b.sub(columns, column));
            tile.full = {
                b.less(b.constant(vectors * registers.lanes - 1), tile.left)};
          }
          tile.from = from;
          tile.depth = depth;
          tile.zero = zero;
          tile.last = last;
          reader.emitTile(b, tile);
        });
      };
      int64_t vectors = width / registers.lanes;
      if (!narrow) {
        b.loop(b.constant(0), columns, width, [&](OpFoldResult column) {
          tiles(column, vectors, knownColumns && rest == 0);
        });
        return;
      }
      OpFoldResult main = b.roundDown(columns, width);
      b.loop(b.constant(0), main, width, [&](OpFoldResult column) {
        tiles(column, vectors, /*full=*/true);
      });
      tiles(main, llvm::divideCeil(rest, registers.lanes),
            rest % registers.lanes == 0);
    });
  };
  auto release = [&] {
    if (copy)
      hoistBuffer(copy->buffer, memref::DeallocOp::create(b, copy->buffer));
    if (panelCopy)
      hoistBuffer(panelCopy.getDefiningOp<memref::AllocOp>(),
                  memref::DeallocOp::create(b, panelCopy));
  };
  if (whole || (knownDepth && *knownDepth <= block)) {
    blockOf(b.constant(0), depth, {Value(), fromZero}, {Value(), true});
    return release();
  }
  // At least one block, so that an empty sum is written too.
  OpFoldResult end = knownDepth ? depth
                                : arith::MaxSIOp::create(b, b.value(depth),
                                                         b.value(b.constant(1)))
                                      .getResult();
  b.loop(b.constant(0), end, block, [&](OpFoldResult from) {
    Emitter::Condition zero;
    if (fromZero)
      zero.value = b.less(from, b.constant(1));
    Emitter::Condition last;
    if (c.epilogue)
      last.value = b.less(b.sub(end, b.constant(1)), b.add(from, block));
    bool even = knownDepth && *knownDepth % block == 0;
    blockOf(from,
            even ? b.constant(block)
                 : b.min(b.constant(block), b.sub(depth, from)),
            zero, last);
  });
  release();
}
