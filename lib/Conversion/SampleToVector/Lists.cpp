//===- Lists.cpp - rounds over listed candidates -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A list is `count` candidates in the order of their indices: `indices`,
// `values`, and, once they are weighed, `weights`. After the last value there
// is a vector of -inf, so that rounds over whole vectors need no masks.
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
                                weighInOrder(loadVector(values, at, f32), best);
                            store(w, weights, at);
                            return {sum[0] + w};
                          });
        return {reduceAdd(sum[0])};
      });
}

/// bisect(values, weights?, from, count, target, low, high, slack) -> bound:
/// the greatest float, but for `slack` steps down, such that the values from it
/// on come to `target`. They do at `low`; none is above `high`.
void Kernel::emitBisect(bool weighed) {
  SmallVector<Type> arguments = {floats, index, index, i64, f32, f32, i64};
  if (weighed)
    arguments.push_back(longs);
  auto body = [&](Nums in) -> Nums {
    Num values = in[0], from = in[1], count = in[2], target = in[3];
    Num weights = in.back(), slack = in[6];
    auto wide = VectorType::get({lanes}, weighed ? i64 : i32);
    auto signedKey = [&](Num value) {
      return e.num(arith::ExtSIOp::create(e, i64, keyOf(value)));
    };
    auto mass = [&](Num bound) {
      Nums sum =
          e.loop(e.index(0), count, lanes, {e.constant(wide, 0)},
                 [&](Num at, Nums sum) -> Nums {
                   Num in = loadVector(values, from + at, f32) >= bound;
                   Num more = weighed ? loadVector(weights, at, i64)
                                      : e.constant(wide, 1);
                   return {sum[0] + e.select(in, more, e.constant(wide, 0))};
                 });
      return e.to(reduceAdd(sum[0]), i64);
    };
    auto narrow = [&](Num key) { return valueOf(e.to(key, i32)); };
    Nums range = e.loopWhile(
        {signedKey(in[4]), signedKey(in[5])},
        [&](Nums range) { return range[1] - range[0] > slack; },
        [&](Nums range) -> Nums {
          Num middle = e.num(
              arith::ShRSIOp::create(e, range[0] + range[1] + 1, e.i64(1)));
          Num enough = mass(narrow(middle)) >= target;
          return {e.select(enough, middle, range[0]),
                  e.select(enough, range[1], middle - 1)};
        });
    return {narrow(range[0])};
  };
  (weighed ? bisectMass : bisectCount) = function(
      weighed ? "bisect_mass" : "bisect_count", arguments, {f32}, body);
}

/// cut(indices, values, weights, count, bound, target, weighed)
///     -> (count, mass): keeps the values above the bound, and of those at it
/// the first, until there is the target.
void Kernel::emitCut() {
  cut = function(
      "cut", {words, floats, longs, index, f32, i64, i1}, {index, i64},
      [&](Nums in) -> Nums {
        Num indices = in[0], values = in[1], weights = in[2], count = in[3];
        Num bound = in[4], target = in[5], weighed = in[6];
        Num zero = e.i64(0);
        auto massOf = [&](Num at) {
          Num weight = loadScalar(weights, {at});
          return e.select(weighed, weight, e.i64(1));
        };
        Num above =
            e.loop(e.index(0), count, 1, {zero}, [&](Num at, Nums sum) -> Nums {
              Num in = loadScalar(values, {at}) > bound;
              return {sum[0] + e.select(in, massOf(at), zero)};
            })[0];
        Nums kept = e.loop(e.index(0), count, 1, {e.index(0), above},
                           [&](Num at, Nums kept) -> Nums {
                             Num value = loadScalar(values, {at}),
                                 mass = massOf(at);
                             Num weight = loadScalar(weights, {at});
                             Num tied = (value == bound) & (kept[1] < target);
                             Num keep = (value > bound) | tied;
                             // What is not kept is overwritten.
                             store(loadScalar(indices, {at}), indices, kept[0]);
                             store(value, values, kept[0]);
                             store(weight, weights, kept[0]);
                             return {kept[0] + e.to(keep, index),
                                     kept[1] + e.select(tied, mass, zero)};
                           });
        auto last = e.constant(VectorType::get({lanes}, f32), -INFINITY);
        store(last, values, kept[0]);
        return kept;
      });
}

/// pick(indices?, weights, count, target) -> the first place whose prefix of
/// weights is above the target.
void Kernel::emitPick() {
  pick = function("pick", {longs, index, i64}, {index}, [&](Nums in) -> Nums {
    Num weights = in[0], count = in[1], target = in[2];
    Nums found = e.loopWhile(
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
    return {found[0]};
  });
}
