//===- LaneBody.cpp - the body of a linalg op on vector lanes -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace plait;

bool LaneBody::isVectorizable(linalg::GenericOp op) {
  auto isElement = [](Type type) { return type.isIntOrIndexOrFloat(); };
  auto isElements = [&](ValueRange values) {
    return llvm::all_of(values.getTypes(), isElement);
  };
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (isa<linalg::IndexOp, arith::ConstantOp>(inner))
      continue;
    if (auto load = dyn_cast<memref::LoadOp>(inner)) {
      auto type = load.getMemRefType();
      if (op->isAncestor(load.getMemRef().getParentRegion()->getParentOp()) ||
          !isElement(type.getElementType()) || !type.isStrided())
        return false;
      continue;
    }
    // A power of integral exponent is a loop.
    if (!OpTrait::hasElementwiseMappableTraits(&inner) ||
        isa<math::FPowIOp, math::IPowIOp>(inner) ||
        !isElements(inner.getOperands()) || !isElements(inner.getResults()))
      return false;
  }
  return isElements(op.getBody()->getArguments());
}

void LaneBody::prepare(OpBuilder &b) {
  op.getBody()->walk([&](memref::LoadOp load) {
    if (!buffers.contains(load.getMemRef()))
      buffers[load.getMemRef()] =
          FlatBuffer::get(b, op.getLoc(), load.getMemRef());
  });
}

/// 0, step, 2 * step, ... as integers or indices.
static Value iota(OpBuilder &b, Location loc, VectorType type, int64_t step) {
  SmallVector<Attribute> numbers;
  for (int64_t lane = 0; lane < type.getNumElements(); ++lane) {
    unsigned width =
        type.getElementType().isIndex() ? 64 : type.getElementTypeBitWidth();
    APInt number(64, lane * step, /*isSigned=*/true);
    numbers.push_back(
        b.getIntegerAttr(type.getElementType(), number.sextOrTrunc(width)));
  }
  return arith::ConstantOp::create(b, loc,
                                   DenseElementsAttr::get(type, numbers));
}

Value LaneBody::toVector(OpBuilder &b, Location loc, LaneShape shape,
                         Lanes lanes) {
  if (shape.lanes == 1 || isa<VectorType>(lanes.value.getType()))
    return lanes.value;
  VectorType type = shape.vectorOf(lanes.value.getType());
  Value all = vector::BroadcastOp::create(b, loc, type, lanes.value);
  if (lanes.step == 0)
    return all;
  return arith::AddIOp::create(b, loc, all, iota(b, loc, type, lanes.step));
}

/// The distances of the lanes from the first, for a gather or scatter.
static Value distances(OpBuilder &b, Location loc, LaneShape shape,
                       OpFoldResult stride) {
  if (auto constant = getConstantIntValue(stride)) {
    bool isNarrow = llvm::isInt<31>(*constant * shape.lanes);
    Type type = isNarrow ? b.getI32Type() : Type(b.getI64Type());
    return iota(b, loc, shape.vectorOf(type), *constant);
  }
  VectorType type = shape.vectorOf(b.getIndexType());
  Value all = vector::BroadcastOp::create(b, loc, type, cast<Value>(stride));
  return arith::MulIOp::create(b, loc, all, iota(b, loc, type, 1));
}

static Value allLanes(OpBuilder &b, Location loc, LaneShape shape) {
  if (shape.mask)
    return shape.mask;
  VectorType type = shape.vectorOf(b.getI1Type());
  return arith::ConstantOp::create(b, loc, type,
                                   DenseElementsAttr::get(type, true));
}

static Value zeros(OpBuilder &b, Location loc, VectorType type) {
  return arith::ConstantOp::create(b, loc, type, b.getZeroAttr(type));
}

Lanes LaneBody::load(OpBuilder &b, Location loc, LaneShape shape, Value memref,
                     Value index, OpFoldResult stride) {
  if (shape.lanes == 1 || isConstantIntValue(stride, 0))
    return {memref::LoadOp::create(b, loc, memref, index)};
  VectorType type = shape.vectorOf(getElementTypeOrSelf(memref.getType()));
  if (!isConstantIntValue(stride, 1))
    return {vector::GatherOp::create(
        b, loc, type, memref, index, distances(b, loc, shape, stride),
        allLanes(b, loc, shape), zeros(b, loc, type))};
  if (!shape.mask)
    return {vector::LoadOp::create(b, loc, type, memref, index)};
  return {vector::MaskedLoadOp::create(b, loc, type, memref, index, shape.mask,
                                       zeros(b, loc, type))};
}

