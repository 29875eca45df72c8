//===- Rows.cpp - rounds over a row -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait::sampling;

static Num sizeOf(Emitter &e, Num logits) {
  return e.num(memref::DimOp::create(e, logits, 1));
}

/// What a row has beyond its last whole group, filled up with -inf to be one;
/// written where it is `needed`.
Value Kernel::tailOf(Num logits, Num row, Num needed) {
  Value tail = memref::AllocaOp::create(
      e, MemRefType::get({groupSize}, element), e.getI64IntegerAttr(64));
  e.when(needed, [&] {
    Num size = sizeOf(e, logits);
    Num first = size - size % groupSize;
    auto vector = VectorType::get({lanes}, element);
    e.loop(e.index(0), e.index(groupSize), lanes, [&](Num at) {
      store(e.constant(vector, -INFINITY), e.num(tail), at);
    });
    e.loop(first, size, 1, [&](Num at) {
      store(loadScalar(logits, {row, at}), e.num(tail), at - first);
    });
  });
  return tail;
}

/// The logits of a group, of which the last may be the tail.
Value Kernel::groupOf(Num logits, Num row, Value tail, Num group) {
  Num whole = sizeOf(e, logits) / groupSize;
  SmallVector<OpFoldResult> at = {row.value, (group * groupSize).value};
  SmallVector<OpFoldResult> sizes = {e.getIndexAttr(1),
                                     e.getIndexAttr(groupSize)};
  SmallVector<OpFoldResult> ones(2, e.getIndexAttr(1));
  auto type = MemRefType::get(
      {groupSize}, element,
      StridedLayoutAttr::get(e.getContext(), ShapedType::kDynamic, {1}));
  Value view = memref::SubViewOp::create(e, type, logits, at, sizes, ones);
  return e.select(group < whole, e.num(view),
                  e.num(memref::CastOp::create(e, type, tail)));
}

/// scan(logits, row, greatest, base, from, to) -> 1 if there is a NaN.
void Kernel::emitScan() {
  auto body = [&](Nums in) -> Nums {
    Num logits = in[0], row = in[1], best = in[2], base = in[3];
    Num from = in[4], to = in[5];
    Num size = sizeOf(e, logits);
    Num last = groups(size);
    Value tail = tailOf(logits, row, to * groupSize > size);
    auto vf = VectorType::get({lanes}, f32);
    Num least = e.constant(vf, -INFINITY);
    Num never = e.constant(VectorType::get({lanes}, i1), 0);
    Nums nan = e.loop(from, to, 1, {never}, [&](Num group, Nums nan) -> Nums {
      Value view = groupOf(logits, row, tail, group);
      Nums found =
          e.loop(e.index(0), e.index(groupSize), 4 * lanes,
                 {nan[0], least, least, least, least}, [&](Num at, Nums found) {
                   Nums v;
                   for (int64_t i = 0; i < 4; ++i) {
                     v.push_back(loadLogits(view, at + i * lanes));
                     found[i + 1] = e.max(v[i], found[i + 1]);
                   }
                   for (int64_t i = 0; i < 4; i += 2)
                     found[0] = found[0] | e.compare(arith::CmpFPredicate::UNO,
                                                     v[i], v[i + 1]);
                   return found;
                 });
      Num top = e.max(e.max(found[1], found[2]), e.max(found[3], found[4]));
      store(reduceMax(top), best, base + group);
      return {found[0]};
    });
    // The last vector of the groups' greatest is whole.
    e.when(to == last, [&] {
      e.loop(last, paddedGroups(size), 1,
             [&](Num at) { store(e.f32(-INFINITY), best, base + at); });
    });
    Num any = e.num(vector::ReductionOp::create(e, vector::CombiningKind::OR,
                                                nan[0].value));
    return {e.to(any, i32)};
  };
  scan = function("scan", {logitsType, index, floats, index, index, index},
                  {i32}, body);
}

