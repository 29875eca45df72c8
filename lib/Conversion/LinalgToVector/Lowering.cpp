//===- Lowering.cpp - which loops, in which order -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With enough rows, B is packed into panels and tiles walk over blocks that
// stay in cache. With few rows every element of B is used once: it is read
// where it is, in the order in which it lies in memory.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace plait::contraction;

/// Packing pays from this many rows on.
static constexpr int64_t packedRows = 16;
/// Steps of the sum whose part of B, and of A, stays in the L2 cache.
static constexpr int64_t depthBlock = 1024;
/// Register tiles whose rows of A stay in the L2 cache.
static constexpr int64_t rowBlock = 16;
/// Rows of B that are read as so many streams at once.
static constexpr int64_t streams = 8;

Registers Registers::get(int64_t vectorBits, Type sum) {
  int64_t lanes =
      std::max<int64_t>(1, vectorBits / sum.getIntOrFloatBitWidth());
  // 32 registers hold 16 accumulators; 16 registers hold 12.
  return {lanes, vectorBits >= 512 ? 8 : 6, 2};
}

Lowering::Lowering(Contraction contraction, int64_t vectorBits, Dots dots)
    : c(std::move(contraction)),
      registers(Registers::get(vectorBits, c.sumType)), dots(dots) {}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

/// The scalar that `op` writes to every element of its only result, if it is a
/// fill, generalized or not.
static Value filledWith(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || linalgOp.getNumDpsInputs() != 1 ||
      linalgOp.getNumDpsInits() != 1)
    return nullptr;
  OpOperand *input = linalgOp.getDpsInputOperand(0);
  Value yielded = linalgOp.getBlock()->getTerminator()->getOperand(0);
  bool fills = linalgOp.isScalar(input) &&
               yielded == linalgOp.getMatchingBlockArgument(input);
  return fills ? input->get() : nullptr;
}

/// Whether C was filled with zeros just before; takes that fill away.
bool Lowering::startsFromZero() {
  Value result = c.operands[C].buffer;
  for (Operation *op = c.op->getPrevNode(); op; op = op->getPrevNode()) {
    Value scalar = filledWith(op);
    if (scalar && cast<linalg::LinalgOp>(op).getDpsInits()[0] == result) {
      if (!matchPattern(scalar, m_Zero()) &&
          !matchPattern(scalar, m_PosZeroFloat()))
        return false;
      op->erase();
      return true;
    }
    if (!isMemoryEffectFree(op) && !scalar && !isa<memref::AllocOp>(op))
      return false;
    if (scalar && mayWrite(op, rootOf(result)))
      return false;
  }
  return false;
}

/// Whether `op` runs in a loop in which `operand` stays the same.
static bool repeats(Operation *op, Value operand) {
  auto loop = dyn_cast<scf::ForOp>(op->getParentOp());
  if (!loop)
    return false;
  moveLoopInvariantCode(loop);
  return loop.isDefinedOutsideOfLoop(operand) &&
         llvm::none_of(*loop.getBody(), [&](Operation &inner) {
           return mayWrite(&inner, rootOf(operand));
         });
}

/// What `buffer` is the beginning of, along some of its dimensions.
static Value wholeOf(Value buffer) {
  auto view = buffer.getDefiningOp<memref::SubViewOp>();
  auto all = [](ArrayRef<int64_t> values, int64_t value) {
    return llvm::all_of(values, [&](int64_t other) { return other == value; });
  };
  bool begins = view && view.getDroppedDims().none() &&
                all(view.getStaticOffsets(), 0) &&
                all(view.getStaticStrides(), 1);
  return begins ? view.getSource() : Value();
}

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
// Loops
//===----------------------------------------------------------------------===//

OpFoldResult Lowering::sizeOf(Emitter &b, ArrayRef<Loop> loops) {
  OpFoldResult size = b.constant(1);
  for (const Loop &loop : loops)
    size = b.mul(size, loop.size);
  return size;
}

