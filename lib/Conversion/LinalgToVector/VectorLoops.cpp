//===- VectorLoops.cpp - linalg on buffers to vector loops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorLoops.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace plait;

/// The value that changes nothing when it is combined.
static TypedAttr neutral(OpBuilder &b, vector::CombiningKind kind, Type type) {
  using Kind = vector::CombiningKind;
  if (auto number = dyn_cast<FloatType>(type)) {
    const llvm::fltSemantics &semantics = number.getFloatSemantics();
    switch (kind) {
    case Kind::ADD:
      return b.getFloatAttr(type, APFloat::getZero(semantics, true));
    case Kind::MUL:
      return b.getFloatAttr(type, 1.0);
    default: {
      bool isMaximum = kind == Kind::MAXIMUMF || kind == Kind::MAXNUMF;
      return b.getFloatAttr(type, APFloat::getInf(semantics, isMaximum));
    }
    }
  }
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  switch (kind) {
  case Kind::MUL:
    return b.getIntegerAttr(type, APInt(width, 1));
  case Kind::MAXSI:
    return b.getIntegerAttr(type, APInt::getSignedMinValue(width));
  case Kind::MINSI:
    return b.getIntegerAttr(type, APInt::getSignedMaxValue(width));
  case Kind::MINUI:
  case Kind::AND:
    return b.getIntegerAttr(type, APInt::getAllOnes(width));
  default:
    return b.getIntegerAttr(type, APInt::getZero(width));
  }
}

//===----------------------------------------------------------------------===//
// Loops and elements
//===----------------------------------------------------------------------===//

void VectorLoops::forLoops(OpBuilder &b, ArrayRef<unsigned> loops, Emit emit) {
  if (loops.empty())
    return emit(b);
  auto loop = scf::ForOp::create(b, loc, value(b, b.getIndexAttr(0)),
                                 value(b, nest->loops[loops.front()].size),
                                 value(b, b.getIndexAttr(1)));
  OpBuilder inside = OpBuilder::atBlockTerminator(loop.getBody());
  ivs[loops.front()] = loop.getInductionVar();
  forLoops(inside, loops.drop_front(), emit);
}

SmallVector<Value>
VectorLoops::carry(OpBuilder &b, ArrayRef<unsigned> loops, Values sums,
                   function_ref<Values(OpBuilder &, Values)> emit) {
  if (loops.empty())
    return emit(b, sums);
  auto loop = scf::ForOp::create(b, loc, value(b, b.getIndexAttr(0)),
                                 value(b, nest->loops[loops.front()].size),
                                 value(b, b.getIndexAttr(1)), sums);
  OpBuilder inside = OpBuilder::atBlockEnd(loop.getBody());
  ivs[loops.front()] = loop.getInductionVar();
  Values next =
      carry(inside, loops.drop_front(),
            llvm::to_vector_of<Value>(loop.getRegionIterArgs()), emit);
  scf::YieldOp::create(inside, loc, next);
  return llvm::to_vector_of<Value>(loop.getResults());
}

/// Where `operand` is, `lane` elements along the vector loop.
Value VectorLoops::position(OpBuilder &b, unsigned operand, int64_t lane) {
  const Access &access = *nest->accesses[operand];
  OpFoldResult at = access.offset;
  for (unsigned loop = 0; loop < nest->loops.size(); ++loop)
    if (!isConstantIntValue(access.strides[loop], 0))
      at = plait::add(b, loc, at,
                      multiply(b, loc, ivs[loop], access.strides[loop]));
  if (lane != 0)
    at = plait::add(
        b, loc, at,
        multiply(b, loc, b.getIndexAttr(lane), access.strides[vectorLoop]));
  if (!access.irregular.empty()) {
    SmallVector<Value> dims(op.getNumLoops(), value(b, b.getIndexAttr(0)));
    for (auto [loop, iv] : llvm::zip(nest->loops, ivs))
      if (loop.dim)
        dims[*loop.dim] = iv;
    for (auto &[expr, stride] : access.irregular) {
      Value part = affine::expandAffineExpr(b, loc, expr, dims, {});
      at = plait::add(b, loc, at, multiply(b, loc, part, stride));
    }
  }
  return value(b, at);
}

