//===- Emit.h - arithmetic and loops, written as one reads them -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A `Num` is a scalar or a vector; its operators emit the `arith` operation of
// its element type, and a C++ number or a scalar beside a vector is splatted.
// No operation carries a fast-math flag: every f32 operation is one rounding.
// Integers are unsigned unless a name says otherwise.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_EMIT_H
#define PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_EMIT_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace plait::sampling {

using namespace mlir;

class Emitter;

struct Num {
  Emitter *e = nullptr;
  Value value;

  operator Value() const { return value; }
  Type type() const { return value.getType(); }
};

using Nums = SmallVector<Num>;

class Emitter : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  Num num(Value value) { return {this, value}; }
  /// A number of `type`, in every lane if that is a vector.
  Num constant(Type type, double value);
  Num index(int64_t value) { return constant(getIndexType(), value); }
  Num i64(int64_t value) { return constant(getI64Type(), value); }
  Num i32(int64_t value) { return constant(getI32Type(), value); }
  Num f32(double value) { return constant(getF32Type(), value); }
  /// `value` as an operand beside one of type `like`.
  Num fit(Num value, Type like);
  /// An integer or index as another integer type, zero-extended.
  Num to(Num value, Type type);
  Num select(Num condition, Num yes, Num no);
  Num compare(arith::CmpFPredicate predicate, Num a, Num b);
  Num compare(arith::CmpIPredicate predicate, Num a, Num b);
  /// `a` where it is greater, else `b`: a NaN in `a` is passed over.
  Num max(Num a, Num b);
  Num bitcast(Num value, Type type);
  /// The high 64 bits of a product.
  Num mulhi(Num a, Num b);

  using LoopBody = function_ref<Nums(Num at, Nums carried)>;
  Nums loop(Num from, Num to, int64_t step, Nums start, LoopBody body);
  void loop(Num from, Num to, int64_t step, function_ref<void(Num)> body);
  /// While `condition` of what is carried: `body`.
  Nums loopWhile(Nums start, function_ref<Num(Nums)> condition,
                 function_ref<Nums(Nums)> body);
  Nums choose(Num condition, TypeRange types, function_ref<Nums()> yes,
              function_ref<Nums()> no);
  void when(Num condition, function_ref<void()> yes);

  Nums nums(ValueRange values);
};

Num operator+(Num a, Num b);
Num operator-(Num a, Num b);
Num operator*(Num a, Num b);
/// Correctly rounded for floats.
Num operator/(Num a, Num b);
Num operator%(Num a, Num b);
Num operator&(Num a, Num b);
Num operator|(Num a, Num b);
Num operator^(Num a, Num b);
Num operator<<(Num a, Num b);
Num operator>>(Num a, Num b);
Num operator<(Num a, Num b);
Num operator<=(Num a, Num b);
Num operator>(Num a, Num b);
Num operator>=(Num a, Num b);
Num operator==(Num a, Num b);

#define PLAIT_WITH_NUMBER(op)                                                  \
  inline Num operator op(Num a, int64_t b) {                                   \
    return a op a.e->constant(a.type(), b);                                    \
  }
PLAIT_WITH_NUMBER(+)
PLAIT_WITH_NUMBER(-)
PLAIT_WITH_NUMBER(*)
PLAIT_WITH_NUMBER(/)
PLAIT_WITH_NUMBER(%)
PLAIT_WITH_NUMBER(&)
PLAIT_WITH_NUMBER(|)
PLAIT_WITH_NUMBER(^)
PLAIT_WITH_NUMBER(<<)
PLAIT_WITH_NUMBER(>>)
PLAIT_WITH_NUMBER(<)
PLAIT_WITH_NUMBER(<=)
PLAIT_WITH_NUMBER(>)
PLAIT_WITH_NUMBER(>=)
PLAIT_WITH_NUMBER(==)
#undef PLAIT_WITH_NUMBER

} // namespace plait::sampling

#endif // PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_EMIT_H
