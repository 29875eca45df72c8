//===- Finish.cpp - what there is to do for a row -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../SampleToLinalg/Emitter.h"
#include "Kernel.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace plait::sampling;

/// The integer mass that `p` asks for, as the specification rounds it.
Num Kernel::target(Num p, Num total) {
  // p * 2^64 for p in (0, 1); below that rounded down.
  Num fixed = e.num(arith::FPToUIOp::create(
      e, i64, e.select(p > e.f32(0), p, e.f32(0)) * e.f32(0x1p64)));
  auto product = arith::MulUIExtendedOp::create(e, fixed, total);
  Num rest =
      e.compare(arith::CmpIPredicate::ne, e.num(product.getLow()), e.i64(0));
  Num ceil = e.num(product.getHigh()) + e.to(rest, i64);
  return e.select(ceil == 0, e.i64(1), ceil);
}

/// `p` of a mass; 0 for NaN.
Num Kernel::share(Num p, Num total) {
  sample::Emitter exact(op.getLoc(), e);
  return e.num(sample::shareOf(exact, p, total));
}

Num Kernel::sumOf(Num sums, Num base, Num count) {
  return e.loop(e.index(0), count, 1, {e.i64(0)},
                [&](Num at, Nums sum) -> Nums {
                  return {sum[0] + loadScalar(sums, {base + at})};
                })[0];
}

/// What the operands of one row ask for.
Kernel::Parameters Kernel::parametersOf(ArrayRef<Num> operands, Num size) {
  Parameters result;
  Num zero = e.f32(0), t = operands[0], k = e.to(operands[1], i64);
  Num minP = operands[2], p = operands[3];
  size = e.to(size, i64);
  Num yes = e.constant(i1, 1);
  // A parameter out of its domain removes every candidate.
  result.valid = (t >= zero) & (t < e.f32(INFINITY)) &
                 e.compare(arith::CmpFPredicate::ORD, p, minP) & operands[10];
  // Temperature zero, and no bits to draw with, are the best candidate alone,
  // but for a log-probability, which is one among all, and what may follow.
  bool isGreedy = !op.getBits() && !op.getSeed() && !hasNumbers() && !hasRest();
  result.greedy = isGreedy ? yes : t == zero;
  result.temperature = e.select(t > zero, t, e.f32(1));
  Num off = e.compare(arith::CmpIPredicate::sle, operands[1], e.i32(0));
  k = e.select(off | (k >= size), size, k);
  result.k = e.select(result.greedy, e.i64(1), k);
  result.limited = result.k < size;
  result.p = p;
  result.cut = p < e.f32(1);
  result.minP = minP;
  // Less is a share of nothing, which all have.
  result.share = minP >= e.f32(0x1p-64);
  Num no = e.constant(i1, 0);
  result.shared =
      e.select(result.cut, op.getMinPLast() ? no : result.share, result.share);
  return result;
}

/// The log-probability and the margin of what was picked: how near the draw
/// lies to an end of its interval, or what the second best lacks.
Nums Kernel::numbersOf(const Picked &picked) {
  sample::Emitter exact(op.getLoc(), e);
  Num margin, value = picked.value, best = picked.best;
  if (op.getBits()) {
    Num last = picked.weight - 1 - picked.rest;
    Num distance = e.select(picked.rest < last, picked.rest, last);
    auto toFloat = [&](Num value) {
      return e.num(arith::UIToFPOp::create(e, f32, value));
    };
    margin = toFloat(distance) / toFloat(picked.total);
  } else if (op.getSeed()) {
    Num gap = e.num(sample::toNats(exact, picked.rest - picked.weight));
    Num isAlone = picked.weight == e.i64(INT64_MIN);
    margin = e.select(isAlone, e.f32(INFINITY), gap);
  } else {
    // Two infinities differ by nothing, not by NaN.
    margin = e.select(best == value, e.f32(0), best - value);
    value = best;
  }
  Num mass = (e.num(sample::log2(exact, picked.total)) >> 24) -
             e.i64(int64_t(44) << 32);
  Num fixed = e.num(arith::ExtSIOp::create(e, i64, fixedOf(value, best)));
  return {e.num(sample::toNats(exact, (fixed << 8) - mass)), margin};
}