bool VectorLoops::movesWith(unsigned operand, ArrayRef<unsigned> loops) const {
  return llvm::any_of(loops, [&](unsigned loop) {
    return !isConstantIntValue(nest->accesses[operand]->strides[loop], 0) ||
           !nest->isRegular(operand, loop);
  });
}

/// Loads the inputs that are the same in all of the loops `inside`: LLVM
/// cannot know that nothing stored there changes them.
void VectorLoops::hoist(OpBuilder &b, ArrayRef<unsigned> inside) {
  hoisted.clear();
  for (unsigned operand = 0; operand < inputs(); ++operand)
    if (nest->accesses[operand] && !movesWith(operand, inside) &&
        !op.getBody()->getArgument(operand).use_empty())
      hoisted[operand] = memref::LoadOp::create(
          b, loc, nest->accesses[operand]->buffer.memref, position(b, operand));
}

Lanes VectorLoops::load(OpBuilder &b, LaneShape shape, unsigned operand,
                        int64_t lane) {
  if (!nest->accesses[operand])
    return {op->getOperand(operand)};
  if (auto known = hoisted.find(operand); known != hoisted.end())
    return {known->second};
  const Access &access = *nest->accesses[operand];
  return LaneBody::load(b, loc, shape, access.buffer.memref,
                        position(b, operand, lane), access.strides[vectorLoop]);
}

void VectorLoops::store(OpBuilder &b, LaneShape shape, unsigned result,
                        int64_t lane, Lanes lanes) {
  unsigned operand = inputs() + result;
  const Access &access = *nest->accesses[operand];
  LaneBody::store(b, loc, shape, lanes, access.buffer.memref,
                  position(b, operand, lane), access.strides[vectorLoop]);
}

/// `stored`, a scalar or vector of a result's elements, as its sum's type.
Value VectorLoops::widen(OpBuilder &b, unsigned result, Value stored) {
  Type type = sumTypes[result];
  if (getElementTypeOrSelf(stored.getType()) == type)
    return stored;
  if (auto vector = dyn_cast<VectorType>(stored.getType()))
    type = vector.cloneWith(std::nullopt, type);
  return arith::ExtFOp::create(b, loc, type, stored);
}

Value VectorLoops::narrow(OpBuilder &b, unsigned result, Value sum) {
  Type type = nest->accesses[inputs() + result]->buffer.element();
  if (getElementTypeOrSelf(sum.getType()) == type)
    return sum;
  if (auto vector = dyn_cast<VectorType>(sum.getType()))
    type = vector.cloneWith(std::nullopt, type);
  return arith::TruncFOp::create(b, loc, type, sum);
}

/// Combines `sum` with what is stored for the same result.
Value VectorLoops::combine(OpBuilder &b, unsigned result, LaneShape shape,
                           Value sum, Value candidate) {
  const Combiner &combiner = combiners[result];
  if (shape.mask) {
    auto type = cast<VectorType>(candidate.getType());
    auto none = DenseElementsAttr::get(
        type, Attribute(neutral(b, combiner.kind, type.getElementType())));
    candidate =
        arith::SelectOp::create(b, loc, shape.mask, candidate,
                                arith::ConstantOp::create(b, loc, type, none));
  }
  using Kind = vector::CombiningKind;
  if (combiner.kind == Kind::MAXIMUMF || combiner.kind == Kind::MINIMUMF) {
    // Which zero is the larger does not matter, and costs.
    if (combiner.kind == Kind::MAXIMUMF)
      return arith::MaximumFOp::create(b, loc, sum, candidate,
                                       arith::FastMathFlags::nsz);
    return arith::MinimumFOp::create(b, loc, sum, candidate,
                                     arith::FastMathFlags::nsz);
  }
  if (combiner.kind == Kind::MAXNUMF || combiner.kind == Kind::MINNUMF) {
    // No sum is NaN (see `start`), and to compare in this order keeps it so
    // with one instruction of x86.
    auto better = combiner.kind == Kind::MAXNUMF ? arith::CmpFPredicate::OGT
                                                 : arith::CmpFPredicate::OLT;
    Value is = arith::CmpFOp::create(b, loc, better, candidate, sum);
    return arith::SelectOp::create(b, loc, is, candidate, sum);
  }
  return vector::makeArithReduction(b, loc, combiner.kind, sum, candidate);
}

