//===- Filters.cpp - temperature and what removes candidates -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// top_k, top_p, typical_p and draw ask the same question about a row: which is
// the highest place in some order from where on the mass reaches a target? For
// top_k the mass is a count and the order that of the candidates, for top_p
// the mass is the weight, and so on. A place is an integer, so `selectPlace`
// answers bit by bit with one pass over the row per bit. Every sum is an
// integer sum, hence exact in any order.
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"

using namespace mlir;
using namespace plait::sample;

namespace {

/// A row's weights and what they are computed from.
struct Mass {
  Value fixed, weights, total;
  Mass(Emitter &e, Value logits)
      : fixed(fixedPoint(e, logits)), weights(::weights(e, logits, fixed)),
        total(sumRows(e, weights)) {}
};

/// `logits` without the candidates whose place is below the row's `lowest`;
/// without any where the row's `parameter` is a NaN.
Value keepFrom(Emitter &e, Value logits, Value places, Value lowest,
               Value parameter, bool keepTies = false) {
  return e.mapElements(logits, {logits, places, lowest, parameter},
                       e.getF32Type(), [&](ValueRange in) {
                         Value place = in[1], limit = in[2];
                         if (keepTies) {
                           // Without the index, what is equal has one place.
                           place = e.shr(place, e.i64(indexBits));
                           limit = e.shr(limit, e.i64(indexBits));
                         }
                         Value keep = e.compare(IPredicate::uge, place, limit);
                         if (isa<FloatType>(in[3].getType()))
                           keep = e.bitAnd(keep, e.isNumber(in[3]));
                         return removeUnless(e, keep, in[0], in[0]);
                       });
}

/// The least mass of a prefix: max(1, ceil(p * total)); for p >= 1 a mass that
/// no row has, so that all stay.
Value prefixTarget(Emitter &e, Value like, Value p, Value total) {
  return e.mapRows(like, {p, total}, e.getI64Type(), [&](ValueRange in) {
    Value target = e.maxU(shareOf(e, in[0], in[1]), e.i64(1));
    Value all = e.compare(FPredicate::OGE, in[0], e.f32(1.0f));
    return e.select(all, e.i64(-1), target);
  });
}

/// Keeps what weighs at least `least`, or as much as the best; all where
/// `parameter` is at most 0, nothing where it is a NaN.
Value keepWeighing(Emitter &e, Value logits, Value weights, Value least,
                   Value parameter) {
  return e.mapElements(
      logits, {logits, weights, least, parameter}, e.getF32Type(),
      [&](ValueRange in) {
        Value limit = e.minU(in[2], e.i64(unitWeight));
        Value keep = e.compare(IPredicate::uge, in[1], limit);
        keep = e.bitAnd(keep, e.isNumber(in[3]));
        Value off = e.compare(FPredicate::OLE, in[3], e.f32(0.0f));
        return removeUnless(e, e.bitOr(off, keep), in[0], in[0]);
      });
}

SmallVector<Value> lowerTemperature(Emitter &e, TemperatureOp op) {
  Value logits = op.getLogits();
  Value place = places(e, logits);
  Value best = bestPlaces(e, place);
  return {e.mapElements(
      logits, {logits, op.getTemperature(), place, best}, e.getF32Type(),
      [&](ValueRange in) {
        Value zero = e.f32(0.0f);
        Value divides =
            e.bitAnd(e.compare(FPredicate::OGT, in[1], zero),
                     e.compare(FPredicate::OLT, in[1], e.infinity(false)));
        Value isBest = e.compare(IPredicate::eq, in[2], in[3]);
        Value isGreedy = e.compare(FPredicate::OEQ, in[1], zero);
        Value keep = e.bitOr(divides, e.bitAnd(isGreedy, isBest));
        Value kept = e.select(divides, e.divF(in[0], in[1]), in[0]);
        return removeUnless(e, keep, kept, in[0]);
      })};
}

SmallVector<Value> lowerDynamicTemperature(Emitter &e,
                                           DynamicTemperatureOp op) {
  Value logits = op.getLogits();
  Mass mass(e, logits);
  Value mean = means(e, mass.fixed, mass.weights, mass.total);
  Value count = e.reduceRows(logits, logits, e.i64(0), [&](ValueRange in) {
    return e.add(in[1], e.widen(isCandidate(e, in[0])));
  });
  return {e.mapRows(
      logits,
      {mass.total, mean, count, op.getLow(), op.getHigh(), op.getExponent()},
      e.getF32Type(), [&](ValueRange in) { return temperatureOf(e, in); })};
}

SmallVector<Value> lowerTopK(Emitter &e, TopKOp op) {
  Value logits = op.getLogits();
  Value place = places(e, logits);
  Value one = e.mapElements(logits, logits, e.getI64Type(), [&](ValueRange in) {
    return e.widen(isCandidate(e, in[0]));
  });
  // No row reaches the target -1, the greatest unsigned: all stay.
  Value target =
      e.mapRows(logits, op.getK(), e.getI64Type(), [&](ValueRange in) {
        Value on = e.compare(IPredicate::sgt, in[0], e.i32(0));
        return e.select(on, e.widen(in[0]), e.i64(-1));
      });
  Value lowest = selectPlace(e, place, one, target, orderBits);
  return {keepFrom(e, logits, place, lowest, op.getK(), op.getKeepTies())};
}

SmallVector<Value> lowerTopP(Emitter &e, TopPOp op) {
  Value logits = op.getLogits();
  Value place = places(e, logits);
  Mass mass(e, op.getFull() ? op.getFull() : logits);
  Value target = prefixTarget(e, logits, op.getP(), mass.total);
  Value lowest = selectPlace(e, place, mass.weights, target, orderBits);
  return {keepFrom(e, logits, place, lowest, op.getP(), op.getKeepTies())};
}

SmallVector<Value> lowerMinP(Emitter &e, MinPOp op) {
  Value logits = op.getLogits();
  Mass mass(e, logits);
  Value least =
      e.mapRows(logits, op.getP(), e.getI64Type(), [&](ValueRange in) {
        return shareOf(e, in[0], e.i64(unitWeight));
      });
  return {keepWeighing(e, logits, mass.weights, least, op.getP())};
}

SmallVector<Value> lowerTypicalP(Emitter &e, TypicalPOp op) {
  Value logits = op.getLogits();
  Mass mass(e, logits);
  Value mean = means(e, mass.fixed, mass.weights, mass.total);
  // The nearest first: distances are below 2^30.
  constexpr unsigned distanceBits = 30;
  Value place = e.mapElements(
      logits, {logits, mass.fixed, mean}, e.getI64Type(), [&](ValueRange in) {
        Value difference = e.add(in[1], in[2]);
        Value distance = e.maxS(difference, e.sub(e.i64(0), difference));
        Value nearness =
            e.sub(e.i64((int64_t(1) << distanceBits) - 1), distance);
        Value place =
            e.bitOr(e.shl(nearness, e.i64(indexBits)), reversedIndex(e));
        return e.select(isCandidate(e, in[0]), place, e.i64(0));
      });
  Value target = prefixTarget(e, logits, op.getP(), mass.total);
  Value lowest =
      selectPlace(e, place, mass.weights, target, distanceBits + indexBits);
  return {keepFrom(e, logits, place, lowest, op.getP())};
}

SmallVector<Value> lowerTopNSigma(Emitter &e, TopNSigmaOp op) {
  Value logits = op.getLogits();
  Value best = greatest(e, logits);
  auto distanceOf = [&](Value logit, Value best) {
    return e.select(e.compare(FPredicate::OEQ, logit, best), e.f32(0.0f),
                    e.subF(best, logit));
  };
  // -1 for what is no candidate.
  Value steps =
      e.mapElements(logits, {logits, best}, e.getI64Type(), [&](ValueRange in) {
        Value distance = distanceOf(in[0], in[1]), end = e.f32(1024.0f);
        distance =
            e.select(e.compare(FPredicate::OLT, distance, end), distance, end);
        Value rounded =
            math::RoundEvenOp::create(e, e.mulF(distance, e.f32(4096.0f)));
        Value step = arith::FPToSIOp::create(e, e.getI64Type(), rounded);
        return e.select(isCandidate(e, in[0]), step, e.i64(-1));
      });
  auto isStep = [&](Value step) {
    return e.compare(IPredicate::sge, step, e.i64(0));
  };
  Value count = e.reduceRows(logits, steps, e.i64(0), [&](ValueRange in) {
    return e.add(in[1], e.widen(isStep(in[0])));
  });
  Value sum = e.reduceRows(logits, steps, e.i64(0), [&](ValueRange in) {
    return e.add(in[1], e.maxS(in[0], e.i64(0)));
  });
  auto divide = [&](Value a, Value b) -> Value {
    return arith::DivUIOp::create(e, a, e.maxU(b, e.i64(1)));
  };
  Value mean = e.mapRows(logits, {sum, count}, e.getI64Type(),
                         [&](ValueRange in) { return divide(in[0], in[1]); });
  Value squares =
      e.reduceRows(logits, {steps, mean}, e.i64(0), [&](ValueRange in) {
        Value deviation = e.sub(in[0], in[1]);
        return e.add(in[2], e.select(isStep(in[0]), e.mul(deviation, deviation),
                                     e.i64(0)));
      });
  Value limit = e.mapRows(
      logits, {squares, count, op.getN()}, e.getF32Type(),
      [&](ValueRange in) { return sigmaLimit(e, in[0], in[1], in[2]); });
  return {e.mapElements(
      logits, {logits, best, limit, op.getN()}, e.getF32Type(),
      [&](ValueRange in) {
        Value keep =
            e.compare(FPredicate::OLE, distanceOf(in[0], in[1]), in[2]);
        keep = e.bitOr(keep, e.compare(FPredicate::OLE, in[3], e.f32(0.0f)));
        keep =
            e.bitOr(keep, e.compare(FPredicate::OEQ, in[3], e.infinity(false)));
        return removeUnless(e, keep, in[0], in[0]);
      })};
}

SmallVector<Value> lowerXtc(Emitter &e, XtcOp op) {
  Value logits = op.getLogits();
  Value place = places(e, logits);
  Mass mass(e, logits);
  // The share that makes a top choice; where nothing is removed, none.
  Value least = e.mapRows(
      logits,
      {op.getProbability(), op.getThreshold(), op.getBits(), mass.total},
      e.getI64Type(),
      [&](ValueRange in) { return xtcLimit(e, in[0], in[1], in[2], in[3]); });
  auto isTop = [&](Value place, Value weight, Value least) {
    return e.bitAnd(e.compare(IPredicate::uge, weight, least),
                    e.compare(IPredicate::ne, place, e.i64(0)));
  };
  Value last = e.reduceRows(
      logits, {place, mass.weights, least}, e.i64(-1), [&](ValueRange in) {
        Value top = isTop(in[0], in[1], in[2]);
        return e.minU(in[3], e.select(top, in[0], e.i64(-1)));
      });
  return {e.mapElements(logits,
                        {logits, place, mass.weights, least, last,
                         op.getProbability(), op.getThreshold()},
                        e.getF32Type(), [&](ValueRange in) {
                          Value excluded =
                              e.bitAnd(isTop(in[1], in[2], in[3]),
                                       e.compare(IPredicate::ne, in[1], in[4]));
                          Value keep = e.select(excluded, e.isTrue(false),
                                                e.isTrue(true));
                          keep = e.bitAnd(keep, e.isNumber(in[5]));
                          keep = e.bitAnd(keep, e.isNumber(in[6]));
                          return removeUnless(e, keep, in[0], in[0]);
                        })};
}

SmallVector<Value> lowerEpsilon(Emitter &e, EpsilonOp op) {
  Value logits = op.getLogits();
  Mass mass(e, logits);
  Value least =
      e.mapRows(logits, {op.getEpsilon(), mass.total}, e.getI64Type(),
                [&](ValueRange in) { return shareOf(e, in[0], in[1]); });
  return {keepWeighing(e, logits, mass.weights, least, op.getEpsilon())};
}

SmallVector<Value> lowerEta(Emitter &e, EtaOp op) {
  Value logits = op.getLogits();
  Mass mass(e, logits);
  Value mean = means(e, mass.fixed, mass.weights, mass.total);
  Value least = e.mapRows(
      logits, {op.getEpsilon(), mass.total, mean}, e.getI64Type(),
      [&](ValueRange in) { return etaLimit(e, in[0], in[1], in[2]); });
  return {keepWeighing(e, logits, mass.weights, least, op.getEpsilon())};
}

} // namespace

