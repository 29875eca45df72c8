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

/// Memory is to send a group of a row, for which nobody waits yet.
static void askFor(Emitter &e, Num logits, Num row, Num group) {
  Type element = cast<MemRefType>(logits.type()).getElementType();
  int64_t line = 64 * 8 / element.getIntOrFloatBitWidth();
  for (int64_t at = 0; at < groupSize; at += line)
    memref::PrefetchOp::create(e, logits,
                               ValueRange{row, group * groupSize + at},
                               /*isWrite=*/false, /*localityHint=*/2,
                               /*isDataCache=*/true);
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
  auto body = [&](Nums in) -> Nums {
    Num logits = in[0], row = in[1], sums = in[2], base = in[3];
    Num temperature = in[4], best = in[5], from = in[6], to = in[7];
    Num size = sizeOf(e, logits);
    Value tail = tailOf(logits, row, to * groupSize > size);
    Num zero = e.constant(VectorType::get({lanes / 2}, i64), 0);
    e.loop(from, to, 1, [&](Num group) {
      Value view = groupOf(logits, row, tail, group);
      Nums sum = e.loop(e.index(0), e.index(groupSize), lanes, {zero},
                        [&](Num at, Nums sum) -> Nums {
                          Num y = divide(loadLogits(view, at), temperature);
                          auto [even, odd] = weigh2(y, best);
                          return {sum[0] + (even + odd)};
                        });
      store(reduceAdd(sum[0]), sums, base + group);
    });
    return {};
  };
  weigh = function("weigh",
                   {logitsType, index, longs, index, f32, f32, index, index},
                   {}, body);
}

/// estimate_sums(logits, row, sums, base, scale, offset, from, to, next): what
/// `weigh` does, in floats: up to `slackOf` off in all, at any prefix. Memory
/// can send the row `next` meanwhile.
void Kernel::emitEstimateSums() {
  auto body = [&](Nums in) -> Nums {
    Num logits = in[0], row = in[1], sums = in[2], base = in[3];
    Line line = {in[4], in[5], Num()};
    Num from = in[6], to = in[7], size = sizeOf(e, logits);
    Value tail = tailOf(logits, row, to * groupSize > size);
    Num none = e.constant(VectorType::get({lanes}, f32), 0);
    e.loop(from, to, 1, [&](Num group) {
      askFor(e, logits, in[8], group);
      Value view = groupOf(logits, row, tail, group);
      Nums sum =
          e.loop(e.index(0), e.index(groupSize), 4 * lanes,
                 {none, none, none, none}, [&](Num at, Nums sum) -> Nums {
                   for (int64_t i = 0; i < 4; ++i)
                     sum[i] = sum[i] +
                              estimate(loadLogits(view, at + i * lanes), line);
                   return sum;
                 });
      Num all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
      for (int64_t half = lanes / 2; half >= 1; half /= 2)
        all = slice(all, 0, half) + slice(all, half, half);
      all = e.num(vector::ExtractOp::create(e, all, ArrayRef<int64_t>{0}));
      all = all * e.f32(0x1p44);
      store(e.num(arith::FPToUIOp::create(e, i64, all)), sums, base + group);
    });
    return {};
  };
  estimateSums =
      function("estimate_sums",
               {logitsType, index, longs, index, f32, f32, index, index, index},
               {}, body);
}

/// The line for `estimate`, where that can be as good as `slackOf` says.
Kernel::Line Kernel::lineOf(Num temperature, Num best) {
  Num scale = e.f32(0x1.715476p+0) / temperature;
  Num offset = e.f32(0) - best * scale, limit = e.f32(0x1p+10);
  Num fits = (scale > e.f32(0x1p-100)) & (scale < e.f32(INFINITY)) &
             (offset < limit) & (offset > e.f32(0) - limit);
  return {scale, offset, fits};
}

