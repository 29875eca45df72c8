//===- Direct.cpp - B where it is -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every element of B is used once or twice: it is read in the order in which it
// lies in memory.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait::contraction;

/// Rows of B that are read as so many streams at once.
static constexpr int64_t streams = 8;

void Lowering::lowerDirect(Emitter &b) {
  SmallVector<Which> all = {A, B, C};
  c.border.reset();
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