/// What a sum starts from where `stored` is a result's old value. A maximum of
/// numbers that starts from NaN starts from minus infinity.
Value VectorLoops::start(OpBuilder &b, unsigned result, Value stored) {
  Value sum = widen(b, result, stored);
  if (combiners.empty())
    return sum;
  vector::CombiningKind kind = combiners[result].kind;
  if (kind != vector::CombiningKind::MAXNUMF &&
      kind != vector::CombiningKind::MINNUMF)
    return sum;
  TypedAttr none = neutral(b, kind, sumTypes[result]);
  if (auto type = dyn_cast<VectorType>(sum.getType()))
    none = DenseElementsAttr::get(type, Attribute(none));
  return vector::makeArithReduction(b, loc, kind, sum,
                                    arith::ConstantOp::create(b, loc, none));
}

/// Emits the body once. Gives the results, or the next sums of a reduction.
SmallVector<Lanes> VectorLoops::step(OpBuilder &b, LaneShape shape,
                                     int64_t lane, ArrayRef<Value> sums) {
  DenseMap<Value, Lanes> values;
  for (BlockArgument argument : op.getBody()->getArguments()) {
    unsigned operand = argument.getArgNumber();
    if (argument.use_empty() || (operand >= inputs() && !combiners.empty()))
      continue;
    values[argument] = operand >= inputs() && !sums.empty()
                           ? Lanes{sums[operand - inputs()]}
                           : load(b, shape, operand, lane);
  }
  auto indexOf = [&](unsigned dim) -> Lanes {
    for (auto [loop, iv] : llvm::zip(llvm::enumerate(nest->loops), ivs)) {
      if (loop.value().dim != dim)
        continue;
      if (loop.index() != vectorLoop)
        return {iv};
      return {value(b, plait::add(b, loc, iv, b.getIndexAttr(lane))), 1};
    }
    llvm_unreachable("a loop that the body names is kept");
  };
  values = body.emit(b, shape, std::move(values), indexOf, skip);
  auto get = [&](Value value) {
    auto known = values.find(value);
    return known == values.end() ? Lanes{value} : known->second;
  };
  SmallVector<Lanes> results;
  OperandRange yielded = op.getBody()->getTerminator()->getOperands();
  if (combiners.empty()) {
    for (Value result : yielded)
      results.push_back(get(result));
    return results;
  }
  for (auto [result, combiner] : llvm::enumerate(combiners)) {
    if (!combiner.op) {
      store(b, shape, result, lane, get(yielded[result]));
      continue;
    }
    Value sum = sums[results.size()];
    // A sum of products is fused multiply-adds, like a contraction's.
    auto product = combiner.candidate.getDefiningOp<arith::MulFOp>();
    if (combiner.kind == vector::CombiningKind::ADD && product &&
        product.getType() == sumTypes[result] && !shape.mask) {
      Value x = LaneBody::toVector(b, loc, shape, get(product.getLhs()));
      Value y = LaneBody::toVector(b, loc, shape, get(product.getRhs()));
      results.push_back({math::FmaOp::create(b, loc, x, y, sum)});
      continue;
    }
    Value candidate =
        LaneBody::toVector(b, loc, shape, get(combiner.candidate));
    results.push_back(
        {combine(b, result, shape, sum, widen(b, result, candidate))});
  }
  return results;
}

//===----------------------------------------------------------------------===//
// Along a parallel loop
//===----------------------------------------------------------------------===//