/// How far an estimated sum of all weights can be from the sum, and that of a
/// prefix from the prefix's. In 2^-24 of the sum, with m as the greatest scaled
/// logit and u <= 0 as the logarithm, base 2, of a weight:
///
///   3 |m|    from x / T and m in the specification, and m * scale here
///   5 * 20 ln 2  from the roundings that are relative to u or move with it:
///            two there, two here, and what of x's is not of m's; the mean of
///            |u| over the weights is at most log2 of their number, as an
///            entropy is not negative, and so below 20
///   1/2      from the last bit of u in the specification
///   3        from `estimate`'s power
///   20       from additions in a group: 64 / lanes + 2 + log2(lanes)
///
/// and for second-order terms 2. Besides, for every candidate a unit that its
/// weight is rounded down by, half a unit that a removed one is estimated at,
/// and a group's share of the unit that its sum is rounded down by.
Num Kernel::slackOf(Num total, Num size, Num best) {
  Num most = e.max(best, e.f32(0) - best);
  // Beyond this, sums are exact; see `lineOf`.
  most = e.select(most < e.f32(1024), most, e.f32(0));
  Num parts =
      e.num(arith::FPToUIOp::create(e, i64, most * e.f32(3) + e.f32(96)));
  return ((total >> 24) + 1) * parts + e.to(size, i64) * 3;
}

/// collect(logits, row, greatest, base, temperature, bound, indices, values,
/// scale, offset) -> (count, estimate): lists what is at least the bound, a
/// number above -inf, and adds its estimates. The groups' greatest are scaled
/// already. Memory can send the next row meanwhile.
void Kernel::emitCollect() {
  auto body = [&](Nums in) -> Nums {
    Num logits = in[0], row = in[1], best = in[2], base = in[3];
    Num temperature = in[4], bound = in[5], indices = in[6], values = in[7];
    Line line = {in[8], in[9], Num()};
    Num size = sizeOf(e, logits), rows = dim(logits, 0);
    Num last = groups(size), next = e.select(row + 1 < rows, row + 1, row);
    Value tail = tailOf(logits, row, last * groupSize > size);
    // Division does not change an order, so that what reaches the bound is not
    // below `least`; nor is the product, as roundings do not either. (Two
    // steps down, as one from +0.0 is -0.0.)
    Num least = valueOf(keyOf(bound) - 2);
    if (op.getTemperature())
      least = least * temperature;
    // Nothing below is a number, as what fills up the tail is not.
    least = e.max(least, e.f32(std::numeric_limits<float>::lowest()));
    auto places = VectorType::get({lanes}, i32);
    SmallVector<int32_t> lane = llvm::to_vector(llvm::seq<int32_t>(0, lanes));
    Num iota = e.num(arith::ConstantOp::create(
        e, DenseElementsAttr::get(places, ArrayRef(lane))));
    auto listGroup = [&](Num group, Num count) {
      askFor(e, logits, next, group);
      Value view = groupOf(logits, row, tail, group);
      return e.loop(e.index(0), e.index(groupSize), lanes, {count},
                    [&](Num at, Nums count) -> Nums {
                      Num logit = loadLogits(view, at);
                      Num in = logit >= least;
                      Num first = e.to(group * groupSize + at, i32);
                      return {append(iota + first, in, indices, count[0])};
                    });
    };
    Num count =
        e.loop(e.index(0), last, 1, {e.index(0)}, [&](Num group, Nums count) {
          Num reached = loadScalar(best, {base + group}) >= bound;
          return e.choose(
              reached, {index}, [&] { return listGroup(group, count[0]); },
              [&] { return count; });
        })[0];
    e.loop(e.index(0), count, 1, [&](Num at) {
      Num place = e.to(loadScalar(indices, {at}), index);
      store(widen(loadScalar(logits, {row, place})), values, at);
    });
    Num none = e.constant(VectorType::get({lanes}, f32), -INFINITY);
    store(none, values, count);
    auto wide = VectorType::get({lanes}, e.getF64Type());
    Num nothing = e.constant(VectorType::get({lanes}, f32), 0);
    Nums found = e.loop(
        e.index(0), count, lanes, {e.index(0), e.constant(wide, 0)},
        [&](Num at, Nums found) -> Nums {
          Num logit = loadVector(values, at, f32);
          Num value = divide(logit, temperature);
          Num place = loadVector(indices, at, i32), in = value >= bound;
          append(place, in, indices, found[0]);
          Num estimated = e.select(in, estimate(logit, line), nothing);
          return {append(value, in, values, found[0]),
                  found[1] +
                      e.num(arith::ExtFOp::create(e, wide, estimated,
                                                  arith::FastMathFlagsAttr()))};
        });
    store(none, values, found[0]);
    Num sum = e.num(vector::ReductionOp::create(e, vector::CombiningKind::ADD,
                                                found[1].value));
    sum = sum * e.constant(sum.type(), 0x1p44);
    return {found[0], e.num(arith::FPToUIOp::create(e, i64, sum))};
  };
  collect = function(
      "collect",
      {logitsType, index, floats, index, f32, f32, words, floats, f32, f32},
      {index, i64}, body);
}

