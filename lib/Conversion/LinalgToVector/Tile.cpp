//===- Tile.cpp - sums that stay in registers -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait::contraction;

/// How many steps of the innermost summed loop one iteration takes.
static constexpr int64_t unroll = 4;
/// Bytes of a panel that are asked for ahead of their use.
static constexpr int64_t ahead = 4096;

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// `value`, a scalar or vector of the operand's elements, in the type of sums.
Value Lowering::extend(Emitter &b, Which which, Value value) {
  Type element = getElementTypeOrSelf(value.getType());
  if (element == c.sumType)
    return value;
  bool vector = isa<VectorType>(value.getType());
  Type type = vector ? Type(vectorOf(c.sumType)) : c.sumType;
  if (isa<FloatType>(element))
    return arith::ExtFOp::create(b, type, value);
  Operation *widening = c.operands[which].widening;
  if (isa_and_nonnull<arith::SIToFPOp>(widening))
    return arith::SIToFPOp::create(b, type, value);
  if (isa_and_nonnull<arith::ExtUIOp>(widening))
    return arith::ExtUIOp::create(b, type, value);
  return arith::ExtSIOp::create(b, type, value);
}

Value Lowering::loadScalar(Emitter &b, Which which, OpFoldResult at) {
  Value scalar = memref::LoadOp::create(b, c.operands[which].flat, b.value(at));
  return vector::BroadcastOp::create(b, vectorOf(c.sumType),
                                     extend(b, which, scalar));
}

/// The distances of a vector's elements from its first.
static Value lanesBy(Emitter &b, int64_t lanes, OpFoldResult by) {
  auto type = VectorType::get({lanes}, b.getIndexType());
  Value steps = vector::StepOp::create(b, type);
  return arith::MulIOp::create(
      b, steps, vector::BroadcastOp::create(b, type, b.value(by)));
}

/// The elements at `at`, `at + by`, ...; those that `mask` leaves out are 0.
Value Lowering::loadVector(Emitter &b, Which which, OpFoldResult at,
                           OpFoldResult by, Value mask) {
  const Operand &operand = c.operands[which];
  VectorType type = vectorOf(operand.element());
  Value vector;
  if (getConstantIntValue(by) == 1) {
    if (!mask)
      vector = vector::LoadOp::create(b, type, operand.flat, b.value(at));
    else
      vector = vector::MaskedLoadOp::create(
          b, type, operand.flat, b.value(at), mask,
          b.splat(operand.element(), registers.lanes));
  } else {
    if (!mask)
      mask = b.splat(b.getI1Type(), registers.lanes, 1);
    vector = vector::GatherOp::create(
        b, type, operand.flat, b.value(at), lanesBy(b, registers.lanes, by),
        mask, b.splat(operand.element(), registers.lanes));
  }
  return extend(b, which, vector);
}

void Lowering::storeVector(Emitter &b, Value vector, OpFoldResult at,
                           OpFoldResult by, Value mask) {
  const Operand &result = c.operands[C];
  if (result.element() != c.sumType)
    vector = arith::TruncFOp::create(b, vectorOf(result.element()), vector);
  Value index = b.value(at);
  if (getConstantIntValue(by) != 1) {
    if (!mask)
      mask = b.splat(b.getI1Type(), registers.lanes, 1);
    vector::ScatterOp::create(b, /*resultType=*/Type(), result.flat, index,
                              lanesBy(b, registers.lanes, by), mask, vector,
                              llvm::MaybeAlign());
  } else if (mask) {
    vector::MaskedStoreOp::create(b, result.flat, index, mask, vector);
  } else {
    vector::StoreOp::create(b, vector, result.flat, index);
  }
}