/// Computes `tiles` vectors of the results from the vector loop's variable on.
void VectorLoops::parallelTile(OpBuilder &b, LaneShape shape, int64_t tiles) {
  unsigned results = op.getNumDpsInits();
  if (!isReduction()) {
    for (int64_t tile = 0; tile < tiles; ++tile)
      for (auto [result, lanes] :
           llvm::enumerate(step(b, shape, tile * shape.lanes, {})))
        store(b, shape, result, tile * shape.lanes, lanes);
    return;
  }
  // The results' places do not depend on the reduction loops' variables.
  Values sums;
  for (int64_t tile = 0; tile < tiles; ++tile)
    for (unsigned result = 0; result < results; ++result) {
      Lanes old = load(b, shape, inputs() + result, tile * shape.lanes);
      sums.push_back(start(b, result, old.value));
    }
  sums = carry(b, inner, sums, [&](OpBuilder &b, Values sums) {
    Values next;
    for (int64_t tile = 0; tile < tiles; ++tile)
      for (Lanes lanes : step(b, shape, tile * shape.lanes,
                              ArrayRef(sums).slice(tile * results, results)))
        next.push_back(LaneBody::toVector(b, loc, shape, lanes));
    return next;
  });
  for (int64_t tile = 0; tile < tiles; ++tile)
    for (unsigned result = 0; result < results; ++result)
      store(b, shape, result, tile * shape.lanes,
            {narrow(b, result, sums[tile * results + result])});
}

/// Whether results are elements of the only input, which lie elsewhere, or
/// computed from them: computing one twice is allowed.
bool VectorLoops::rearranges() {
  return !isReduction() && inputs() == 1 && op.getNumDpsInits() == 1 &&
         nest->accesses[0] && nest->accesses[0]->irregular.empty() &&
         op.getRegionOutputArgs()[0].use_empty() && lanes >= 2;
}

/// Emits for all vectors along `loop`. The last ends where the loop does, and
/// may overlap the one before.
void VectorLoops::forVectors(OpBuilder &b, unsigned loop, Emit emit) {
  int64_t size = *getConstantIntValue(nest->loops[loop].size);
  auto op = scf::ForOp::create(b, loc, value(b, b.getIndexAttr(0)),
                               value(b, b.getIndexAttr(size)),
                               value(b, b.getIndexAttr(lanes)));
  OpBuilder inside = OpBuilder::atBlockTerminator(op.getBody());
  ivs[loop] = op.getInductionVar();
  if (size % lanes != 0)
    ivs[loop] =
        arith::MinSIOp::create(inside, loc, op.getInductionVar(),
                               value(inside, b.getIndexAttr(size - lanes)));
  emit(inside);
}

/// The loop along which the only input is contiguous, if that is not the
/// vector loop and both have room for a square of vectors.
std::optional<unsigned> VectorLoops::transposedLoop() {
  if (!rearranges() ||
      !isConstantIntValue(nest->accesses[1]->strides[vectorLoop], 1))
    return std::nullopt;
  auto fits = [&](unsigned loop) {
    auto size = getConstantIntValue(nest->loops[loop].size);
    return size && *size >= std::min<int64_t>(lanes, 16);
  };
  for (unsigned loop : outer)
    if (isConstantIntValue(nest->accesses[0]->strides[loop], 1) && fits(loop) &&
        fits(vectorLoop) && lanes >= 4)
      return loop;
  return std::nullopt;
}

