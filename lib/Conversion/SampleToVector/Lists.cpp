//===- Lists.cpp - rounds over listed candidates -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A list is `count` candidates in the order of their indices: `indices`,
// `values`, and, once they are weighed, `weights`. What is removed has the
// value -inf and weighs nothing. After the last value there is a vector of
// -inf, so that rounds over whole vectors need no masks.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait::sampling;

/// weigh_list(values, weights, count, greatest) -> mass
void Kernel::emitWeighList() {
  weighList = function(
      "weigh_list", {floats, longs, index, f32}, {i64}, [&](Nums in) -> Nums {
        Num values = in[0], weights = in[1], count = in[2], best = in[3];
        auto wide = VectorType::get({lanes}, i64);
        Nums sum = e.loop(e.index(0), count, lanes, {e.constant(wide, 0)},
                          [&](Num at, Nums sum) -> Nums {
                            Num w =
                                weighInOrder(loadVector(values, {at}), best);
                            store(w, weights, at);
                            return {sum[0] + w};
                          });
        return {reduceAdd(sum[0])};
      });
}

Num Kernel::massOf(const Listed &list, Num count, Num best) {
  return call(weighList, {list.values, list.weights, count, best})[0];
}

/// What is below weighs nothing beside the greatest.
Num Kernel::leastWeighing(Num best) { return best - e.f32(32); }

Nums Kernel::pickFrom(const Listed &list, Num count, Num best, Num mass,
                      ArrayRef<Num> key, Num size) {
  Num none = e.i32(0);
  if (op.getSeed())
    return drawnOf(competeInList(list, count, best, key.drop_front(), size),
                   best, mass);
  if (!op.getBits()) {
    Nums place = call(pickBest, {list.values, count});
    return {loadScalar(list.indices, {place[0]}),
            e.i64(0),
            e.i64(1),
            mass,
            place[1],
            best,
            none};
  }
  Nums place = call(pick, {list.weights, count, e.mulhi(key[0], mass)});
  Num at = place[0];
  return {loadScalar(list.indices, {at}),
          place[1],
          loadScalar(list.weights, {at}),
          mass,
          loadScalar(list.values, {at}),
          best,
          none};
}