/// Where the `index`th step of `loops`, taken as one loop, is in the operands.
Offsets Lowering::offsetsOf(Emitter &b, ArrayRef<Loop> loops,
                            OpFoldResult index, Offsets at) {
  for (const Loop &loop : llvm::reverse(loops)) {
    bool outermost = &loop == &loops.front();
    OpFoldResult position = outermost ? index : b.rem(index, loop.size);
    if (!outermost)
      index = b.div(index, loop.size);
    for (unsigned which : c.all())
      at[which] = b.add(at[which], b.mul(position, loop.strides[which]));
  }
  return at;
}

void Lowering::forOuter(Emitter &b, ArrayRef<Loop> loops, Offsets at,
                        OuterBody body) {
  if (loops.empty())
    return body(at);
  b.loop(b.constant(0), loops.front().size, 1, [&](OpFoldResult iv) {
    Offsets next = at;
    for (unsigned which : c.all())
      next[which] = b.add(at[which], b.mul(iv, loops.front().strides[which]));
    forOuter(b, loops.drop_front(), next, body);
  });
}

/// Register tiles over `size` rows from `from` on. All but the last range of
/// rows are multiples of a tile. What is left of the last goes to a tile of
/// that size, or if it is not known, to tiles of 4, 2 and 1.
void Lowering::forRows(Emitter &b, OpFoldResult from, OpFoldResult size,
                       RowBody body) {
  OpFoldResult end = b.add(from, size);
  auto rows = getConstantIntValue(sizeOf(b, c.rows));
  auto tiles = [&](int64_t count) {
    OpFoldResult to = b.add(from, b.roundDown(b.sub(end, from), count));
    b.loop(from, to, count, [&](OpFoldResult row) { body(row, count); });
    from = to;
  };
  if (!rows || *rows >= registers.rows)
    tiles(registers.rows);
  if (rows) {
    if (int64_t rest = *rows % registers.rows)
      tiles(rest);
    return;
  }
  for (int64_t count : {4, 2, 1})
    if (count < registers.rows)
      tiles(count);
}

void Lowering::placeRows(Emitter &b, Tile &tile, const Offsets &at,
                         OpFoldResult row) {
  Offsets first = offsetsOf(b, c.rows, row, at);
  for (int64_t i = 0; i < tile.rows; ++i) {
    Offsets place = first;
    if (c.rows.size() == 1) {
      for (unsigned which : c.all())
        place[which] = b.add(first[which], b.mul(c.rows[0].strides[which], i));
    } else if (i > 0) {
      place = offsetsOf(b, c.rows, b.add(row, i), at);
    }
    for (unsigned which : c.all())
      tile.row[which].push_back(place[which]);
  }
}

//===----------------------------------------------------------------------===//
// B in panels
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
  std::stable_partition(c.outer.begin(), c.outer.end(),
                        [](const Loop &loop) { return loop.uses[B]; });
  Offsets start;
  start.fill(b.constant(0));
  if (c.panels.width) {
    c.merge(b, c.sums, {A, B});
    group = findGroup(b);
    forOuter(b, c.outer, start,
             [&](const Offsets &at) { multiplyPanels(b, at); });
    return;
  }

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

//===----------------------------------------------------------------------===//
// B where it is
//===----------------------------------------------------------------------===//