Value Lowering::multiplyAdd(Emitter &b, Value x, Value y, Value sum) {
  if (isa<FloatType>(c.sumType))
    return vector::FMAOp::create(b, x, y, sum);
  return arith::AddIOp::create(b, arith::MulIOp::create(b, x, y), sum);
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// How far the tile's `vector`th vector is from its first in the panels.
OpFoldResult Lowering::inPanels(Emitter &b, int64_t vector) {
  int64_t column = vector * registers.lanes;
  return b.add(b.mul(c.panels.stride, column / c.panels.width),
               column % c.panels.width);
}

/// Asks for what follows some way behind `at` in a panel.
void Lowering::prefetchPanel(Emitter &b, OpFoldResult at) {
  const Operand &panels = c.operands[B];
  int64_t distance = ahead * 8 / panels.element().getIntOrFloatBitWidth();
  memref::PrefetchOp::create(b, panels.flat, b.value(b.add(at, distance)),
                             /*isWrite=*/false, /*localityHint=*/3,
                             /*isDataCache=*/true);
}

/// One step of the summed loops: a product for every accumulator.
void Lowering::step(Emitter &b, const Tile &tile, const Offsets &at,
                    SmallVector<Value> &accumulators) {
  const Loop *columns = vectorLoop();
  // An A that takes a cache line for every step leaves the memory no time
  // either.
  bool isStrided =
      !c.sums.empty() && getConstantIntValue(c.sums.back().strides[A]) != 1;
  // The values of an operand are the same along what it does not depend on.
  DenseMap<std::tuple<unsigned, int64_t, int64_t>, Value> seen;
  auto load = [&](Which which, int64_t row, int64_t vector) {
    bool alongRows = llvm::any_of(
        c.rows, [&](const Loop &loop) { return loop.uses[which]; });
    bool alongColumns = columns && columns->uses[which];
    Value &value =
        seen[{which, alongRows ? row : 0, alongColumns ? vector : 0}];
    if (value)
      return value;
    OpFoldResult offset = b.add(tile.row[which][row], at[which]);
    if (!alongColumns)
      return value = loadScalar(b, which, offset);
    OpFoldResult by = columns->strides[which];
    bool panels = which == B && c.panels.width;
    offset = b.add(b.add(offset, tile.column[which]),
                   panels ? inPanels(b, vector)
                          : b.mul(by, vector * registers.lanes));
    if (panels && (isStrided || tile.rows <= prefetchedRows))
      prefetchPanel(b, offset);
    // Panels are full: no mask.
    bool masked = tile.left && !panels;
    return value = loadVector(b, which, offset, by,
                              masked ? maskOf(b, tile, vector) : Value());
  };
  for (int64_t row = 0; row < tile.rows; ++row)
    for (int64_t vector = 0; vector < tile.vectors; ++vector) {
      Value &sum = accumulators[row * tile.vectors + vector];
      // B first, so that A's broadcast is the instruction's memory operand.
      Value right = load(B, row, vector);
      sum = multiplyAdd(b, load(A, row, vector), right, sum);
    }
}

/// As many steps as a vector has lanes, or a known `depth` of them: B is
/// contiguous along the innermost summed loop and is transposed on its way in.
void Lowering::transposedStep(Emitter &b, const Tile &tile, const Offsets &at,
                              Value depth, SmallVector<Value> &accumulators) {
  const Loop &columns = *vectorLoop(), &sum = c.sums.back();
  auto multiply = [&](OpFoldResult k, Value right,
                      MutableArrayRef<Value> sums) {
    for (int64_t row = 0; row < tile.rows; ++row) {
      OpFoldResult offset =
          b.add(b.add(tile.row[A][row], at[A]), b.mul(sum.strides[A], k));
      sums[row] = multiplyAdd(b, loadScalar(b, A, offset), right, sums[row]);
    }
  };
  SmallVector<Value> block =
      transposedBlock(b, b.add(b.add(tile.row[B][0], tile.column[B]), at[B]),
                      columns, tile.left, depth);
  int64_t count =
      depth ? *getConstantIntValue(depth) : int64_t(registers.lanes);
  for (int64_t k = 0; k < count; ++k)
    multiply(b.constant(k), block[k], accumulators);
}

SmallVector<Value> Lowering::accumulate(Emitter &b, const Tile &tile,
                                        ArrayRef<Loop> sums, Offsets at,
                                        SmallVector<Value> accumulators) {
  if (sums.empty()) {
    step(b, tile, at, accumulators);
    return accumulators;
  }
  const Loop &loop = sums.front();
  auto moved = [&](OpFoldResult k) {
    Offsets to = at;
    for (Which which : {A, B})
      to[which] = b.add(at[which], b.mul(loop.strides[which], k));
    return to;
  };
  if (sums.size() > 1) {
    OpFoldResult from = b.constant(0), to = loop.size;
    if (tile.outermost && sums.size() == c.sums.size())
      std::tie(from, to) = *tile.outermost;
    return b.loop(from, to, 1, accumulators,
                  [&](OpFoldResult k, ValueRange carried) {
                    return accumulate(b, tile, sums.drop_front(), moved(k),
                                      llvm::to_vector_of<Value>(carried));
                  });
  }
  int64_t by = transposes ? registers.lanes : unroll;
  at = moved(tile.from);
  OpFoldResult main = b.roundDown(tile.depth, by);
  accumulators = b.loop(b.constant(0), main, by, accumulators,
                        [&](OpFoldResult k, ValueRange carried) {
                          auto sums = llvm::to_vector_of<Value>(carried);
                          Offsets base = moved(k);
                          if (transposes) {
                            transposedStep(b, tile, base, Value(), sums);
                            return sums;
                          }
                          for (int64_t u = 0; u < unroll; ++u) {
                            Offsets next = base;
                            for (Which which : {A, B})
                              next[which] = b.add(
                                  base[which], b.mul(loop.strides[which], u));
                            step(b, tile, next, sums);
                          }
                          return sums;
                        });
  OpFoldResult rest = b.sub(tile.depth, main);
  auto known = getConstantIntValue(rest);
  if (!transposes || !known)
    return b.loop(main, tile.depth, 1, accumulators,
                  [&](OpFoldResult k, ValueRange carried) {
                    auto sums = llvm::to_vector_of<Value>(carried);
                    step(b, tile, moved(k), sums);
                    return sums;
                  });
  if (*known != 0)
    transposedStep(b, tile, moved(main), b.value(rest), accumulators);
  return accumulators;
}

/// The columns of the tile's `vector`th vector that exist; none if all do.
Value Lowering::maskOf(Emitter &b, const Tile &tile, int64_t vector) {
  if (!tile.left)
    return Value();
  OpFoldResult left = b.sub(tile.left, b.constant(vector * registers.lanes));
  return vector::CreateMaskOp::create(b, vectorOf(b.getI1Type()),
                                      b.value(left));
}

void Lowering::emitTile(Emitter &b, const Tile &tile) {
  const Loop *columns = vectorLoop();
  int64_t count = tile.rows * tile.vectors;
  SmallVector<Type> types(count, vectorOf(c.sumType));
  OpFoldResult by = columns ? columns->strides[C] : b.constant(1);
  auto at = [&](int64_t row, int64_t vector) {
    return b.add(b.add(tile.row[C][row], tile.column[C]),
                 b.mul(by, vector * registers.lanes));
  };
  // Runs `body` with each vector's mask: none where the tile is full.
  auto masked = [&](TypeRange types,
                    function_ref<SmallVector<Value>(ArrayRef<Value>)> body) {
    return b.choose(
        tile.full, types,
        [&] { return body(SmallVector<Value>(tile.vectors)); },
        [&] {
          SmallVector<Value> masks;
          for (int64_t vector = 0; vector < tile.vectors; ++vector)
            masks.push_back(maskOf(b, tile, vector));
          return body(masks);
        });
  };

  SmallVector<Value> sums = b.choose(
      tile.zero, types,
      [&] {
        return SmallVector<Value>(count, b.splat(c.sumType, registers.lanes));
      },
      [&] {
        return masked(types, [&](ArrayRef<Value> masks) {
          SmallVector<Value> old;
          for (int64_t row = 0; row < tile.rows; ++row)
            for (int64_t vector = 0; vector < tile.vectors; ++vector)
              old.push_back(
                  loadVector(b, C, at(row, vector), by, masks[vector]));
          return old;
        });
      });
  sums = group > 1
             ? accumulateGroups(b, tile, sums)
             : accumulate(b, tile, c.sums,
                          {b.constant(0), b.constant(0), b.constant(0)}, sums);
  auto store = [&](ArrayRef<Value> masks) {
    for (int64_t row = 0; row < tile.rows; ++row)
      for (int64_t vector = 0; vector < tile.vectors; ++vector)
        storeVector(b, sums[row * tile.vectors + vector], at(row, vector), by,
                    masks[vector]);
    return SmallVector<Value>();
  };
  masked({}, [&](ArrayRef<Value> masks) {
    if (!c.epilogue)
      return store(masks);
    return b.choose(
        tile.last, {},
        [&] {
          storeEpilogue(b, tile, sums, masks);
          return SmallVector<Value>();
        },
        [&] { return store(masks); });
  });
}