/// bisect(values, weights?, from, count, target, low, high, slack, rest,
/// rest of weights?) -> bound: the greatest float, but for `slack` steps down,
/// such that the values from it on come to `target`. They do at `low`; none is
/// above `high`. `rest` is scratch: the values that are still between the two,
/// so that all rounds together cost as much as a few over the list. The last few
/// are not bisected.
void Kernel::emitBisect(bool weighed) {
  SmallVector<Type> arguments = {floats, index, index, i64,
                                 f32,    f32,   i64,   floats};
  if (weighed)
    arguments.append({longs, longs});
  auto body = [&](Nums in) -> Nums {
    Num values = in[0], from = in[1], count = in[2], target = in[3];
    Num slack = in[6], rest = in[7];
    Num weights = weighed ? in[8] : Num(), restWeights = in.back();
    auto vector = VectorType::get({lanes}, f32);
    Type weight = weighed ? i64 : i32;
    auto wide = VectorType::get({lanes}, weight);
    Num none = e.constant(wide, 0), gone = e.constant(vector, -INFINITY);
    auto signedKey = [&](Num value) {
      return e.num(arith::ExtSIOp::create(e, i64, keyOf(value)));
    };
    auto narrow = [&](Num key) { return valueOf(e.to(key, i32)); };
    auto massFrom = [&](Num values, Num weights, Num from, Num count,
                        Num bound) {
      Nums sum = e.loop(e.index(0), count, lanes, {none},
                        [&](Num at, Nums sum) -> Nums {
                          Num in = loadVector(values, {from + at}) >= bound;
                          Num more = weighed ? loadVector(weights, {at})
                                             : e.constant(wide, 1);
                          return {sum[0] + e.select(in, more, none)};
                        });
      return e.to(reduceAdd(sum[0]), i64);
    };
    // Lists what is at least `low`, and below or not below the middle.
    auto keep = [&](Num values, Num weights, Num from, Num count, Num low,
                    Num middle, Num enough) {
      Num no = e.constant(VectorType::get({lanes}, i1), 0);
      Num kept = e.loop(e.index(0), count, lanes, {e.index(0)},
                        [&](Num at, Nums kept) -> Nums {
                          Num value = loadVector(values, {from + at});
                          Num upper = value >= middle;
                          Num lower = e.select(upper, no, value >= low);
                          Num in = e.select(enough, upper, lower);
                          if (weighed)
                            append(loadVector(weights, {at}), in, restWeights,
                                   kept[0]);
                          return {append(value, in, rest, kept[0])};
                        })[0];
      store(gone, rest, kept);
      return kept;
    };
    Num low = signedKey(in[4]), high = signedKey(in[5]);
    auto round = [&](Num values, Num weights, Num from, Nums state) -> Nums {
      Num low = state[0], high = state[1], above = state[2], count = state[3];
      // By turns the middle of the steps between the two, of which there are at
      // most 2^32, and, where logits are spread as they mostly are, that of
      // their values.
      Num middle = e.num(arith::ShRSIOp::create(e, low + high + 1, e.i64(1)));
      Num half = narrow(low) * e.f32(0.5) + narrow(high) * e.f32(0.5);
      Num even = signedKey(half);
      Num inside = e.compare(arith::CmpIPredicate::sgt, even, low) &
                   e.compare(arith::CmpIPredicate::sle, even, high);
      middle = e.select(inside & (state[4] == 0), even, middle);
      Num bound = narrow(middle);
      Num mass = massFrom(values, weights, from, count, bound) + above;
      Num enough = mass >= target;
      Num kept = keep(values, weights, from, count, narrow(low), bound, enough);
      return {e.select(enough, middle, low), e.select(enough, high, middle - 1),
              e.select(enough, above, mass), kept, state[4] ^ 1};
    };
    Nums start = {low, high, e.i64(0), count, e.i32(0)};
    auto isOpen = [&](Nums state) {
      Num apart =
          e.compare(arith::CmpIPredicate::sgt, state[1] - state[0], slack);
      return apart & (state[3] > lanes);
    };
    Num isLong = isOpen(start);
    Nums last = e.choose(
        isLong, {i64, i64, i64, index, i32},
        [&] {
          return e.loopWhile(
              round(values, weights, from, start), isOpen, [&](Nums state) {
                return round(rest, restWeights, e.index(0), state);
              });
        },
        [&] { return start; });
    // Of what a register holds, every value's mass at once.
    auto greatestOf = [&](Num values, Num weights, Num from) {
      Num own = loadVector(values, {from}), mass = none;
      for (int64_t i = 0; i < lanes; ++i) {
        Num value = loadScalar(values, {from + i});
        Num more = weighed ? loadScalar(weights, {e.index(i)}) : e.i32(1);
        mass = mass + e.select(e.fit(value, vector) >= own, more, none);
      }
      Num least = narrow(last[0]), missing = e.to(target - last[2], weight);
      Num in = (mass >= missing) & (own >= least);
      return reduceMax(e.select(in, own, e.fit(least, vector)));
    };
    Num isShort = last[3] <= lanes;
    return e.choose(
        isShort, {f32},
        [&]() -> Nums {
          return {greatestOf(e.select(isLong, rest, values),
                             weighed ? e.select(isLong, restWeights, weights)
                                     : Num(),
                             e.select(isLong, e.index(0), from))};
        },
        [&]() -> Nums { return {narrow(last[0])}; });
  };
  (weighed ? bisectMass : bisectCount) = function(
      weighed ? "bisect_mass" : "bisect_count", arguments, {f32}, body);
}