/// greatest(greatest of groups, base, size) -> that of the row.
void Kernel::emitGreatest() {
  greatest =
      function("greatest", {floats, index, index}, {f32}, [&](Nums in) -> Nums {
        Num least = e.constant(VectorType::get({lanes}, f32), -INFINITY);
        Num padded = paddedGroups(in[2]);
        Nums best = e.loop(e.index(0), padded, lanes, {least},
                           [&](Num at, Nums best) -> Nums {
                             Num more = loadVector(in[0], in[1] + at, f32);
                             return {e.max(more, best[0])};
                           });
        return {reduceMax(best[0])};
      });
}

/// weigh(logits, row, sums, base, temperature, greatest, from, to): every
/// group's weight.
void Kernel::emitWeigh() {
  // A weight is a long chain of operations: two that do not wait for each other.
  constexpr int64_t registers = 4;
  auto body = [&](Nums in) -> Nums {
    Num logits = in[0], row = in[1], sums = in[2], base = in[3];
    Num temperature = in[4], best = in[5], from = in[6], to = in[7];
    Num size = sizeOf(e, logits);
    Value tail = tailOf(logits, row, to * groupSize > size);
    Num zero = e.constant(VectorType::get({registers * lanes / 2}, i64), 0);
    e.loop(from, to, 1, [&](Num group) {
      Value view = groupOf(logits, row, tail, group);
      Nums sum =
          e.loop(e.index(0), e.index(groupSize), registers * lanes,
                 {zero, zero}, [&](Num at, Nums sum) -> Nums {
                   Num y = divide(loadLogits(view, at, registers), temperature);
                   auto [even, odd] = weigh2(y, best);
                   return {sum[0] + even, sum[1] + odd};
                 });
      store(reduceAdd(sum[0] + sum[1]), sums, base + group);
    });
    return {};
  };
  weigh = function("weigh",
                   {logitsType, index, longs, index, f32, f32, index, index},
                   {}, body);
}

/// collect(logits, row, greatest, base, temperature, bound, indices, values)
///     -> count: lists what is at least the bound, a number above -inf. The
/// groups' greatest are scaled already.
void Kernel::emitCollect() {
  auto mask = e.getIntegerType(lanes);
  // Appends the indices of the lanes in `bits`.
  auto append = [&](Num bits, Num first, Num indices, Num count) {
    Nums done = e.loopWhile(
        {count, bits},
        [&](Nums state) {
          return e.compare(arith::CmpIPredicate::ne, state[1],
                           e.constant(mask, 0));
        },
        [&](Nums state) -> Nums {
          Num lane = e.num(math::CountTrailingZerosOp::create(e, state[1]));
          store(e.to(first + e.to(lane, index), i32), indices, state[0]);
          return {state[0] + 1, state[1] & (state[1] - 1)};
        });
    return done[0];
  };
  auto body = [&](Nums in) -> Nums {
    Num logits = in[0], row = in[1], best = in[2], base = in[3];
    Num temperature = in[4], bound = in[5], indices = in[6], values = in[7];
    Num size = sizeOf(e, logits);
    Num last = groups(size);
    Value tail = tailOf(logits, row, last * groupSize > size);
    auto listGroup = [&](Num group, Num count) {
      Value view = groupOf(logits, row, tail, group);
      return e.loop(
          e.index(0), e.index(groupSize), lanes, {count},
          [&](Num at, Nums count) -> Nums {
            Num in = divide(loadLogits(view, at), temperature) >= bound;
            auto one = VectorType::get({1}, mask);
            Num bits = e.num(vector::ExtractOp::create(
                e, vector::BitCastOp::create(e, one, in),
                ArrayRef<int64_t>{0}));
            return {append(bits, group * groupSize + at, indices, count[0])};
          });
    };
    Nums count =
        e.loop(e.index(0), last, 1, {e.index(0)}, [&](Num group, Nums count) {
          Num reached = loadScalar(best, {base + group}) >= bound;
          return e.choose(
              reached, {index}, [&] { return listGroup(group, count[0]); },
              [&] { return count; });
        });
    e.loop(e.index(0), count[0], 1, [&](Num at) {
      Num place = e.to(loadScalar(indices, {at}), index);
      Num logit = loadScalar(logits, {row, place});
      if (element != f32)
        logit = e.num(
            arith::ExtFOp::create(e, f32, logit, arith::FastMathFlagsAttr()));
      store(divide(logit, temperature), values, at);
    });
    store(e.constant(VectorType::get({lanes}, f32), -INFINITY), values,
          count[0]);
    return count;
  };
  collect = function(
      "collect", {logitsType, index, floats, index, f32, f32, words, floats},
      {index}, body);
}