void Lowering::lowerDirect(Emitter &b) {
  SmallVector<Which> all = {A, B, C};
  c.merge(b, c.columns, all);
  c.outer.append(c.columns.begin(), c.columns.end() - 1);
  c.columns.erase(c.columns.begin(), c.columns.end() - 1);
  c.merge(b, c.rows, all);
  c.merge(b, c.sums, all);
  const Loop &columns = c.columns.back();
  // Without rows, those of B, that share A (the rows of a depthwise
  // convolution), or any: only to have more sums at work.
  if (c.rows.empty() && !c.outer.empty()) {
    auto shared = llvm::find_if(llvm::reverse(c.outer),
                                [](const Loop &loop) { return !loop.uses[A]; });
    auto row = shared == c.outer.rend() ? std::prev(c.outer.end())
                                        : std::prev(shared.base());
    c.rows.push_back(*row);
    c.outer.erase(row);
  }
  bool shared = llvm::none_of(c.rows, [](const Loop &l) { return l.uses[B]; });
  transposes = shared && !columns.uses[A] && !c.sums.empty() &&
               getConstantIntValue(columns.strides[B]) != 1 &&
               getConstantIntValue(c.sums.back().strides[B]) == 1;

  auto rows = getConstantIntValue(sizeOf(b, c.rows));
  // Fewer kinds of tiles where all of them are needed.
  if (!rows)
    registers.rows = 4;
  int64_t count =
      rows ? std::clamp<int64_t>(*rows, 1, registers.rows) : registers.rows;
  int64_t vectors = transposes
                        ? 1
                        : std::clamp<int64_t>(
                              registers.rows * registers.vectors / count, 1, 4);
  if (auto size = columns.staticSize())
    vectors =
        std::min<int64_t>(vectors, llvm::divideCeil(*size, registers.lanes));
  int64_t width = vectors * registers.lanes;
  OpFoldResult depth = c.sums.empty() ? b.constant(1) : c.sums.back().size;
  auto knownDepth = getConstantIntValue(depth);
  OpFoldResult main = b.roundDown(columns.size, width);

  auto sweep = [&](const Offsets &at, OpFoldResult from, OpFoldResult depth,
                   Emitter::Condition zero) {
    auto tiles = [&](OpFoldResult column, int64_t vectors, bool full) {
      forRows(b, b.constant(0), sizeOf(b, c.rows),
              [&](OpFoldResult row, int64_t count) {
                Tile tile{count, vectors};
                placeRows(b, tile, at, row);
                for (Which which : {A, B, C})
                  tile.column[which] = b.mul(column, columns.strides[which]);
                if (!full) {
                  tile.left = b.value(b.sub(columns.size, column));
                  tile.full = {Value(), false};
                }
                tile.from = from;
                tile.depth = depth;
                tile.zero = zero;
                emitTile(b, tile);
              });
    };
    b.loop(b.constant(0), main, width,
           [&](OpFoldResult column) { tiles(column, vectors, /*full=*/true); });
    b.loop(main, columns.size, registers.lanes,
           [&](OpFoldResult column) { tiles(column, 1, /*full=*/false); });
  };

  Offsets start = {b.constant(0), b.constant(0), b.constant(0)};
  // A matrix that lies along the columns is read a few whole rows at a time,
  // as streams; the sums wait in C meanwhile.
  bool streamed = shared && !transposes && c.sums.size() == 1 &&
                  !columns.uses[A] && c.operands[C].element() == c.sumType &&
                  !(knownDepth && *knownDepth <= streams);
  forOuter(b, c.outer, start, [&](const Offsets &at) {
    if (!streamed)
      return sweep(at, b.constant(0), depth, {Value(), fromZero});
    OpFoldResult whole = b.roundDown(depth, streams);
    auto block = [&](OpFoldResult from, OpFoldResult depth) {
      Emitter::Condition zero;
      if (fromZero)
        zero.value = b.less(from, b.constant(1));
      sweep(at, from, depth, zero);
    };
    b.loop(b.constant(0), whole, streams,
           [&](OpFoldResult from) { block(from, b.constant(streams)); });
    // Also where there is nothing to sum, and zeros are to be written.
    if (!knownDepth || *knownDepth % streams)
      block(whole, b.sub(depth, whole));
  });
}

