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
Value Kernel::tailOf(const Row &row, Num needed) {
  Value tail = memref::AllocaOp::create(
      e, MemRefType::get({groupSize}, element), e.getI64IntegerAttr(64));
  e.when(needed, [&] {
    Num size = sizeOf(e, row.logits);
    Num first = size - size % groupSize;
    auto vector = VectorType::get({lanes}, element);
    e.loop(e.index(0), e.index(groupSize), lanes, [&](Num at) {
      store(e.constant(vector, -INFINITY), e.num(tail), at);
    });
    e.loop(first, size, 1, [&](Num at) {
      store(loadScalar(row.logits, {row.row, at}), e.num(tail), at - first);
    });
  });
  return tail;
}

/// Emits what there is to do with the logits of a group, of which the last may
/// be the tail: twice, if edits may have copied it and made it wider.
Nums Kernel::onGroup(const Row &row, Value tail, Num group, TypeRange types,
                     function_ref<Nums(const Group &)> body) {
  Num whole = sizeOf(e, row.logits) / groupSize;
  SmallVector<OpFoldResult> ones(2, e.getIndexAttr(1));
  SmallVector<OpFoldResult> first = {row.row.value, (group * groupSize).value};
  SmallVector<OpFoldResult> sizes = {e.getIndexAttr(1),
                                     e.getIndexAttr(groupSize)};
  auto typeOf = [&](Type element) {
    return MemRefType::get(
        {groupSize}, element,
        StridedLayoutAttr::get(e.getContext(), ShapedType::kDynamic, {1}));
  };
  Value view = memref::SubViewOp::create(e, typeOf(element), row.logits, first,
                                         sizes, ones);
  Num given = e.select(group < whole, e.num(view),
                       e.num(memref::CastOp::create(e, typeOf(element), tail)));
  Num firstWord = group * (groupSize / 32);
  if (!changes)
    return body({given, row.mask, firstWord});
  Num isCopied = loadScalar(row.touched, {group}) > 0;
  Num copy = e.num(memref::SubViewOp::create(
      e, typeOf(f32), row.copy, ArrayRef(first).drop_front(),
      ArrayRef(sizes).drop_front(), ArrayRef(ones).drop_front()));
  if (element == f32)
    return body({e.select(isCopied, copy, given), row.mask, firstWord});
  return e.choose(
      isCopied, types, [&] { return body({copy, row.mask, firstWord}); },
      [&] { return body({given, row.mask, firstWord}); });
}

/// One logit, as edits leave it; it is not removed.
Num Kernel::logitOf(const Row &row, Num token) {
  auto given = [&]() -> Nums {
    return {widen(loadScalar(row.logits, {row.row, token}))};
  };
  if (!changes)
    return given()[0];
  return e.choose(
      loadScalar(row.touched, {token / groupSize}) > 0, {f32},
      [&]() -> Nums { return {loadScalar(row.copy, {token})}; }, given)[0];
}