/// Moves squares: reads vectors along `across`, transposes them in registers,
/// and writes vectors along the vector loop.
void VectorLoops::transpose(OpBuilder &b, unsigned across) {
  LaneShape shape = {lanes, Value()};
  forVectors(b, across, [&](OpBuilder &b) {
    forVectors(b, vectorLoop, [&](OpBuilder &b) {
      const Access &from = *nest->accesses[0], &to = *nest->accesses[1];
      SmallVector<Value> rows;
      for (int64_t i = 0; i < lanes; ++i)
        rows.push_back(LaneBody::load(b, loc, shape, from.buffer.memref,
                                      position(b, 0, i), b.getIndexAttr(1))
                           .value);
      // Exchanges the off-diagonal quarters of squares of 2, 4, 8, ...
      for (int64_t half = 1; half < lanes; half *= 2)
        for (int64_t i = 0; i < lanes; ++i) {
          if (i & half)
            continue;
          SmallVector<int64_t> low, high;
          for (int64_t k = 0; k < lanes; ++k) {
            low.push_back(k & half ? lanes + k - half : k);
            high.push_back(k & half ? lanes + k : k + half);
          }
          Value x = rows[i], y = rows[i + half];
          rows[i] = vector::ShuffleOp::create(b, loc, x, y, low);
          rows[i + half] = vector::ShuffleOp::create(b, loc, x, y, high);
        }
      Value first = ivs[across];
      for (int64_t i = 0; i < lanes; ++i) {
        ivs[across] = value(b, plait::add(b, loc, first, b.getIndexAttr(i)));
        hoisted[0] = rows[i];
        Lanes result = step(b, shape, 0, {}).front();
        LaneBody::store(b, loc, shape, result, to.buffer.memref, position(b, 1),
                        b.getIndexAttr(1));
      }
    });
  });
}

/// The loop of few elements along which the result is contiguous, if vectors of
/// the input, one for each, fill the result without gaps: the colours of an
/// image.
std::optional<unsigned> VectorLoops::interleavedLoop() {
  constexpr int64_t most = 4;
  auto size = getConstantIntValue(nest->loops[vectorLoop].size);
  if (!rearranges() || !size || *size < lanes ||
      !isConstantIntValue(nest->accesses[0]->strides[vectorLoop], 1))
    return std::nullopt;
  const Access &to = *nest->accesses[1];
  for (unsigned loop : outer) {
    auto count = getConstantIntValue(nest->loops[loop].size);
    if (count && *count >= 2 && *count <= most &&
        isConstantIntValue(to.strides[loop], 1) &&
        isConstantIntValue(to.strides[vectorLoop], *count))
      return loop;
  }
  return std::nullopt;
}

/// Computes one vector for every step of `among` and writes their lanes in turn.
void VectorLoops::interleave(OpBuilder &b, unsigned among) {
  LaneShape shape = {lanes, Value()};
  int64_t count = *getConstantIntValue(nest->loops[among].size);
  forVectors(b, vectorLoop, [&](OpBuilder &b) {
    SmallVector<Value> vectors;
    for (int64_t i = 0; i < count; ++i) {
      ivs[among] = value(b, b.getIndexAttr(i));
      vectors.push_back(
          LaneBody::toVector(b, loc, shape, step(b, shape, 0, {}).front()));
    }
    ivs[among] = value(b, b.getIndexAttr(0));
    Value start = position(b, 1);
    for (int64_t part = 0; part < count; ++part) {
      Value merged = vectors[0];
      for (int64_t i = 1; i < count; ++i) {
        SmallVector<int64_t> mask;
        for (int64_t lane = 0; lane < lanes; ++lane) {
          int64_t at = part * lanes + lane, from = at / count;
          bool isFirst = i == 1 && at % count == 0;
          mask.push_back(at % count == i ? lanes + from
                         : isFirst       ? from
                                         : lane);
        }
        merged = vector::ShuffleOp::create(b, loc, merged, vectors[i], mask);
      }
      Value to =
          value(b, plait::add(b, loc, start, b.getIndexAttr(part * lanes)));
      LaneBody::store(b, loc, shape, {merged}, nest->accesses[1]->buffer.memref,
                      to, b.getIndexAttr(1));
    }
  });
}

