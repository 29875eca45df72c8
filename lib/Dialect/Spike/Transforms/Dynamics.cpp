//===- Dynamics.cpp - the arithmetic of one step of a neuron --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Spike/Transforms/Dynamics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace plait::spike;

namespace {

/// Arithmetic on scalars or vectors, in the order it is called.
struct Emitter {
  ImplicitLocOpBuilder &b;
  const Dynamics &dynamics;
  const Parameters &p;

  Value add(Value l, Value r) { return arith::AddFOp::create(b, l, r); }
  Value sub(Value l, Value r) { return arith::SubFOp::create(b, l, r); }
  Value mul(Value l, Value r) { return arith::MulFOp::create(b, l, r); }
  Value select(Value c, Value l, Value r) {
    return arith::SelectOp::create(b, c, l, r);
  }
  Value constant(Type type, double value) {
    FloatAttr number = b.getFloatAttr(getElementTypeOrSelf(type), value);
    if (auto vector = dyn_cast<VectorType>(type))
      return arith::ConstantOp::create(b,
                                       DenseElementsAttr::get(vector, number));
    return arith::ConstantOp::create(b, number);
  }

  /// The part of `y` that a step of a Euler integrator takes.
  Value part(Value y) {
    return p[Tau] ? arith::DivFOp::create(b, y, p[Tau]) : mul(p[Decay], y);
  }

  Value driveOf(Value x) { return x && p[Gain] ? mul(p[Gain], x) : x; }

  /// Where a drive that is held leads the potential to, if not to zero.
  Value restOf(Value x) {
    Value drive = driveOf(x);
    return drive && p[Leak] ? add(p[Leak], drive) : drive ? drive : p[Leak];
  }

  Value integrate(Value x, Value v) {
    if (dynamics.integrator == Integrator::Exponential) {
      Value rest = restOf(x);
      if (!rest)
        return mul(p[Decay], v);
      return add(rest, mul(p[Decay], sub(v, rest)));
    }
    Value drive = driveOf(x);
    auto driven = [&](Value u) { return drive ? add(u, drive) : u; };
    auto fromLeak = [&](Value u) { return p[Leak] ? sub(u, p[Leak]) : u; };
    auto toLeak = [&](Value u) { return p[Leak] ? add(p[Leak], u) : u; };
    switch (dynamics.integrator) {
    case Integrator::Euler: {
      if (p[Leak])
        return add(v, part(driven(sub(p[Leak], v))));
      if (drive)
        return add(v, part(sub(drive, v)));
      return sub(v, part(v));
    }
    case Integrator::EulerImpulse:
      return driven(p[Leak] ? add(v, part(sub(p[Leak], v))) : sub(v, part(v)));
    case Integrator::Impulse:
      return driven(p[Decay] ? toLeak(mul(p[Decay], fromLeak(v))) : v);
    case Integrator::Exponential:
      break;
    }
    llvm_unreachable("every integrator is above");
  }

  Value fires(Value v) {
    auto predicate = dynamics.compare == Compare::Gt
                         ? arith::CmpFPredicate::OGT
                         : arith::CmpFPredicate::OGE;
    return arith::CmpFOp::create(b, predicate, v, p[Threshold]);
  }

  Value toFloat(Value bits, Type type) {
    return select(bits, constant(type, 1), constant(type, 0));
  }

  /// `v`, which fired where `bits` are set (`count` times), after its reset.
  Value afterReset(Value v, Value bits, Value count) {
    if (dynamics.reset == Reset::Subtract)
      return sub(v, mul(count, p[Threshold]));
    return select(bits,
                  p[ResetValue] ? p[ResetValue] : constant(v.getType(), 0), v);
  }

  /// `u`, integrated from `v`, which where `bits` are set met the threshold on
  /// the way, was reset there, and integrated on for what was left of the step.
  Value afterCrossing(Value x, Value v, Value u, Value bits) {
    Type type = v.getType();
    Value rest = restOf(x), zero = constant(type, 0);
    rest = rest ? rest : zero;
    Value to = p[ResetValue] ? p[ResetValue] : zero;
    Value left =
        arith::DivFOp::create(b, sub(u, rest), sub(p[Threshold], rest));
    left = select(fires(v), p[Decay], left);
    return select(bits, add(rest, mul(sub(to, rest), left)), u);
  }

  Stepped step(Value x, Value v, Value left) {
    if (!p[Threshold]) {
      Value u = atLeastMinimum(integrate(x, v));
      return {Value(), u, u, Value()};
    }
    Type type = v.getType();
    Stepped s;
    bool crossing = dynamics.moment == Moment::Crossing;
    if (dynamics.moment == Moment::Now || crossing) {
      Value u = integrate(x, v);
      s.fired = fires(u);
      if (left) {
        Value free = arith::CmpFOp::create(b, arith::CmpFPredicate::OLE, left,
                                           constant(type, 0));
        s.fired = arith::AndIOp::create(b, s.fired, free);
        u = select(free, u, v);
        Value less = arith::MaximumFOp::create(b, sub(left, constant(type, 1)),
                                               constant(type, 0));
        s.left = select(s.fired, p[Refractory], less);
      }
      s.out = toFloat(s.fired, type);
      if (dynamics.multiSpike) {
        Value often =
            math::FloorOp::create(b, arith::DivFOp::create(b, u, p[Threshold]));
        s.out = select(s.fired, often, constant(type, 0));
      }
      s.v = atLeastMinimum(crossing ? afterCrossing(x, v, u, s.fired)
                                    : afterReset(u, s.fired, s.out));
      return s;
    }
    Value before = fires(v), count = toFloat(before, type);
    Value u = dynamics.moment == Moment::Next
                  ? afterReset(integrate(x, v), before, count)
                  : integrate(x, afterReset(v, before, count));
    s.v = atLeastMinimum(u);
    s.fired = fires(s.v);
    s.out = toFloat(s.fired, type);
    return s;
  }

  Value atLeastMinimum(Value v) {
    return p[Minimum] ? arith::MaximumFOp::create(b, v, p[Minimum]).getResult()
                      : v;
  }
};

} // namespace

Stepped plait::spike::emitStep(ImplicitLocOpBuilder &b,
                               const Dynamics &dynamics, Value x, Value v,
                               Value left, const Parameters &parameters) {
  return Emitter{b, dynamics, parameters}.step(x, v, left);
}