/// suggest_bound(logits, row, temperature, greatest, rest, values, weights)
///     -> a bound below which candidates weigh about `rest`, going by some of
/// the row's vectors. `values` and `weights` are scratch.
void Kernel::emitSuggestBound() {
  auto body = [&](Nums in) -> Nums {
    Num logits = in[0], row = in[1], temperature = in[2], best = in[3];
    Num rest = in[4], values = in[5], weights = in[6];
    Num size = sizeOf(e, logits);
    Num whole = size / groupSize;
    // One vector of every `step`-th group: 64 to 127 vectors of a long row.
    Num step = whole / 64;
    step = e.select(step == 0, e.index(1), step);
    Num taken = (whole + step - 1) / step;
    Value none = tailOf(logits, row, e.constant(i1, 0));
    auto wide = VectorType::get({lanes}, i64);
    Nums sum = e.loop(e.index(0), taken, 1, {e.constant(wide, 0)},
                      [&](Num at, Nums sum) -> Nums {
                        Value view = groupOf(logits, row, none, at * step);
                        Num y =
                            divide(loadLogits(view, e.index(0)), temperature);
                        Num w = weighInOrder(y, best);
                        store(y, values, at * lanes);
                        store(w, weights, at * lanes);
                        return {sum[0] + w};
                      });
    // What is not below the bound is to weigh the rest of the sample.
    Num total = reduceAdd(sum[0]);
    Num below = rest / e.to(step * (groupSize / lanes), i64);
    Num least = e.f32(std::numeric_limits<float>::lowest());
    Num goal = e.select(total > below, total - below, e.i64(1));
    return e.choose(
        (below == 0) | (total == 0), {f32}, [&]() -> Nums { return {least}; },
        [&] {
          return call(bisectMass, {values, e.index(0), taken * lanes, goal,
                                   least, best, e.i64(1 << 15), weights});
        });
  };
  suggestBound =
      function("suggest_bound",
               {logitsType, index, f32, f32, i64, floats, longs}, {f32}, body);
}

/// pick_group(logits, row, temperature, greatest, group, rest, weights)
///     -> the first index in the group whose prefix of weights is above the
/// rest. `weights` is scratch.
void Kernel::emitPickGroup() {
  auto body = [&](Nums in) -> Nums {
    Num logits = in[0], row = in[1], temperature = in[2], best = in[3];
    Num group = in[4], rest = in[5], weights = in[6];
    Num size = sizeOf(e, logits);
    Value tail = tailOf(logits, row, (group + 1) * groupSize > size);
    Value view = groupOf(logits, row, tail, group);
    e.loop(e.index(0), e.index(groupSize), lanes, [&](Num at) {
      Num y = divide(loadLogits(view, at), temperature);
      store(weighInOrder(y, best), weights, at);
    });
    Num place = call(pick, {weights, e.index(groupSize), rest})[0];
    return {group * groupSize + place};
  };
  pickGroup =
      function("pick_group", {logitsType, index, f32, f32, index, i64, longs},
               {index}, body);
}
