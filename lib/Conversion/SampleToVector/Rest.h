//===- Rest.h - processors on a list -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the op's first places leave of a row is listed: a few candidates, or all
// of the row, which then stays in the cache. Every processor is some sums over
// the list and one round that keeps what it keeps, so that the list gets
// shorter. Edits need to find tokens: the list becomes a row again, is edited,
// and is listed anew.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_REST_H
#define PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_REST_H

#include "../SampleToLinalg/Emitter.h"
#include "Kernel.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace plait::sampling {

/// Emits the processors of an op's rest, one after the other.
class Kernel::Rest {
public:
  Rest(Kernel &k, const Listed &list, Num row, Num size, Num count)
      : k(k), e(k.e), list(list), row(row), size(size), count(count),
        exact(k.op.getLoc(), k.e), none(e.index(0)),
        floats(VectorType::get({k.lanes}, k.f32)),
        longs(VectorType::get({k.lanes}, k.i64)), nan(e.i32(0)) {}

  void run(ArrayRef<Num> operands);

  Kernel &k;
  Emitter &e;
  Listed list;
  Num row, size, count, best;

private:
  /// What a value of the chain, or one that the op is given, tells top-p.
  struct Full {
    Num best, mass;
    /// The logits, if those of the list may have been changed since.
    Num logits;
  };
  using Kept = function_ref<std::pair<Num, Num>(Num at, Num value)>;

  sample::Emitter &scalar() {
    exact.restoreInsertionPoint(e.saveInsertionPoint());
    return exact;
  }
  Num wide(Num words) {
    auto type = VectorType::get({k.lanes}, k.i64);
    return e.num(arith::ExtSIOp::create(e, type, words));
  }
  Num isNaN(Num value) {
    return e.compare(arith::CmpFPredicate::UNO, value, value);
  }
  Num alloc(Type element) {
    Value length = size + (groupSize + padding);
    return e.num(
        memref::AllocOp::create(e, buffer(1, element), ValueRange{length}));
  }

  // Rest.cpp: rounds over the list, and chains.
  Nums sum(ArrayRef<Type> types, function_ref<Nums(Num at, Num value)> more);
  Num greatest(Num values, Num count);
  Num mass() { return k.massOf(list, count, best); }
  Num mean(Num mass);
  Num keep(Kept kept);
  Num keepWhere(function_ref<Num(Num at, Num value)> in);
  Num keepWeighing(Num least);
  Num keepPrefix(Num order, Num low, Num high, Num target, bool keepTies);
  /// The count that `on` leaves, but where the parameter is a NaN, or the
  /// processor is off.
  void process(Num parameter, Num off, function_ref<Num()> on);

  void know(Value logits);
  Full fullOf(Num logits);
  void edit(EditRun run, ArrayRef<Num> operands);

  // Processors.cpp: what each keeps of the list, and its count.
  void change(sample::TemperatureOp op, Num t);
  void change(sample::TopKOp op, Num k);
  void change(sample::TopPOp op, Num p, Num given);
  void change(sample::MinPOp op, Num p);
  void change(sample::TypicalPOp op, Num p);
  void change(sample::TopNSigmaOp op, Num n);
  void change(sample::XtcOp op, Num probability, Num threshold, Num bits);
  void change(sample::EpsilonOp op, Num epsilon);
  void change(sample::EtaOp op, Num epsilon);
  Num temperature(sample::DynamicTemperatureOp op, Num low, Num high,
                  Num exponent);

  sample::Emitter exact;
  Num none;
  VectorType floats, longs;
  llvm::DenseMap<Value, Full> fulls;
  llvm::DenseMap<Value, Num> temperatures;

public:
  Num nan;
};

} // namespace plait::sampling

#endif // PLAIT_LIB_CONVERSION_SAMPLETOVECTOR_REST_H