/// suggest_bound(logits, row, temperature, greatest, rest, weighed, values,
/// weights, two more of those) -> a bound below which candidates weigh, or
/// number, about `rest`, going by some of the row's vectors. The buffers are
/// scratch.
void Kernel::emitSuggestBound() {
  // Of every `step`-th group, of which there are 64 to 127 in a long row.
  constexpr int64_t vectors = 2;
  auto body = [&](Nums in) -> Nums {
    Num logits = in[0], row = in[1], temperature = in[2], best = in[3];
    Num rest = in[4], weighed = in[5], values = in[6], weights = in[7];
    Num size = sizeOf(e, logits);
    Num whole = size / groupSize;
    Num step = e.max(whole / 64, e.index(1));
    Num taken = (whole + step - 1) / step * vectors;
    Value none = tailOf(logits, row, e.constant(i1, 0));
    auto wide = VectorType::get({lanes}, i64);
    Num one = e.constant(wide, 1);
    Nums sum = e.loop(e.index(0), taken, 1, {e.constant(wide, 0)},
                      [&](Num at, Nums sum) -> Nums {
                        Value view =
                            groupOf(logits, row, none, at / vectors * step);
                        Num first = at % vectors * (groupSize / vectors);
                        Num y = divide(loadLogits(view, first), temperature);
                        Num w = e.select(weighed, weighInOrder(y, best), one);
                        store(y, values, at * lanes);
                        store(w, weights, at * lanes);
                        return {sum[0] + w};
                      });
    store(e.constant(VectorType::get({lanes}, f32), -INFINITY), values,
          taken * lanes);
    // What is not below the bound is to weigh the rest of the sample.
    Num total = reduceAdd(sum[0]);
    Num below = rest / e.to(step * (groupSize / lanes / vectors), i64);
    Num least = e.f32(std::numeric_limits<float>::lowest());
    return e.choose((below == 0) | (total <= below), {f32},
                    [&]() -> Nums { return {least}; },
                    [&] {
                      return call(bisectMass,
                                  {values, e.index(0), taken * lanes,
                                   total - below, least, best, e.i64(1 << 12),
                                   in[8], weights, in[9]});
                    });
  };
  suggestBound = function(
      "suggest_bound",
      {logitsType, index, f32, f32, i64, i1, floats, longs, floats, longs},
      {f32}, body);
}

/// draw_all(logits, row, temperature, greatest, sums, base, slack, bits,
/// weights) -> (token, rest, its weight, total, value), or -1 where the sums,
/// which are within `slack`, do not tell. `weights` is scratch.
void Kernel::emitDrawAll() {
  auto body = [&](Nums in) -> Nums {
    Num logits = in[0], row = in[1], temperature = in[2], best = in[3];
    Num sums = in[4], base = in[5], slack = in[6], bits = in[7];
    Num weights = in[8], size = sizeOf(e, logits);
    Num total = sumOf(sums, base, groups(size));
    // With the total, the target and the prefixes are within the slack, too.
    Num low = e.mulhi(bits, total - slack), zero = e.i64(0);
    low = e.select(low > slack, low - slack, zero);
    Num width = e.mulhi(bits, total + slack) + slack - low;
    // The sums of this row begin at the base.
    Nums found = e.loopWhile(
        {base, low},
        [&](Nums state) { return loadScalar(sums, {state[0]}) <= state[1]; },
        [&](Nums state) -> Nums {
          return {state[0] + 1, state[1] - loadScalar(sums, {state[0]})};
        });
    Num group = found[0] - base;
    Value tail = tailOf(logits, row, (group + 1) * groupSize > size);
    Value view = groupOf(logits, row, tail, group);
    e.loop(e.index(0), e.index(groupSize), lanes, [&](Num at) {
      Num y = divide(loadLogits(view, at), temperature);
      store(weighInOrder(y, best), weights, at);
    });
    Nums place = call(pick, {weights, e.index(groupSize), found[1]});
    Num weight = loadScalar(weights, {place[0]});
    Num told = place[1] + width < weight;
    Num token = group * groupSize + place[0];
    Num value = divide(widen(loadScalar(e.num(view), {place[0]})), temperature);
    return {e.select(told, e.to(token, i32), e.i32(-1)), place[1], weight,
            total, value};
  };
  drawAll = function(
      "draw_all", {logitsType, index, f32, f32, longs, index, i64, i64, longs},
      {i32, i64, i64, i64, f32}, body);
}