Value plait::sample::temperatureOf(Emitter &e, ValueRange in) {
  Value total = e.maxU(in[0], e.i64(unitWeight));
  Value candidates = e.maxU(in[2], e.i64(2));
  Value low = in[3], high = in[4], exponent = in[5];
  auto q24 = [&](Value x) { return e.shr(log2(e, x), e.i64(32)); };
  Value entropy = e.add(e.sub(q24(total), e.i64(int64_t(44) << 24)), in[1]);
  Value ratio =
      e.sub(log2(e, e.maxS(entropy, e.i64(1))), log2(e, q24(candidates)));
  ratio = arith::SIToFPOp::create(e, e.getF32Type(), e.minS(ratio, e.i64(0)));
  Value z = e.mulF(exponent, e.mulF(ratio, e.f32(0x1p-56f)));
  // Not a number for an infinite exponent of a ratio of one, or a NaN.
  Value floor = e.f32(-45.0f), zero = e.f32(0.0f), number = e.isNumber(z);
  Value clamped = e.select(e.compare(FPredicate::OGT, z, floor), z, floor);
  clamped = e.select(e.compare(FPredicate::OLT, clamped, zero), clamped, zero);
  Value weight = exp2(e, toFixed(e, clamped));
  Value power = e.mulF(e.toFloat(weight), e.f32(0x1p-44f));
  Value result =
      arith::AddFOp::create(e, low, e.mulF(e.subF(high, low), power));
  result = e.select(number, result, e.nan());
  Value few = e.compare(IPredicate::ult, in[2], e.i64(2));
  return e.select(few, high, result);
}

