//===- Emit.cpp - arithmetic and loops, written as one reads them -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

using namespace plait::sampling;

static bool isFloat(Type type) {
  return isa<FloatType>(getElementTypeOrSelf(type));
}

Num Emitter::constant(Type type, double value) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr scalar = isFloat(type)
                         ? TypedAttr(getFloatAttr(element, value))
                         : TypedAttr(getIntegerAttr(element, int64_t(value)));
  if (auto vector = dyn_cast<VectorType>(type))
    scalar = SplatElementsAttr::get(vector, Attribute(scalar));
  return num(arith::ConstantOp::create(*this, scalar));
}

Num Emitter::fit(Num value, Type like) {
  auto vector = dyn_cast<VectorType>(like);
  if (!vector || isa<VectorType>(value.type()))
    return value;
  auto type = VectorType::get(vector.getShape(), value.type());
  return num(vector::BroadcastOp::create(*this, type, value));
}

Num Emitter::to(Num value, Type type) {
  Type from = getElementTypeOrSelf(value.type());
  if (auto vector = dyn_cast<VectorType>(value.type()))
    type = VectorType::get(vector.getShape(), type);
  Type into = getElementTypeOrSelf(type);
  if (from == into)
    return value;
  if (isa<IndexType>(from) || isa<IndexType>(into))
    return num(arith::IndexCastUIOp::create(*this, type, value));
  if (from.getIntOrFloatBitWidth() < into.getIntOrFloatBitWidth())
    return num(arith::ExtUIOp::create(*this, type, value));
  return num(arith::TruncIOp::create(*this, type, value));
}

Num Emitter::select(Num condition, Num yes, Num no) {
  Type like = isa<VectorType>(yes.type()) ? yes.type() : no.type();
  yes = fit(yes, like);
  no = fit(no, like);
  return num(arith::SelectOp::create(*this, condition, yes, no));
}

Num Emitter::compare(arith::CmpFPredicate predicate, Num a, Num b) {
  return num(arith::CmpFOp::create(*this, predicate, fit(a, b.type()),
                                   fit(b, a.type())));
}

Num Emitter::compare(arith::CmpIPredicate predicate, Num a, Num b) {
  return num(arith::CmpIOp::create(*this, predicate, fit(a, b.type()),
                                   fit(b, a.type())));
}

Num Emitter::max(Num a, Num b) { return select(a > b, a, b); }

Num Emitter::bitcast(Num value, Type type) {
  if (isa<VectorType>(value.type()))
    return num(vector::BitCastOp::create(*this, type, value));
  return num(arith::BitcastOp::create(*this, type, value));
}

Num Emitter::mulhi(Num a, Num b) {
  return num(arith::MulUIExtendedOp::create(*this, a, b).getHigh());
}

Nums Emitter::nums(ValueRange values) {
  return llvm::map_to_vector(values, [&](Value value) { return num(value); });
}

static SmallVector<Value> valuesOf(const Nums &nums) {
  return llvm::map_to_vector(nums, [](Num num) { return num.value; });
}

Nums Emitter::loop(Num from, Num to, int64_t step, Nums start, LoopBody body) {
  auto loop = scf::ForOp::create(*this, from, to, index(step), valuesOf(start));
  OpBuilder::InsertionGuard guard(*this);
  // A loop without results already has its terminator.
  if (start.empty())
    setInsertionPoint(loop.getBody()->getTerminator());
  else
    setInsertionPointToEnd(loop.getBody());
  Nums next = body(num(loop.getInductionVar()), nums(loop.getRegionIterArgs()));
  if (!start.empty())
    scf::YieldOp::create(*this, valuesOf(next));
  return nums(loop.getResults());
}

void Emitter::loop(Num from, Num to, int64_t step,
                   function_ref<void(Num)> body) {
  (void)loop(from, to, step, {}, [&](Num at, Nums) {
    body(at);
    return Nums();
  });
}