/// scan(row, greatest, base, from, to) -> 1 if there is a NaN.
void Kernel::emitScan() {
  auto body = [&](Nums in) -> Nums {
    Row row = takeRow(in);
    Num best = in[0], base = in[1], from = in[2], to = in[3];
    Num size = sizeOf(e, row.logits), last = groups(size);
    Value tail = tailOf(row, to * groupSize > size);
    auto vf = VectorType::get({lanes}, f32);
    auto vb = VectorType::get({lanes}, i1);
    Num least = e.constant(vf, -INFINITY);
    Num never = e.constant(vb, 0);
    auto scanGroup = [&](const Group &group) -> Nums {
      Nums found =
          e.loop(e.index(0), e.index(groupSize), 4 * lanes,
                 {never, least, least, least, least}, [&](Num at, Nums found) {
                   Nums v;
                   for (int64_t i = 0; i < 4; ++i) {
                     Num place = at + i * lanes;
                     v.push_back(loadGiven(group, place));
                     Num in = unremoved(group, place, v[i]);
                     found[i + 1] = e.max(in, found[i + 1]);
                   }
                   for (int64_t i = 0; i < 4; i += 2)
                     found[0] = found[0] | e.compare(arith::CmpFPredicate::UNO,
                                                     v[i], v[i + 1]);
                   return found;
                 });
      Num top = e.max(e.max(found[1], found[2]), e.max(found[3], found[4]));
      return {found[0], reduceMax(top)};
    };
    Nums nan = e.loop(from, to, 1, {never}, [&](Num group, Nums nan) -> Nums {
      Nums found = onGroup(row, tail, group, {vb, f32}, scanGroup);
      store(found[1], best, base + group);
      return {nan[0] | found[0]};
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
  scan = function("scan", rowAnd({floats, index, index, index}), {i32}, body);
}

/// greatest(greatest of groups, base, size) -> that of the row.
void Kernel::emitGreatest() {
  greatest =
      function("greatest", {floats, index, index}, {f32}, [&](Nums in) -> Nums {
        Num least = e.constant(VectorType::get({lanes}, f32), -INFINITY);
        Num padded = paddedGroups(in[2]);
        Nums best = e.loop(e.index(0), padded, lanes, {least},
                           [&](Num at, Nums best) -> Nums {
                             Num more = loadVector(in[0], {in[1] + at});
                             return {e.max(more, best[0])};
                           });
        return {reduceMax(best[0])};
      });
}

/// weigh(row, sums, base, temperature, greatest, from, to): every group's
/// weight.
void Kernel::emitWeigh() {
  auto body = [&](Nums in) -> Nums {
    Row row = takeRow(in);
    Num sums = in[0], base = in[1], temperature = in[2], best = in[3];
    Num from = in[4], to = in[5], size = sizeOf(e, row.logits);
    Value tail = tailOf(row, to * groupSize > size);
    auto wide = VectorType::get({lanes / 2}, i64);
    Num zero = e.constant(wide, 0);
    e.loop(from, to, 1, [&](Num group) {
      Nums sum = onGroup(row, tail, group, {wide}, [&](const Group &logits) {
        return e.loop(e.index(0), e.index(groupSize), lanes, {zero},
                      [&](Num at, Nums sum) -> Nums {
                        Num y = divide(loadLogits(logits, at), temperature);
                        auto [even, odd] = weigh2(y, best);
                        return {sum[0] + (even + odd)};
                      });
      });
      store(reduceAdd(sum[0]), sums, base + group);
    });
    return {};
  };
  weigh = function("weigh", rowAnd({longs, index, f32, f32, index, index}), {},
                   body);
}

/// estimate_sums(row, sums, base, scale, offset, from, to, next): what `weigh`
/// does, in floats: up to `slackOf` off in all, at any prefix. Memory can send
/// the row `next` meanwhile.
void Kernel::emitEstimateSums() {
  auto body = [&](Nums in) -> Nums {
    Row row = takeRow(in);
    Num sums = in[0], base = in[1];
    Line line = {in[2], in[3], Num()};
    Num from = in[4], to = in[5], size = sizeOf(e, row.logits);
    Value tail = tailOf(row, to * groupSize > size);
    auto vector = VectorType::get({lanes}, f32);
    Num none = e.constant(vector, 0);
    e.loop(from, to, 1, [&](Num group) {
      askFor(row.logits, in[6], group);
      SmallVector<Type> types(4, vector);
      Nums sum = onGroup(row, tail, group, types, [&](const Group &logits) {
        return e.loop(e.index(0), e.index(groupSize), 4 * lanes,
                      {none, none, none, none}, [&](Num at, Nums sum) -> Nums {
                        for (int64_t i = 0; i < 4; ++i)
                          sum[i] = sum[i] +
                                   estimate(loadLogits(logits, at + i * lanes),
                                            line);
                        return sum;
                      });
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
               rowAnd({longs, index, f32, f32, index, index, index}), {}, body);
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

/// collect(row, greatest, base, temperature, bound, indices, values,
/// scale, offset) -> (count, estimate): lists what is at least the bound, a
/// number above -inf, and adds its estimates. The groups' greatest are scaled
/// already. Memory can send the next row meanwhile.
void Kernel::emitCollect() {
  auto body = [&](Nums in) -> Nums {
    Row row = takeRow(in);
    Num best = in[0], base = in[1], temperature = in[2], bound = in[3];
    Num indices = in[4], values = in[5];
    Line line = {in[6], in[7], Num()};
    Num size = sizeOf(e, row.logits), rows = dim(row.logits, 0);
    Num last = groups(size), after = row.row + 1;
    Num next = e.select(after < rows, after, row.row);
    Value tail = tailOf(row, last * groupSize > size);
    // Division does not change an order, so that what reaches the bound is not
    // below `least`; nor is the product, as roundings do not either. (Two
    // steps down, as one from +0.0 is -0.0.)
    Num least = valueOf(keyOf(bound) - 2);
    if (op.getTemperature())
      least = least * temperature;
    // Nothing below is a number, as what fills up the tail is not.
    least = e.max(least, e.f32(std::numeric_limits<float>::lowest()));
    Num iota = iotaOf();
    // Where a word's worth of logits has few, as is mostly so, one after the
    // other, without branches: `few`, of which some may not be there.
    constexpr int64_t few = 4, wordSize = 64;
    auto listWord = [&](const Group &logits, Num group, Num first,
                        Num count) -> Nums {
      Num bits = e.i64(0), start = e.to(group * groupSize + first, i32);
      for (int64_t at = 0; at < wordSize; at += lanes) {
        Num in = loadLogits(logits, first + at) >= least;
        bits = bits | (e.to(bitsOf(in), i64) << e.i64(at));
      }
      Num number = e.to(e.num(math::CtPopOp::create(e, bits)), index);
      return e.choose(
          number <= few, {index},
          [&]() -> Nums {
            for (int64_t i = 0; i < few; ++i, bits = bits & (bits - 1)) {
              Num place = e.num(math::CountTrailingZerosOp::create(e, bits)) &
                          (wordSize - 1);
              Num logit =
                  loadScalar(logits.logits, {first + e.to(place, index)});
              store(start + e.to(place, i32), indices, count + i);
              store(widen(logit), values, count + i);
            }
            return {count + number};
          },
          [&]() -> Nums {
            Num next = count;
            for (int64_t at = 0; at < wordSize; at += lanes) {
              Num logit = loadLogits(logits, first + at), in = logit >= least;
              append(iota + (start + at), in, indices, next);
              next = append(logit, in, values, next);
            }
            return {next};
          });
    };
    // With every group that is listed, up to two of the next row are asked for,
    // as far as that one: more would be waited for.
    auto listGroup = [&](Num group, Nums state) -> Nums {
      Num count = state[0], asked = state[1];
      for (int64_t i = 0; i < 2; ++i) {
        Num lags = asked <= group;
        e.when(lags, [&] { askFor(row.logits, next, asked); });
        asked = asked + e.to(lags, index);
      }
      count = onGroup(row, tail, group, {index}, [&](const Group &logits) {
        return e.loop(e.index(0), e.index(groupSize), wordSize, {count},
                      [&](Num first, Nums count) {
                        return listWord(logits, group, first, count[0]);
                      });
      })[0];
      return {count, asked};
    };
    Num count = e.loop(
        e.index(0), last, 1, {e.index(0), e.index(0)},
        [&](Num group, Nums state) {
          Num reached = loadScalar(best, {base + group}) >= bound;
          return e.choose(
              reached, {index, index}, [&] { return listGroup(group, state); },
              [&] { return state; });
        })[0];
    Num none = e.constant(VectorType::get({lanes}, f32), -INFINITY);
    store(none, values, count);
    auto wide = VectorType::get({lanes}, e.getF64Type());
    Num nothing = e.constant(VectorType::get({lanes}, f32), 0);
    Nums found = e.loop(
        e.index(0), count, lanes, {e.index(0), e.constant(wide, 0)},
        [&](Num at, Nums found) -> Nums {
          Num logit = loadVector(values, {at});
          Num value = divide(logit, temperature);
          Num place = loadVector(indices, {at}), in = value >= bound;
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
  collect = function("collect",
                     rowAnd({floats, index, f32, f32, words, floats, f32, f32}),
                     {index, i64}, body);
}

/// suggest_bound(row, temperature, greatest, rest, weighed, values,
/// spare) -> a bound below which candidates weigh, or number, about `rest`, going
/// by some of the row's vectors. The buffers are scratch.
void Kernel::emitSuggestBound() {
  // Of every `step`-th group, of which there are 33 to 64 in a long row.
  constexpr int64_t vectors = 2;
  auto body = [&](Nums in) -> Nums {
    Row row = takeRow(in);
    Num temperature = in[0], best = in[1], rest = in[2], weighed = in[3];
    Num values = in[4], spare = in[5], size = sizeOf(e, row.logits);
    Num whole = size / groupSize;
    Num step = e.max((whole + 63) / 64, e.index(1));
    Num taken = (whole + step - 1) / step * (vectors * lanes);
    Value none = tailOf(row, e.constant(i1, 0));
    auto vector = VectorType::get({lanes}, f32);
    Num least = e.f32(std::numeric_limits<float>::lowest());
    e.loop(e.index(0), taken, vectors * lanes, [&](Num at) {
      Num group = at / (vectors * lanes) * step;
      (void)onGroup(row, none, group, {}, [&](const Group &logits) -> Nums {
        for (int64_t i = 0; i < vectors; ++i) {
          Num given = loadLogits(logits, e.index(i * groupSize / vectors));
          store(divide(given, temperature), values, at + i * lanes);
        }
        return {};
      });
    });
    store(e.constant(vector, -INFINITY), values, taken);
    // So much of the sample is to be below the bound.
    Num below = rest / e.to(step * (groupSize / lanes / vectors), i64);
    auto ofNumber = [&]() -> Nums {
      Num all = e.to(taken, i64);
      return e.choose((below == 0) | (all <= below), {f32},
                      [&]() -> Nums { return {least}; },
                      [&] {
                        return call(bisectCount,
                                    {values, e.index(0), taken, all - below,
                                     least, best, e.i64(1 << 12), spare});
                      });
    };
    // Nobody relies on it, so floats will do, and a few rounds.
    auto ofWeight = [&]() -> Nums {
      Num scale = e.f32(0x1.715476p+0);
      Line line = {scale, e.f32(0) - best * scale, Num()};
      e.loop(e.index(0), taken, lanes, [&](Num at) {
        store(estimate(loadVector(values, {at}), line), spare, at);
      });
      Num limit =
          e.num(arith::UIToFPOp::create(e, f32, below)) * e.f32(0x1p-44);
      Num zero = e.constant(vector, 0);
      Nums found = e.loop(
          e.index(0), e.index(10), 1, {least, leastWeighing(best), best},
          [&](Num, Nums state) -> Nums {
            Num low = state[1], high = state[2];
            Num middle = low * e.f32(0.5) + high * e.f32(0.5);
            Nums sums =
                e.loop(e.index(0), taken, vectors * lanes, {zero, zero},
                       [&](Num at, Nums sums) {
                         for (int64_t i = 0; i < vectors; ++i) {
                           Num place = at + i * lanes;
                           Num in = loadVector(values, {place}) < middle;
                           Num weight = loadVector(spare, {place});
                           sums[i] = sums[i] + e.select(in, weight, zero);
                         }
                         return sums;
                       });
            Num sum = e.num(vector::ReductionOp::create(
                e, vector::CombiningKind::ADD, (sums[0] + sums[1]).value));
            Num can = sum < limit;
            return {e.select(can, middle, state[0]), e.select(can, middle, low),
                    e.select(can, high, middle)};
          });
      return {e.select(taken == 0, least, found[0])};
    };
    return e.choose(weighed, {f32}, ofWeight, ofNumber);
  };
  suggestBound =
      function("suggest_bound", rowAnd({f32, f32, i64, i1, floats, floats}),
               {f32}, body);
}

/// draw_all(row, temperature, greatest, sums, base, slack, bits,
/// weights) -> (token, rest, its weight, total, value), or -1 where the sums,
/// which are within `slack`, do not tell. `weights` is scratch.
void Kernel::emitDrawAll() {
  auto body = [&](Nums in) -> Nums {
    Row row = takeRow(in);
    Num temperature = in[0], best = in[1], sums = in[2], base = in[3];
    Num slack = in[4], bits = in[5], weights = in[6];
    Num size = sizeOf(e, row.logits);
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
    Value tail = tailOf(row, (group + 1) * groupSize > size);
    (void)onGroup(row, tail, group, {}, [&](const Group &logits) -> Nums {
      e.loop(e.index(0), e.index(groupSize), lanes, [&](Num at) {
        Num y = divide(loadLogits(logits, at), temperature);
        store(weighInOrder(y, best), weights, at);
      });
      return {};
    });
    Nums place = call(pick, {weights, e.index(groupSize), found[1]});
    Num weight = loadScalar(weights, {place[0]});
    Num told = place[1] + width < weight;
    Num token = group * groupSize + place[0];
    // An estimate may have promised more than the last group has.
    Num last = e.select(token < size, token, size - 1);
    Num value = divide(logitOf(row, last), temperature);
    return {e.select(told, e.to(token, i32), e.i32(-1)), place[1], weight,
            total, value};
  };
  drawAll =
      function("draw_all", rowAnd({f32, f32, longs, index, i64, i64, longs}),
               {i32, i64, i64, i64, f32}, body);
}