/// cut(values, count, bound, target, weights or whether ties stay) -> (mass,
/// weight of the last one kept): removes the values below the bound, and of those at it the last,
/// such that the target is just reached. Those from the bound on reach it,
/// those above it do not.
void Kernel::emitCut(bool weighed) {
  SmallVector<Type> arguments = {floats, index, f32, i64};
  arguments.push_back(weighed ? Type(longs) : i1);
  auto body = [&](Nums in) -> Nums {
    Num values = in[0], count = in[1], bound = in[2], target = in[3];
    auto vector = VectorType::get({lanes}, f32);
    auto wide = VectorType::get({lanes}, i64);
    Num none = e.constant(wide, 0), one = e.constant(wide, 1);
    Nums sums = e.loop(
        e.index(0), count, lanes, {none, none, none},
        [&](Num at, Nums sums) -> Nums {
          Num value = loadVector(values, {at});
          Num weight = weighed ? loadVector(in[4], {at}) : one;
          Num tied = value == e.fit(bound, vector);
          store(e.select(value >= bound, value, e.f32(-INFINITY)), values, at);
          if (weighed)
            store(e.select(value >= bound, weight, none), in[4], at);
          return {sums[0] + e.select(value > bound, weight, none),
                  sums[1] + e.select(tied, weight, none),
                  sums[2] + e.select(tied, one, none)};
        });
    Num above = reduceAdd(sums[0]), tied = reduceAdd(sums[2]);
    Num weight = e.num(
        arith::DivUIOp::create(e, reduceAdd(sums[1]), e.max(tied, e.i64(1))));
    weight = e.max(weight, e.i64(1));
    Num room = (target - above + weight - 1) / weight;
    room = e.select(room < tied, room, tied);
    if (!weighed)
      room = e.select(in[4], tied, room);
    e.when(room < tied, [&] {
      e.loop(e.index(0), count, 1, {e.i64(0)}, [&](Num at, Nums seen) -> Nums {
        Num is = loadScalar(values, {at}) == bound;
        e.when(is & (seen[0] >= room), [&] {
          store(e.f32(-INFINITY), values, at);
          if (weighed)
            store(e.i64(0), in[4], at);
        });
        return {seen[0] + e.to(is, i64)};
      });
    });
    return {above + room * weight, weight};
  };
  (weighed ? cutMass : cutCount) =
      function(weighed ? "cut_mass" : "cut_count", arguments, {i64, i64}, body);
}

/// cut_share(values, weights, count, least) -> mass: removes what weighs less.
void Kernel::emitCutShare() {
  cutShare = function(
      "cut_share", {floats, longs, index, i64}, {i64}, [&](Nums in) -> Nums {
        Num values = in[0], weights = in[1], count = in[2], least = in[3];
        auto wide = VectorType::get({lanes}, i64);
        Num none = e.constant(wide, 0);
        Num gone = e.constant(VectorType::get({lanes}, f32), -INFINITY);
        Nums sum = e.loop(e.index(0), count, lanes, {none},
                          [&](Num at, Nums sum) -> Nums {
                            Num value = loadVector(values, {at});
                            Num weight = loadVector(weights, {at});
                            Num in = weight >= least;
                            weight = e.select(in, weight, none);
                            store(e.select(in, value, gone), values, at);
                            store(weight, weights, at);
                            return {sum[0] + weight};
                          });
        return {reduceAdd(sum[0])};
      });
}

/// pick(weights, count, target) -> (place, rest): the first place whose prefix
/// of weights is above the target, or the last, and what the prefix before it
/// leaves of the target.
void Kernel::emitPick() {
  pick =
      function("pick", {longs, index, i64}, {index, i64}, [&](Nums in) -> Nums {
        Num weights = in[0], count = in[1], target = in[2];
        return e.loopWhile(
            {e.index(0), target},
            [&](Nums state) {
              // The last place needs no look.
              Num at = state[0];
              Num last = at + 1 >= count;
              Num weight = loadScalar(weights, {at});
              Num past = weight <= state[1];
              Num no = e.constant(i1, 0);
              return e.select(last, no, past);
            },
            [&](Nums state) -> Nums {
              Num weight = loadScalar(weights, {state[0]});
              return {state[0] + 1, state[1] - weight};
            });
      });
}

/// pick_best(values, count) -> (the first place of the greatest, the greatest
/// of the other values, or -inf). Of a list that is not empty.
void Kernel::emitPickBest() {
  pickBest = function(
      "pick_best", {floats, index}, {index, f32}, [&](Nums in) -> Nums {
        Num least = e.f32(-INFINITY);
        Nums found =
            e.loop(e.index(0), in[1], 1, {e.index(0), least, least},
                   [&](Num at, Nums found) -> Nums {
                     Num place = found[0], best = found[1], second = found[2];
                     Num value = loadScalar(in[0], {at}), better = value > best;
                     return {e.select(better, at, place),
                             e.select(better, value, best),
                             e.select(better, best, e.max(value, second))};
                   });
        return {found[0], found[2]};
      });
}