Nums Emitter::loopWhile(Nums start, function_ref<Num(Nums)> condition,
                        function_ref<Nums(Nums)> body) {
  SmallVector<Value> initial = valuesOf(start);
  auto loop = scf::WhileOp::create(
      *this, ValueRange(initial).getTypes(), initial,
      [&](OpBuilder &b, Location, ValueRange carried) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
        scf::ConditionOp::create(*this, condition(nums(carried)), carried);
      },
      [&](OpBuilder &b, Location, ValueRange carried) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
        scf::YieldOp::create(*this, valuesOf(body(nums(carried))));
      });
  return nums(loop.getResults());
}

Nums Emitter::choose(Num condition, TypeRange types, function_ref<Nums()> yes,
                     function_ref<Nums()> no) {
  auto branch = scf::IfOp::create(*this, types, condition,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  auto fill = [&](Region &region, function_ref<Nums()> body) {
    // A branch without results already has its terminator.
    if (types.empty())
      return setInsertionPoint(region.front().getTerminator()), void(body());
    setInsertionPointToEnd(&region.front());
    scf::YieldOp::create(*this, valuesOf(body()));
  };
  fill(branch.getThenRegion(), yes);
  fill(branch.getElseRegion(), no);
  return nums(branch.getResults());
}

void Emitter::when(Num condition, function_ref<void()> yes) {
  auto branch = scf::IfOp::create(*this, TypeRange(), condition,
                                  /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPoint(branch.thenYield());
  yes();
}

namespace plait::sampling {

template <typename IntOp, typename FloatOp>
static Num arithmetic(Num a, Num b) {
  Emitter &e = *a.e;
  a = e.fit(a, b.type());
  b = e.fit(b, a.type());
  if (isFloat(a.type()))
    return e.num(FloatOp::create(e, a, b));
  return e.num(IntOp::create(e, a, b));
}

template <typename Op> static Num integers(Num a, Num b) {
  Emitter &e = *a.e;
  return e.num(Op::create(e, e.fit(a, b.type()), e.fit(b, a.type())));
}

Num operator+(Num a, Num b) {
  return arithmetic<arith::AddIOp, arith::AddFOp>(a, b);
}
Num operator-(Num a, Num b) {
  return arithmetic<arith::SubIOp, arith::SubFOp>(a, b);
}
Num operator*(Num a, Num b) {
  return arithmetic<arith::MulIOp, arith::MulFOp>(a, b);
}
Num operator/(Num a, Num b) {
  return arithmetic<arith::DivUIOp, arith::DivFOp>(a, b);
}
Num operator%(Num a, Num b) { return integers<arith::RemUIOp>(a, b); }
Num operator&(Num a, Num b) { return integers<arith::AndIOp>(a, b); }
Num operator|(Num a, Num b) { return integers<arith::OrIOp>(a, b); }
Num operator^(Num a, Num b) { return integers<arith::XOrIOp>(a, b); }
Num operator<<(Num a, Num b) { return integers<arith::ShLIOp>(a, b); }
Num operator>>(Num a, Num b) { return integers<arith::ShRUIOp>(a, b); }

static Num compare(Num a, Num b, arith::CmpFPredicate f,
                   arith::CmpIPredicate i) {
  return isFloat(a.type()) ? a.e->compare(f, a, b) : a.e->compare(i, a, b);
}

Num operator<(Num a, Num b) {
  return compare(a, b, arith::CmpFPredicate::OLT, arith::CmpIPredicate::ult);
}
Num operator<=(Num a, Num b) {
  return compare(a, b, arith::CmpFPredicate::OLE, arith::CmpIPredicate::ule);
}
Num operator>(Num a, Num b) {
  return compare(a, b, arith::CmpFPredicate::OGT, arith::CmpIPredicate::ugt);
}
Num operator>=(Num a, Num b) {
  return compare(a, b, arith::CmpFPredicate::OGE, arith::CmpIPredicate::uge);
}
Num operator==(Num a, Num b) {
  return compare(a, b, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq);
}

} // namespace plait::sampling
