//===- Emit.cpp - loops and folded index arithmetic -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace plait::contraction;

Value Emitter::value(OpFoldResult index) {
  return getValueOrCreateConstantIndexOp(*this, getLoc(), index);
}

OpFoldResult Emitter::add(OpFoldResult x, OpFoldResult y) {
  auto a = getConstantIntValue(x), b = getConstantIntValue(y);
  if (a && b)
    return constant(*a + *b);
  if (a == 0)
    return y;
  if (b == 0)
    return x;
  return arith::AddIOp::create(*this, value(x), value(y)).getResult();
}

OpFoldResult Emitter::sub(OpFoldResult x, OpFoldResult y) {
  auto a = getConstantIntValue(x), b = getConstantIntValue(y);
  if (a && b)
    return constant(*a - *b);
  if (b == 0)
    return x;
  return arith::SubIOp::create(*this, value(x), value(y)).getResult();
}

OpFoldResult Emitter::mul(OpFoldResult x, OpFoldResult y) {
  auto a = getConstantIntValue(x), b = getConstantIntValue(y);
  if (a && b)
    return constant(*a * *b);
  if (a == 0 || b == 0)
    return constant(0);
  if (a == 1)
    return y;
  if (b == 1)
    return x;
  return arith::MulIOp::create(*this, value(x), value(y)).getResult();
}

OpFoldResult Emitter::div(OpFoldResult x, OpFoldResult y) {
  auto a = getConstantIntValue(x), b = getConstantIntValue(y);
  if (a && b)
    return constant(*a / *b);
  if (b == 1)
    return x;
  return arith::DivUIOp::create(*this, value(x), value(y)).getResult();
}

OpFoldResult Emitter::rem(OpFoldResult x, OpFoldResult y) {
  auto a = getConstantIntValue(x), b = getConstantIntValue(y);
  if (a && b)
    return constant(*a % *b);
  if (b == 1)
    return constant(0);
  return arith::RemUIOp::create(*this, value(x), value(y)).getResult();
}

OpFoldResult Emitter::min(OpFoldResult x, OpFoldResult y) {
  auto a = getConstantIntValue(x), b = getConstantIntValue(y);
  if (a && b)
    return constant(std::min(*a, *b));
  return arith::MinSIOp::create(*this, value(x), value(y)).getResult();
}

OpFoldResult Emitter::roundDown(OpFoldResult x, int64_t multiple) {
  return sub(x, rem(x, constant(multiple)));
}

OpFoldResult Emitter::roundUp(OpFoldResult x, int64_t multiple) {
  return roundDown(add(x, multiple - 1), multiple);
}

Value Emitter::less(OpFoldResult x, OpFoldResult y) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, value(x),
                               value(y));
}

Value Emitter::splat(Type element, int64_t lanes, int64_t value) {
  auto type = VectorType::get({lanes}, element);
  Attribute scalar = isa<FloatType>(element)
                         ? Attribute(getFloatAttr(element, double(value)))
                         : Attribute(getIntegerAttr(element, value));
  return arith::ConstantOp::create(*this, type,
                                   DenseElementsAttr::get(type, scalar));
}

SmallVector<Value> Emitter::loop(OpFoldResult from, OpFoldResult to,
                                 int64_t step, ValueRange init, LoopBody body) {
  auto first = getConstantIntValue(from), last = getConstantIntValue(to);
  if (first && last && *first >= *last)
    return init;
  if (first && last && *first + step >= *last)
    return body(from, init);
  auto loop = scf::ForOp::create(*this, value(from), value(to),
                                 value(constant(step)), init);
  OpBuilder::InsertionGuard guard(*this);
  // A loop without results already has its terminator.
  if (init.empty()) {
    setInsertionPoint(loop.getBody()->getTerminator());
    (void)body(loop.getInductionVar(), {});
    return {};
  }
  setInsertionPointToEnd(loop.getBody());
  scf::YieldOp::create(*this,
                       body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return llvm::to_vector_of<Value>(loop.getResults());
}

void Emitter::loop(OpFoldResult from, OpFoldResult to, int64_t step,
                   function_ref<void(OpFoldResult)> body) {
  (void)loop(from, to, step, {}, [&](OpFoldResult iv, ValueRange) {
    body(iv);
    return SmallVector<Value>();
  });
}

SmallVector<Value> Emitter::choose(Condition condition, TypeRange types,
                                   Branch yes, Branch no) {
  if (!condition.value)
    return condition.known ? yes() : no();
  auto branch = scf::IfOp::create(*this, types, condition.value,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  auto fill = [&](Block &block, Branch body) {
    if (types.empty()) {
      setInsertionPoint(block.getTerminator());
      (void)body();
      return;
    }
    setInsertionPointToEnd(&block);
    scf::YieldOp::create(*this, body());
  };
  fill(branch.getThenRegion().front(), yes);
  fill(branch.getElseRegion().front(), no);
  return llvm::to_vector_of<Value>(branch.getResults());
}
