//===- Processors.cpp - what a processor keeps of a list -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rest.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace plait::sampling;
using namespace plait::sample;

void Kernel::Rest::change(TemperatureOp, Num t) {
  Num zero = e.f32(0), divides = (t > zero) & (t < e.f32(INFINITY));
  count = e.choose(
      divides, {k.index},
      [&]() -> Nums {
        return {keep([&](Num, Num value) -> std::pair<Num, Num> {
          return {e.constant(VectorType::get({k.lanes}, k.i1), 1), value / t};
        })};
      },
      [&]() -> Nums {
        Num first = e.to(k.call(k.pickBest, {list.values, count})[0], k.i32);
        Num isZero = t == zero, iota = k.iotaOf();
        return {keepWhere([&](Num at, Num) {
          Num place = iota + e.to(at, k.i32);
          return (place == e.fit(first, place.type())) & isZero;
        })};
      })[0];
  best = greatest(list.values, count);
}

Num Kernel::Rest::temperature(DynamicTemperatureOp, Num low, Num high,
                              Num exponent) {
  Num total = mass();
  Value in[] = {total, mean(total), e.to(count, k.i64), low, high, exponent};
  return e.num(temperatureOf(scalar(), in));
}

void Kernel::Rest::change(TopKOp op, Num most) {
  Num isOff = e.compare(arith::CmpIPredicate::sle, most, e.i32(0));
  Num target = e.to(most, k.i64);
  isOff = isOff | (target >= e.to(count, k.i64));
  process(e.f32(0), isOff, [&] {
    Num zero = e.constant(longs, 0), one = e.constant(longs, 1);
    e.loop(none, count, k.lanes, [&](Num at) {
      Num in = k.loadVector(list.values, {at}) > e.f32(-INFINITY);
      k.store(e.select(in, one, zero), list.weights, {at});
    });
    Num least = e.f32(std::numeric_limits<float>::lowest());
    return keepPrefix(list.values, least, best, target, op.getKeepTies());
  });
}

void Kernel::Rest::change(TopPOp op, Num p, Num given) {
  process(p, p >= e.f32(1), [&] {
    Num least = e.f32(std::numeric_limits<float>::lowest());
    if (!op.getFull()) {
      Num target = k.target(p, mass());
      return keepPrefix(list.values, e.max(least, k.leastWeighing(best)), best,
                        target, op.getKeepTies());
    }
    Full full = given.value ? fullOf(given) : fulls.find(op.getFull())->second;
    Num values = list.values;
    if (full.logits.value) {
      values = alloc(k.f32);
      e.loop(none, count, 1, [&](Num at) {
        Num token = e.to(k.loadScalar(list.indices, {at}), k.index);
        k.store(k.loadScalar(full.logits, {token}), values, {at});
      });
      k.store(e.constant(floats, -INFINITY), values, {count});
    }
    Num target = k.target(p, full.mass);
    // The best of a row without candidates is not to weigh anything.
    Num top = e.max(full.best, least);
    Num mass = k.call(k.weighList, {values, list.weights, count, top})[0];
    return e.choose(
        mass < target, {k.index}, [&]() -> Nums { return {count}; },
        [&]() -> Nums {
          return {
              keepPrefix(list.values, least, best, target, op.getKeepTies())};
        })[0];
  });
}

void Kernel::Rest::change(MinPOp, Num p) {
  process(p, p <= e.f32(0), [&] {
    (void)mass();
    return keepWeighing(k.share(p, e.i64(unitWeight)));
  });
}

void Kernel::Rest::change(EpsilonOp, Num epsilon) {
  process(epsilon, epsilon <= e.f32(0),
          [&] { return keepWeighing(k.share(epsilon, mass())); });
}

void Kernel::Rest::change(EtaOp, Num epsilon) {
  process(epsilon, epsilon <= e.f32(0), [&] {
    Num total = mass(), typical = mean(total);
    return keepWeighing(e.num(etaLimit(scalar(), epsilon, total, typical)));
  });
}