void LaneBody::store(OpBuilder &b, Location loc, LaneShape shape, Lanes lanes,
                     Value memref, Value index, OpFoldResult stride) {
  Value value = toVector(b, loc, shape, lanes);
  if (shape.lanes == 1)
    memref::StoreOp::create(b, loc, value, memref, index);
  else if (!isConstantIntValue(stride, 1))
    vector::ScatterOp::create(b, loc, /*result=*/Type(), memref, index,
                              distances(b, loc, shape, stride),
                              allLanes(b, loc, shape), value);
  else if (shape.mask)
    vector::MaskedStoreOp::create(b, loc, memref, index, shape.mask, value);
  else
    vector::StoreOp::create(b, loc, value, memref, index);
}

Lanes LaneBody::emitLoad(OpBuilder &b, LaneShape shape, Operation &load,
                         ArrayRef<Lanes> indices) {
  Location loc = load.getLoc();
  const FlatBuffer &buffer = buffers.at(cast<memref::LoadOp>(load).getMemRef());
  OpFoldResult first = b.getIndexAttr(0), stride = b.getIndexAttr(0);
  SmallVector<std::pair<Value, OpFoldResult>> vectors;
  for (auto [index, step] : llvm::zip(indices, buffer.strides)) {
    if (isa<VectorType>(index.value.getType())) {
      vectors.push_back({index.value, step});
      continue;
    }
    first = add(b, loc, first, multiply(b, loc, index.value, step));
    stride =
        add(b, loc, stride, multiply(b, loc, b.getIndexAttr(index.step), step));
  }
  Value start = getValueOrCreateConstantIndexOp(b, loc, first);
  if (vectors.empty())
    return LaneBody::load(b, loc, shape, buffer.memref, start, stride);
  Value at;
  for (auto [index, step] : vectors) {
    Value part = index;
    if (!isConstantIntValue(step, 1))
      part = arith::MulIOp::create(
          b, loc, part,
          vector::BroadcastOp::create(
              b, loc, part.getType(),
              getValueOrCreateConstantIndexOp(b, loc, step)));
    at = at ? arith::AddIOp::create(b, loc, at, part).getResult() : part;
  }
  if (!isConstantIntValue(stride, 0)) {
    Value straight =
        arith::IndexCastOp::create(b, loc, shape.vectorOf(b.getIndexType()),
                                   distances(b, loc, shape, stride));
    at = arith::AddIOp::create(b, loc, at, straight);
  }
  VectorType type = shape.vectorOf(buffer.element());
  return {vector::GatherOp::create(b, loc, type, buffer.memref, start, at,
                                   allLanes(b, loc, shape),
                                   zeros(b, loc, type))};
}

/// The step of `op`'s result where its operands are straight lines, if it
/// keeps them straight.
static std::optional<int64_t> stepOf(Operation &op, ArrayRef<Lanes> operands) {
  auto constant = [&](unsigned operand) -> std::optional<int64_t> {
    APInt number;
    if (!matchPattern(operands[operand].value, m_ConstantInt(&number)) ||
        !number.isSignedIntN(31))
      return std::nullopt;
    return number.getSExtValue();
  };
  if (isa<arith::AddIOp>(op))
    return operands[0].step + operands[1].step;
  if (isa<arith::SubIOp>(op))
    return operands[0].step - operands[1].step;
  if (isa<arith::MulIOp>(op)) {
    if (operands[1].step == 0)
      if (auto factor = constant(1))
        return operands[0].step * *factor;
    if (operands[0].step == 0)
      if (auto factor = constant(0))
        return operands[1].step * *factor;
    return std::nullopt;
  }
  // Arithmetic is modulo 2^width: what does not widen keeps lines straight.
  if (isa<arith::TruncIOp, arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
    auto width = [](Type type) {
      return type.isIndex() ? 64u : type.getIntOrFloatBitWidth();
    };
    if (width(op.getResult(0).getType()) <= width(op.getOperand(0).getType()))
      return operands[0].step;
  }
  return std::nullopt;
}