void VectorLoops::alongParallel(OpBuilder &b) {
  SmallVector<unsigned> inside = {vectorLoop};
  inside.append(inner);
  Value zero = value(b, b.getIndexAttr(0));
  ivs[vectorLoop] = zero;
  hoist(b, inside);
  OpFoldResult size = nest->loops[vectorLoop].size;
  Value end = value(b, size);
  auto loop = [&](Value from, Value to, int64_t by, LaneShape shape,
                  bool masked) {
    auto op = scf::ForOp::create(b, loc, from, to,
                                 value(b, b.getIndexAttr(by * shape.lanes)));
    OpBuilder inside = OpBuilder::atBlockTerminator(op.getBody());
    ivs[vectorLoop] = op.getInductionVar();
    if (masked)
      shape.mask = vector::CreateMaskOp::create(
          inside, loc, shape.vectorOf(b.getI1Type()),
          ValueRange{
              arith::SubIOp::create(inside, loc, end, op.getInductionVar())});
    parallelTile(inside, shape, by);
  };
  // What is left of a loop by `step`.
  auto whole = [&](int64_t step) -> Value {
    if (auto constant = getConstantIntValue(size))
      return value(b, b.getIndexAttr(*constant - *constant % step));
    Value rest =
        arith::RemUIOp::create(b, loc, end, value(b, b.getIndexAttr(step)));
    return arith::SubIOp::create(b, loc, end, rest);
  };
  LaneShape shape = {lanes, Value()};
  Value done = whole(unroll * lanes);
  loop(zero, done, unroll, shape, false);
  auto isDone = [&] {
    auto to = getConstantIntValue(done), from = getConstantIntValue(size);
    return to && from && *to == *from;
  };
  if (isDone())
    return;
  if (!scalarTail)
    return loop(done, end, 1, shape, true);
  if (unroll > 1) {
    Value next = whole(lanes);
    loop(done, next, 1, shape, false);
    done = next;
  }
  if (!isDone())
    loop(done, end, 1, {1, Value()}, false);
}

//===----------------------------------------------------------------------===//
// Along a reduction loop
//===----------------------------------------------------------------------===//

void VectorLoops::alongReduction(OpBuilder &b) {
  unsigned results = summed.size();
  LaneShape shape = {lanes, Value()};
  Value zero = value(b, b.getIndexAttr(0));
  OpFoldResult size = nest->loops[vectorLoop].size;
  Value end = value(b, size);
  auto whole = [&](int64_t step) -> Value {
    if (auto constant = getConstantIntValue(size))
      return value(b, b.getIndexAttr(*constant - *constant % step));
    Value rest =
        arith::RemUIOp::create(b, loc, end, value(b, b.getIndexAttr(step)));
    return arith::SubIOp::create(b, loc, end, rest);
  };
  auto isDone = [&](Value done) {
    auto to = getConstantIntValue(done), from = getConstantIntValue(size);
    return to && from && *to == *from;
  };
  // Partial results: `unroll` vectors per result, then scalars for a tail that
  // cannot be masked.
  Values sums;
  for (int64_t part = 0; part < unroll + scalarTail; ++part)
    for (unsigned result : summed) {
      TypedAttr none = neutral(b, combiners[result].kind, sumTypes[result]);
      if (part < unroll) {
        VectorType type = shape.vectorOf(sumTypes[result]);
        none = DenseElementsAttr::get(type, Attribute(none));
      }
      sums.push_back(arith::ConstantOp::create(b, loc, none));
    }
  auto loop = [&](OpBuilder &b, Value from, Value to, int64_t parts,
                  unsigned first, LaneShape shape, bool masked, Values &sums) {
    auto some = MutableArrayRef(sums).slice(first * results, parts * results);
    auto op = scf::ForOp::create(b, loc, from, to,
                                 value(b, b.getIndexAttr(parts * shape.lanes)),
                                 ValueRange(ArrayRef<Value>(some)));
    OpBuilder inside = OpBuilder::atBlockEnd(op.getBody());
    ivs[vectorLoop] = op.getInductionVar();
    if (masked)
      shape.mask = vector::CreateMaskOp::create(
          inside, loc, shape.vectorOf(b.getI1Type()),
          ValueRange{
              arith::SubIOp::create(inside, loc, end, op.getInductionVar())});
    Values carried = llvm::to_vector_of<Value>(op.getRegionIterArgs()), next;
    for (int64_t part = 0; part < parts; ++part)
      for (Lanes lanes : step(inside, shape, part * shape.lanes,
                              ArrayRef(carried).slice(part * results, results)))
        next.push_back(lanes.value);
    scf::YieldOp::create(inside, loc, next);
    llvm::copy(op.getResults(), some.begin());
  };
  SmallVector<unsigned> inside(inner);
  inside.push_back(vectorLoop);
  ivs[vectorLoop] = zero;
  for (unsigned reduction : inner)
    ivs[reduction] = zero;
  hoist(b, inside);
  Value full = whole(unroll * lanes), vectors = whole(lanes);
  sums = carry(b, inner, sums, [&](OpBuilder &b, Values sums) {
    loop(b, zero, full, unroll, 0, shape, false, sums);
    if (isDone(full))
      return sums;
    if (!scalarTail) {
      loop(b, full, end, 1, 0, shape, true, sums);
      return sums;
    }
    if (unroll > 1)
      loop(b, full, vectors, 1, 0, shape, false, sums);
    if (!isDone(vectors))
      loop(b, vectors, end, 1, unroll, {1, Value()}, false, sums);
    return sums;
  });
  for (auto [sum, result] : llvm::enumerate(summed)) {
    auto part = [&, sum = sum](int64_t number) {
      return sums[number * results + sum];
    };
    Value total = part(0);
    for (int64_t number = 1; number < unroll; ++number)
      total = combine(b, result, {lanes, Value()}, total, part(number));
    total = vector::ReductionOp::create(b, loc, combiners[result].kind, total,
                                        arith::FastMathFlags::reassoc);
    if (scalarTail)
      total = combine(b, result, {1, Value()}, total, part(unroll));
    unsigned operand = inputs() + result;
    Value buffer = nest->accesses[operand]->buffer.memref;
    Value at = position(b, operand);
    Value old = start(b, result, memref::LoadOp::create(b, loc, buffer, at));
    total = combine(b, result, {1, Value()}, old, total);
    memref::StoreOp::create(b, loc, narrow(b, result, total), buffer, at);
  }
}