void Kernel::Rest::change(TypicalPOp, Num p) {
  process(p, p >= e.f32(1), [&] {
    Num total = mass(), typical = mean(total), order = alloc(k.f32);
    // Distances are below 2^30. What is left of that, as the bits of a float,
    // is of the order of the floats, which end at 2.
    auto type = VectorType::get({k.lanes}, k.i32);
    e.loop(none, count, k.lanes, [&](Num at) {
      Num t = k.fixedOf(k.loadVector(list.values, {at}), best);
      Num gap = t + e.to(typical, k.i32), zero = e.constant(type, 0);
      Num isBelow = e.compare(arith::CmpIPredicate::slt, gap, zero);
      Num distance = e.select(isBelow, zero - gap, gap);
      Num nearness = e.constant(type, 1 << 30) - distance;
      k.store(e.bitcast(nearness, floats), order, {at});
    });
    return keepPrefix(order, e.f32(0x1p-149), e.f32(2), k.target(p, total),
                      /*keepTies=*/false);
  });
  best = greatest(list.values, count);
}

void Kernel::Rest::change(TopNSigmaOp, Num n) {
  process(n, (n <= e.f32(0)) | (n == e.f32(INFINITY)), [&] {
    auto distanceOf = [&](Num value) {
      return e.select(value == e.fit(best, floats), e.constant(floats, 0),
                      e.fit(best, floats) - value);
    };
    auto isIn = [&](Num value) { return value > e.f32(-INFINITY); };
    auto stepOf = [&](Num value) {
      Num distance = distanceOf(value), end = e.constant(floats, 1024);
      distance = e.select(distance < end, distance, end) * e.f32(4096);
      auto type = VectorType::get({k.lanes}, k.i32);
      return wide(e.num(LLVM::LrintOp::create(e, type, distance)));
    };
    Num zero = e.constant(longs, 0);
    Num total = sum({longs}, [&](Num, Num value) -> Nums {
      return {e.select(isIn(value), stepOf(value), zero)};
    })[0];
    Num number = e.to(count, k.i64);
    Num mean = total / e.max(number, e.i64(1));
    Num squares = sum({longs}, [&](Num, Num value) -> Nums {
      Num deviation = stepOf(value) - e.fit(mean, longs);
      return {e.select(isIn(value), deviation * deviation, zero)};
    })[0];
    Num limit = e.num(sigmaLimit(scalar(), squares, number, n));
    return keepWhere(
        [&](Num, Num value) { return distanceOf(value) <= limit; });
  });
}

void Kernel::Rest::change(XtcOp, Num probability, Num threshold, Num bits) {
  Num isBad = isNaN(probability) | isNaN(threshold);
  process(e.select(isBad, e.f32(NAN), e.f32(0)), e.constant(k.i1, 0), [&] {
    Num limit = e.num(xtcLimit(scalar(), probability, threshold, bits, mass()));
    auto isTop = [&](Num at, Num value) {
      return (k.loadVector(list.weights, {at}) >= limit) &
             (value > e.f32(-INFINITY));
    };
    Num infinity = e.constant(floats, INFINITY);
    Num zero = e.constant(longs, 0), one = e.constant(longs, 1);
    Nums tops = e.loop(none, count, k.lanes, {zero, infinity},
                       [&](Num at, Nums found) -> Nums {
                         Num value = k.loadVector(list.values, {at}),
                             top = isTop(at, value);
                         Num least =
                             e.select(value < found[1], value, found[1]);
                         return {found[0] + e.select(top, one, zero),
                                 e.select(top, least, found[1])};
                       });
    Num number = k.reduceAdd(tops[0]);
    Num low = e.f32(0) - k.reduceMax(e.constant(floats, 0) - tops[1]);
    // The last place of the least top choice, which stays.
    return e.choose(
        number > 1, {k.index},
        [&]() -> Nums {
          Num last =
              e.loop(none, count, 1, {none}, [&](Num at, Nums last) -> Nums {
                Num is = k.loadScalar(list.values, {at}) == low;
                return {e.select(is, at, last[0])};
              })[0];
          Num iota = k.iotaOf();
          return {keepWhere([&](Num at, Num value) {
            Num place = iota + e.to(at, k.i32);
            Num isLast = place == e.fit(e.to(last, k.i32), place.type());
            return (isTop(at, value) ^ 1) | isLast;
          })};
        },
        [&]() -> Nums { return {count}; })[0];
  });
  best = greatest(list.values, count);
}