Value plait::sample::etaLimit(Emitter &e, Value epsilon, Value total,
                              Value mean) {
  Value typical = exp2(e, e.sub(e.i64(0), mean));
  Value root = math::SqrtOp::create(e, epsilon);
  return e.minU(shareOf(e, epsilon, total), shareOf(e, root, typical));
}

Value plait::sample::sigmaLimit(Emitter &e, Value squares, Value count,
                                Value n) {
  Value mean = arith::DivUIOp::create(e, squares, e.maxU(count, e.i64(1)));
  Value deviation =
      e.mulF(math::SqrtOp::create(e, e.toFloat(mean)), e.f32(0x1p-12f));
  return e.mulF(n, deviation);
}

Value plait::sample::xtcLimit(Emitter &e, Value probability, Value threshold,
                              Value bits, Value total) {
  Value chance = e.mulF(e.toFloat(e.shr(bits, e.i64(40))), e.f32(0x1p-24f));
  Value on = e.bitAnd(e.compare(FPredicate::OLT, chance, probability),
                      e.compare(FPredicate::OLE, threshold, e.f32(0.5f)));
  return e.select(on, shareOf(e, threshold, total), e.i64(-1));
}

void plait::sample::populateFilters(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<Lower<TemperatureOp>>(context, lowerTemperature);
  patterns.add<Lower<DynamicTemperatureOp>>(context, lowerDynamicTemperature);
  patterns.add<Lower<TopKOp>>(context, lowerTopK);
  patterns.add<Lower<TopPOp>>(context, lowerTopP);
  patterns.add<Lower<MinPOp>>(context, lowerMinP);
  patterns.add<Lower<TypicalPOp>>(context, lowerTypicalP);
  patterns.add<Lower<TopNSigmaOp>>(context, lowerTopNSigma);
  patterns.add<Lower<XtcOp>>(context, lowerXtc);
  patterns.add<Lower<EpsilonOp>>(context, lowerEpsilon);
  patterns.add<Lower<EtaOp>>(context, lowerEta);
}