/// finish(row, greatest, sums, base, nan, temperature, k, min-p, p, bits, key,
/// by place, valid, the scores of parts, or the rest's operands) -> token, flags
/// (, log-probability, margin)
void Kernel::emitFinish() {
  Num least;
  auto body = [&](Nums in) -> Nums {
    Row row = takeRow(in);
    Num best = in[0], sums = in[1], base = in[2], nan = in[3], bits = in[8];
    ArrayRef<Num> keys = ArrayRef(in).slice(8, 6),
                  more = ArrayRef(in).drop_front(15);
    Num size = dim(row.logits, 1);
    Parameters the = parametersOf(ArrayRef(in).drop_front(4), size);
    Num t = the.temperature, padded = paddedGroups(size);
    least = e.f32(std::numeric_limits<float>::lowest());
    Line line = lineOf(t, call(greatest, {best, base, size})[0]);
    e.loop(e.index(0), padded, lanes, [&](Num at) {
      Num top = loadVector(best, {base + at});
      store(divide(top, t), best, base + at);
    });
    Num m = call(greatest, {best, base, size})[0];

    // One block, as to ask for one takes a while.
    Num length = (size + (groupSize + padding)) / 64 * 64 + 64;
    Value block = memref::AllocOp::create(e, buffer(1, e.getI8Type()),
                                          ValueRange{length * 28},
                                          e.getI64IntegerAttr(64));
    int64_t begin = 0;
    auto part = [&](MemRefType type) {
      Value view = memref::ViewOp::create(e, type, block, length * begin,
                                          ValueRange{length});
      begin += type.getElementTypeBitWidth() / 8;
      return e.num(view);
    };
    Listed all = {part(floats), part(words), part(longs), part(floats),
                  part(longs)};
    Num values = all.values, weights = all.weights, rest = all.spare;
    Num restWeights = all.spareWeights, none = e.i32(0);

    auto listed = [&](Num bound) {
      return callOnRow(
          collect, row,
          {best, base, t, bound, all.indices, values, line.scale, line.offset});
    };
    auto list = [&](Num bound) { return listed(bound)[0]; };
    auto weighTheList = [&](Num count) { return massOf(all, count, m); };
    SmallVector<Type> drawn = drawnTypes();
    auto fromList = [&](Num count, Num mass) -> Nums {
      if (!hasRest())
        return pickFrom(all, count, m, mass, keys, size);
      Nums arguments = {row.row, size, values,      all.indices,
                        weights, rest, restWeights, count};
      llvm::append_range(arguments, keys);
      llvm::append_range(arguments, more);
      return call(this->rest, arguments);
    };
    auto boundOfMass = [&](Num count, Num goal, Num low, Num slack) {
      low = e.max(low, leastWeighing(m));
      return call(bisectMass, {values, e.index(0), count, goal, low, m, slack,
                               rest, weights, restWeights})[0];
    };
    // Keeps the mass `goal` of a list that has it.
    auto cutToMass = [&](Num count, Num goal, Num low) {
      Num bound = boundOfMass(count, goal, low, e.i64(0));
      return call(cutMass, {values, count, bound, goal, weights});
    };
    auto sampled = [&](Num left, Num weighed) {
      return callOnRow(suggestBound, row,
                       {t, m, left, weighed, values, rest})[0];
    };
    Num count = groups(size), no = e.constant(i1, 0), yes = e.constant(i1, 1);

    auto fromBest = [&](Num k) -> Nums {
      // k groups have at least k candidates that reach the k-th of their
      // greatest. For a greater k look at a sample.
      Num bound =
          e.choose(
               k == 1, {f32}, [&]() -> Nums { return {e.max(m, least)}; },
               [&] {
                 return e.choose(
                     k > e.to(count, i64), {f32},
                     [&]() -> Nums {
                       Num left = e.to(size, i64), ample = k + (k >> 1);
                       left = e.select(left > ample, left - ample, e.i64(0));
                       return {sampled(left, no)};
                     },
                     [&] {
                       return call(bisectCount, {best, base, count, k, least, m,
                                                 e.i64(1 << 12), rest});
                     });
               })
              .front();
      Nums listed = e.loopWhile(
          {bound, list(bound)},
          [&](Nums state) {
            return e.select(state[0] > least, e.to(state[1], i64) < k, no);
          },
          [&](Nums) -> Nums { return {least, list(least)}; });
      e.when(e.to(listed[1], i64) > k, [&] {
        Num bound = call(bisectCount, {values, e.index(0), listed[1], k,
                                       listed[0], m, e.i64(0), rest})[0];
        Num ties = e.select(the.greedy, no, e.constant(i1, op.getKeepTies()));
        call(cutCount, {values, listed[1], bound, k, ties});
      });
      return {listed[1], listed[0]};
    };

    // What weighs enough has at least the power of two below min-p, and half of
    // that leaves room for what is rounded.
    auto fromShare = [&]() -> Nums {
      Num bits = e.bitcast(the.minP, i32) >> 23;
      Num exponent = e.num(arith::SIToFPOp::create(e, f32, bits - e.i32(128)));
      exponent = e.select(exponent < e.f32(0), exponent, e.f32(-1));
      Num bound = e.max(m + exponent * e.f32(0x1.63p-1), least);
      return {list(bound), bound};
    };

    auto cutToShare = [&](Num count, Num mass) {
      Num least = share(the.minP, e.i64(sample::unitWeight));
      return e.choose(
          the.share, {i64},
          [&] { return call(cutShare, {values, weights, count, least}); },
          [&]() -> Nums { return {mass}; })[0];
    };

    auto weighAll = [&] {
      callOnRow(weigh, row, {sums, base, t, m, e.index(0), groups(size)});
      return sumOf(sums, base, groups(size));
    };

    // Keeps the share p of the mass of all candidates of a list, which may have
    // less, where that lies between the goals. What is above the last one kept
    // tells whether the lower goal ends there too; if not, nothing that is needed
    // has been cut.
    auto cutBetween = [&](Num count, Num mass, Num lowGoal, Num goal, Num low) {
      auto cutTo = [&](Num goal, Num mass) {
        return e.choose(
            goal <= mass, {i64, i64},
            [&] { return cutToMass(count, goal, low); },
            [&]() -> Nums { return {mass, e.i64(0)}; });
      };
      Nums cut = cutTo(goal, mass);
      return e.choose(
          cut[0] - cut[1] < lowGoal, {i64}, [&]() -> Nums { return {cut[0]}; },
          [&]() -> Nums {
            return {cutTo(target(the.p, weighAll()), cut[0])[0]};
          })[0];
    };

    // What follows a list that holds all that can be kept.
    auto fromLimited = [&](Nums list) -> Nums {
      Num count = list[0], mass = weighTheList(count);
      if (!op.getMinPLast())
        mass = cutToShare(count, mass);
      mass = e.choose(
          the.cut, {i64},
          [&]() -> Nums {
            if (!op.getFullMass())
              return {cutToMass(count, target(the.p, mass), list[1])[0]};
            Num all = sumOf(sums, base, groups(size));
            Num slack = slackOf(all, size, m);
            return {cutBetween(count, mass, target(the.p, all - slack),
                               target(the.p, all + slack), list[1])};
          },
          [&]() -> Nums { return {mass}; })[0];
      if (op.getMinPLast())
        mass = cutToShare(count, mass);
      return fromList(count, mass);
    };

    auto fromMass = [&]() -> Nums {
      Num all = sumOf(sums, base, count), slack = slackOf(all, size, m);
      Num lowGoal = target(the.p, all - slack);
      Num goal = target(the.p, all + slack);
      // Maybe the groups' greatest have the mass; if not, look at a sample,
      // and if that promised too much, for less and less to be left out.
      e.loop(e.index(0), padded, lanes,
             [&](Num at) { store(loadVector(best, {base + at}), values, at); });
      Num enough = weighTheList(count) >= goal;
      Num left = e.select(all > goal, all - goal, e.i64(0));
      left = left - (left >> 2);
      Num bound = e.choose(
          enough, {f32},
          [&]() -> Nums {
            return {boundOfMass(count, goal, least, e.i64(1 << 12))};
          },
          [&]() -> Nums { return {sampled(left, yes)}; })[0];
      auto weighed = [&](Num left, Num bound) -> Nums {
        Nums found = listed(bound);
        return {left, bound, found[0], weighTheList(found[0]), found[1]};
      };
      Nums last = e.loopWhile(
          weighed(left, bound),
          [&](Nums state) {
            return e.select(state[1] > least, state[3] < goal, no);
          },
          [&](Nums state) -> Nums {
            Num left = state[0] >> 2;
            return weighed(left, sampled(left, yes));
          });
      Num low = last[1], count = last[2], mass = last[3];
      // What is listed has its exact weights now, so that estimates, and what
      // they can be off, are those of the rest. About the mean of |u| there, see
      // `slackOf`: that times the rest's weight is below 20 of it and 0.54 of
      // the greatest weight, which makes 2 parts in 2^24 of the sum; additions
      // are still 10 to 20 of it.
      Num estimated = e.select(line.fits, last[4], mass);
      Num rest = e.select(all > estimated, all - estimated, e.i64(0));
      slack = slackOf(rest, size, m) + ((all >> 24) + 1) * 24;
      Num around = mass + rest;
      Num closer =
          target(the.p, around - e.select(slack < around, slack, around));
      lowGoal = e.select(closer > lowGoal, closer, lowGoal);
      closer = target(the.p, around + slack);
      goal = e.select(closer < goal, closer, goal);
      // A list of all candidates has the exact mass.
      Num whole = low <= least;
      Num exact = target(the.p, mass);
      lowGoal = e.select(whole, exact, lowGoal);
      goal = e.select(whole, exact, goal);
      mass = cutBetween(count, mass, lowGoal, goal, low);
      if (op.getMinPLast())
        mass = cutToShare(count, mass);
      return fromList(count, mass);
    };

    auto fromAll = [&]() -> Nums {
      if (hasRest())
        return fromList(list(least), e.i64(0));
      if (op.getSeed()) {
        Num mass = hasNumbers() ? sumOf(sums, base, count) : e.i64(1);
        auto inRow = [&] {
          return drawnOf(mergeScores(more.take_front(4), more[4], more[5]), m,
                         mass);
        };
        if (!op.getByPlace())
          return inRow();
        return e.choose(keys.back() == 0, drawn, inRow,
                        [&] { return fromList(list(least), mass); });
      }
      if (!op.getBits())
        return fromList(fromBest(e.i64(2))[0], sumOf(sums, base, count));
      auto draw = [&](Num slack) {
        Nums found =
            callOnRow(drawAll, row, {t, m, sums, base, slack, bits, weights});
        found.append({m, none});
        return found;
      };
      if (hasNumbers())
        return draw(e.i64(0));
      Nums first = draw(slackOf(sumOf(sums, base, count), size, m));
      return e.choose(
          first[0] == -1, drawn,
          [&] {
            weighAll();
            return draw(e.i64(0));
          },
          [&] { return first; });
    };

    Num some = the.valid & (m > e.f32(-INFINITY));
    Nums taken = e.choose(
        some, drawn,
        [&] {
          return e.choose(
              the.limited, drawn, [&] { return fromLimited(fromBest(the.k)); },
              [&] {
                return e.choose(
                    the.shared, drawn, [&] { return fromLimited(fromShare()); },
                    [&] {
                      return e.choose(the.cut, drawn, fromMass, fromAll);
                    });
              });
        },
        [&]() -> Nums {
          return {e.i32(-1), e.i64(0), e.i64(1), e.i64(1), m, m, none};
        });
    some = (taken[0] == -1) ^ 1;
    Nums results = {taken[0],
                    nan | taken[6] | e.select(some, e.i32(0), e.i32(2))};
    if (hasNumbers()) {
      Picked drawn = {taken[1], taken[2], taken[3], taken[4], taken[5]};
      for (Num number : numbersOf(drawn))
        results.push_back(e.select(some, number, e.f32(NAN)));
    }
    return results;
  };
  SmallVector<Type> results = {i32, i32};
  if (hasNumbers())
    results.append(2, f32);
  SmallVector<Type> arguments =
      rowAnd({floats, longs, index, i32, f32, i32, f32, f32, i64, i64, i32, i32,
              i32, i32, i1});
  if (competesInRows())
    arguments.append({longs, longs, words, floats, index, index});
  llvm::append_range(arguments, typesOfRest());
  finish = function("finish", arguments, results, body);
}
