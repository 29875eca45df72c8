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
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

using namespace plait::contraction;

/// Packing pays from this many rows on.
static constexpr int64_t packedRows = 16;
/// Tiles of fewer rows take as long as tiles of so many: a multiply-add waits
/// for the one before it in the same register.
static constexpr int64_t waitingRows = 4;

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

/// Rows of a tile: as many as fit, or somewhat fewer where that leaves fewer at
/// the end, or no tile with rows of two images' lines.
int64_t Lowering::chooseRows(Emitter &b) {
  auto line = c.rows.empty() ? std::nullopt : c.rows.back().staticSize();
  auto rows = getConstantIntValue(sizeOf(b, c.rows));
  if (!rows)
    rows = line;
  if (!rows)
    return registers.rows;
  auto cost = [&](int64_t count) {
    // A tile of few rows waits for its own sums.
    int64_t rest = *rows % count;
    int64_t steps = *rows - rest + (rest ? std::max(rest, waitingRows) : 0);
    return std::make_pair(steps, !line || *line % count != 0);
  };
  int64_t best = registers.rows;
  for (int64_t count = best - 1; count * 4 >= registers.rows * 3; --count)
    if (cost(count) < cost(best))
      best = count;
  return best;
}

void Lowering::placeRows(Emitter &b, Tile &tile, const Offsets &at,
                         OpFoldResult row) {
  Offsets first = offsetsOf(b, c.rows, row, at);
  // Whether the rows are neighbours along the innermost loop: all tiles but the
  // last begin at a multiple of a tile, and there is no last one if lines are.
  auto line = c.rows.empty() ? std::nullopt : c.rows.back().staticSize();
  bool inLine = c.rows.size() == 1 || (line && *line % registers.rows == 0 &&
                                       tile.rows == registers.rows);
  for (int64_t i = 0; i < tile.rows; ++i) {
    Offsets place = first;
    if (inLine) {
      for (unsigned which : c.all())
        place[which] =
            b.add(first[which], b.mul(c.rows.back().strides[which], i));
    } else if (i > 0) {
      place = offsetsOf(b, c.rows, b.add(row, i), at);
    }
    for (unsigned which : c.all())
      tile.row[which].push_back(place[which]);
  }
  if (!c.border || !inLine)
    return;
  // The tile lies in one line of a padded image: it leaves out the lines of the
  // window that are all zeros.
  OpFoldResult at0 =
      b.add(c.border->offset,
            b.mul(b.div(row, c.rows.back().size), c.border->stride));
  auto past = [&](int64_t line) {
    return arith::MaxSIOp::create(b, b.value(b.sub(b.constant(line), at0)),
                                  b.value(b.constant(0)))
        .getResult();
  };
  tile.outermost = {past(c.border->low),
                    b.min(past(c.border->end), c.sums.front().size)};
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