LogicalResult VectorLoops::lower() {
  if (!op.hasPureBufferSemantics() || !LaneBody::isVectorizable(op))
    return failure();
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (type && (!type.isStrided() || type.getMemorySpace() ||
                 type.getElementType().isInteger(1)))
      return failure();
  }
  if (llvm::any_of(op.getDpsInits(),
                   [](Value init) { return !isa<MemRefType>(init.getType()); }))
    return failure();
  if (llvm::is_contained(op.getStaticLoopRanges(), 0)) {
    op.erase();
    return success();
  }
  OpBuilder b(op);
  Operation *before = op->getPrevNode();
  nest.emplace(b, op);
  auto abandon = [&] {
    // What the views took.
    while (op->getPrevNode() != before)
      op->getPrevNode()->erase();
    return failure();
  };
  if (isReduction() && matchCombiners())
    for (Combiner &combiner : combiners)
      if (combiner.op)
        skip.insert(combiner.op);
  for (unsigned result = 0; result < op.getNumDpsInits(); ++result)
    if (combiners.empty() || combiners[result].op)
      summed.push_back(result);
  for (Value init : op.getDpsInits()) {
    Type type = getElementTypeOrSelf(init.getType());
    bool isNarrow = !combiners.empty() && (type.isF16() || type.isBF16());
    sumTypes.push_back(isNarrow ? b.getF32Type() : type);
  }
  if (!choose())
    return abandon();
  body.prepare(b);
  ivs.assign(nest->loops.size(), value(b, b.getIndexAttr(0)));
  std::optional<unsigned> across = transposedLoop();
  if (across) {
    llvm::erase(outer, *across);
    lanes = std::min<int64_t>(lanes, 16);
  }
  std::optional<unsigned> among = across ? std::nullopt : interleavedLoop();
  if (among)
    llvm::erase(outer, *among);
  forLoops(b, outer, [&](OpBuilder &b) {
    if (across)
      transpose(b, *across);
    else if (among)
      interleave(b, *among);
    else if (nest->loops[vectorLoop].reduction)
      alongReduction(b);
    else
      alongParallel(b);
  });
  op.erase();
  return success();
}
