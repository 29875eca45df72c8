//===- Emit.h - loops and folded index arithmetic -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the kernels of this folder are written with: an index is an
// `OpFoldResult`, arithmetic on constants makes no ops, and a loop that runs
// once is its body.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_LINALGTOVECTOR_EMIT_H
#define PLAIT_LIB_CONVERSION_LINALGTOVECTOR_EMIT_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace plait::contraction {

using namespace mlir;

class Emitter : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  OpFoldResult constant(int64_t value) { return getIndexAttr(value); }
  Value value(OpFoldResult index);
  OpFoldResult add(OpFoldResult x, OpFoldResult y);
  OpFoldResult add(OpFoldResult x, int64_t y) { return add(x, constant(y)); }
  OpFoldResult sub(OpFoldResult x, OpFoldResult y);
  OpFoldResult mul(OpFoldResult x, OpFoldResult y);
  OpFoldResult mul(OpFoldResult x, int64_t y) { return mul(x, constant(y)); }
  OpFoldResult div(OpFoldResult x, OpFoldResult y);
  OpFoldResult rem(OpFoldResult x, OpFoldResult y);
  OpFoldResult min(OpFoldResult x, OpFoldResult y);
  /// `x` rounded up to a multiple of `multiple`.
  OpFoldResult roundUp(OpFoldResult x, int64_t multiple);
  /// `x` rounded down to a multiple of `multiple`.
  OpFoldResult roundDown(OpFoldResult x, int64_t multiple);
  Value less(OpFoldResult x, OpFoldResult y);

  Value splat(Type element, int64_t lanes, int64_t value = 0);

  /// for (iv = from; iv < to; iv += step), carrying `init`. `to - from` need
  /// not be a multiple of `step`.
  using LoopBody = function_ref<SmallVector<Value>(OpFoldResult, ValueRange)>;
  SmallVector<Value> loop(OpFoldResult from, OpFoldResult to, int64_t step,
                          ValueRange init, LoopBody body);
  void loop(OpFoldResult from, OpFoldResult to, int64_t step,
            function_ref<void(OpFoldResult)> body);

  /// A condition that may be known now.
  struct Condition {
    Value value;
    bool known = false;
  };
  using Branch = function_ref<SmallVector<Value>()>;
  SmallVector<Value> choose(Condition condition, TypeRange types, Branch yes,
                            Branch no);
};

} // namespace plait::contraction

#endif // PLAIT_LIB_CONVERSION_LINALGTOVECTOR_EMIT_H