/// A single sum: its lanes are parts of it, added up at its end.
void Lowering::lowerDot(Emitter &b) {
  c.merge(b, c.sums, {A, B});
  Loop inner;
  inner.size = b.constant(1);
  for (Which which : {A, B, C})
    inner.strides[which] = b.constant(0);
  if (!c.sums.empty())
    inner = c.sums.pop_back_val();
  Value zero = b.splat(c.sumType, registers.lanes);
  auto multiply = [&](OpFoldResult k, const Offsets &at, Value mask,
                      Value sum) {
    Value x[2];
    for (Which which : {A, B})
      x[which] =
          loadVector(b, which, b.add(at[which], b.mul(k, inner.strides[which])),
                     inner.strides[which], mask);
    return multiplyAdd(b, x[A], x[B], sum);
  };
  std::function<SmallVector<Value>(ArrayRef<Loop>, Offsets, ValueRange)> nest =
      [&](ArrayRef<Loop> loops, Offsets at, ValueRange sums) {
        if (!loops.empty())
          return b.loop(b.constant(0), loops.front().size, 1, sums,
                        [&](OpFoldResult k, ValueRange sums) {
                          Offsets next = at;
                          for (Which which : {A, B})
                            next[which] =
                                b.add(at[which],
                                      b.mul(k, loops.front().strides[which]));
                          return nest(loops.drop_front(), next, sums);
                        });
        int64_t step = sums.size() * registers.lanes;
        OpFoldResult main = b.roundDown(inner.size, step);
        SmallVector<Value> now =
            b.loop(b.constant(0), main, step, sums,
                   [&](OpFoldResult k, ValueRange carried) {
                     auto sums = llvm::to_vector_of<Value>(carried);
                     for (auto [index, sum] : llvm::enumerate(sums))
                       sum = multiply(b.add(k, index * registers.lanes), at,
                                      Value(), sum);
                     return sums;
                   });
        Value first = b.loop(main, inner.size, registers.lanes, now.front(),
                             [&](OpFoldResult k, ValueRange carried) {
                               Value mask = vector::CreateMaskOp::create(
                                   b, vectorOf(b.getI1Type()),
                                   b.value(b.sub(inner.size, k)));
                               return SmallVector<Value>{
                                   multiply(k, at, mask, carried.front())};
                             })
                          .front();
        now.front() = first;
        return now;
      };
  OpFoldResult none = b.constant(0);
  SmallVector<Value> sums =
      nest(c.sums, {none, none, none}, SmallVector<Value>(4, zero));
  auto add = [&](Value x, Value y) -> Value {
    if (isa<FloatType>(c.sumType))
      return arith::AddFOp::create(b, x, y);
    return arith::AddIOp::create(b, x, y);
  };
  Value sum = add(add(sums[0], sums[1]), add(sums[2], sums[3]));
  sum = vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum,
                                    arith::FastMathFlags::reassoc);
  const Operand &result = c.operands[C];
  bool narrow = result.element() != c.sumType;
  if (!fromZero) {
    Value old = memref::LoadOp::create(b, result.flat, b.value(none));
    if (narrow)
      old = arith::ExtFOp::create(b, c.sumType, old);
    sum = add(old, sum);
  }
  if (narrow)
    sum = arith::TruncFOp::create(b, result.element(), sum);
  memref::StoreOp::create(b, sum, result.flat, b.value(none));
}

//===----------------------------------------------------------------------===//
// The choice
//===----------------------------------------------------------------------===//

void Lowering::lower() {
  fromZero = startsFromZero();
  bool repeated = repeats(c.op, c.operands[B].buffer);
  if (Value source = wholeOf(c.operands[B].buffer);
      source && !repeated && c.canWiden() && repeats(c.op, source)) {
    whole = source;
    repeated = true;
  }
  auto known = c.staticRows();
  bool packs = c.panels.width ||
               (!c.isElementwise() &&
                ((repeated && known != 1) || (known && *known >= packedRows)));
  if (packs && registers.lanes > 1)
    c.matchEpilogue();
  Emitter b(c.op.getLoc(), c.op);
  c.prepare(b);
  if (c.columns.empty()) {
    lowerDot(b);
    c.op.erase();
    return;
  }
  auto packed = [&] {
    Lowering(*this).lowerPacked(b);
    return SmallVector<Value>();
  };
  auto direct = [&] {
    Lowering(*this).lowerDirect(b);
    return SmallVector<Value>();
  };
  if (packs)
    (void)packed();
  else if (known || c.isElementwise())
    (void)direct();
  else
    b.choose({b.less(b.constant(packedRows - 1), sizeOf(b, c.rows))}, {},
             packed, direct);
  if (c.epilogue)
    c.epilogue.erase();
  c.op.erase();
}