/// x / y for a vector and a scalar, rounded as a division is: x times 1 / y
/// with one step of correction (P. Markstein) where nothing overflows or
/// underflows, and a division of the whole vector where something might.
static Value divideByScalar(OpBuilder &b, Location loc, Value x, Value y) {
  using Predicate = arith::CmpFPredicate;
  auto type = cast<VectorType>(x.getType());
  Type element = type.getElementType();
  auto number = [&](OpBuilder &b, Type type, double value) -> Value {
    auto attr = b.getFloatAttr(element, value);
    if (auto vector = dyn_cast<VectorType>(type))
      return arith::ConstantOp::create(b, loc,
                                       DenseElementsAttr::get(vector, attr));
    return arith::ConstantOp::create(b, loc, attr);
  };
  auto spread = [&](OpBuilder &b, Value value) {
    return vector::BroadcastOp::create(b, loc, type, value);
  };
  auto compare = [&](OpBuilder &b, Predicate how, Value value, double with) {
    return arith::CmpFOp::create(b, loc, how, value,
                                 number(b, value.getType(), with));
  };
  auto between = [&](OpBuilder &b, Value value, double low, double high) {
    return arith::AndIOp::create(b, loc, compare(b, Predicate::OGT, value, low),
                                 compare(b, Predicate::OLT, value, high));
  };
  auto divide = [&](OpBuilder &b, Location loc) {
    Value result = arith::DivFOp::create(b, loc, x, spread(b, y));
    scf::YieldOp::create(b, loc, result);
  };
  Value size = math::AbsFOp::create(b, loc, y);
  Value inverse = arith::DivFOp::create(b, loc, number(b, element, 1.0), y);
  auto correct = [&](OpBuilder &b, Location loc) {
    Value quotient = arith::MulFOp::create(b, loc, x, spread(b, inverse));
    // Zeros and infinities need no correction: their rest is 0 or NaN.
    Value isPlain =
        between(b, math::AbsFOp::create(b, loc, quotient), 0x1p-100, 0x1p126);
    Value sizes = math::AbsFOp::create(b, loc, x);
    Value isExact =
        arith::OrIOp::create(b, loc, compare(b, Predicate::OEQ, sizes, 0.0),
                             compare(b, Predicate::OEQ, sizes,
                                     std::numeric_limits<double>::infinity()));
    Value all = vector::ReductionOp::create(
        b, loc, vector::CombiningKind::AND,
        arith::OrIOp::create(b, loc, isPlain, isExact));
    auto branch = scf::IfOp::create(
        b, loc, all,
        [&](OpBuilder &b, Location loc) {
          Value negative = arith::NegFOp::create(b, loc, y);
          Value rest =
              math::FmaOp::create(b, loc, quotient, spread(b, negative), x);
          Value better =
              math::FmaOp::create(b, loc, rest, spread(b, inverse), quotient);
          Value isInexact = compare(b, Predicate::ONE, rest, 0.0);
          Value result =
              arith::SelectOp::create(b, loc, isInexact, better, quotient);
          scf::YieldOp::create(b, loc, result);
        },
        divide);
    scf::YieldOp::create(b, loc, branch.getResult(0));
  };
  auto branch = scf::IfOp::create(b, loc, between(b, size, 0x1p-100, 0x1p100),
                                  correct, divide);
  return branch.getResult(0);
}

/// x * (1 / y), for a division with `arcp`.
static Value multiplyByInverse(OpBuilder &b, Location loc, Value x, Value y) {
  Value one =
      arith::ConstantOp::create(b, loc, b.getFloatAttr(y.getType(), 1.0));
  Value inverse = arith::DivFOp::create(b, loc, one, y);
  Value spread = vector::BroadcastOp::create(b, loc, x.getType(), inverse);
  return arith::MulFOp::create(b, loc, x, spread);
}

DenseMap<Value, Lanes>
LaneBody::emit(OpBuilder &b, LaneShape shape, DenseMap<Value, Lanes> values,
               function_ref<Lanes(unsigned)> indexOf,
               const llvm::SmallPtrSetImpl<Operation *> &skip) {
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (skip.contains(&inner))
      continue;
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      values[index] = indexOf(index.getDim());
      continue;
    }
    SmallVector<Lanes> operands;
    for (Value operand : inner.getOperands()) {
      auto known = values.find(operand);
      operands.push_back(known == values.end() ? Lanes{operand}
                                               : known->second);
    }
    if (isa<memref::LoadOp>(inner)) {
      values[inner.getResult(0)] =
          emitLoad(b, shape, inner, ArrayRef(operands).drop_front());
      continue;
    }
    bool equal = llvm::all_of(operands, [](Lanes &lanes) {
      return lanes.step == 0 && !isa<VectorType>(lanes.value.getType());
    });
    bool straight = llvm::all_of(operands, [](Lanes &lanes) {
      return !isa<VectorType>(lanes.value.getType());
    });
    std::optional<int64_t> step;
    if (equal || shape.lanes == 1)
      step = 0;
    else if (straight)
      step = stepOf(inner, operands);
    auto isScalar = [](Lanes lanes) {
      return !isa<VectorType>(lanes.value.getType());
    };
    if (isa<arith::DivFOp>(inner) && inner.getResult(0).getType().isF32() &&
        !step && isScalar(operands[1])) {
      auto division = cast<arith::DivFOp>(inner);
      bool inverts = bitEnumContainsAll(division.getFastmath(),
                                        arith::FastMathFlags::arcp);
      values[division] = {(inverts ? multiplyByInverse : divideByScalar)(
          b, inner.getLoc(), operands[0].value, operands[1].value)};
      continue;
    }
    IRMapping mapping;
    for (auto [operand, lanes] : llvm::zip(inner.getOperands(), operands))
      mapping.map(operand, step ? lanes.value
                                : toVector(b, inner.getLoc(), shape, lanes));
    Operation *copy = b.clone(inner, mapping);
    for (auto [result, copied] :
         llvm::zip(inner.getResults(), copy->getResults())) {
      if (!step)
        copied.setType(shape.vectorOf(copied.getType()));
      values[result] = {copied, step.value_or(0)};
    }
  }
  return values;
}
