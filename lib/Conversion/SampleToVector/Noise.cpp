//===- Noise.cpp - the greatest score of noisy candidates -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A score takes two logarithms of 64 bits, and few candidates can have the best
// one: no candidate of a chunk is better than its greatest, so to beat a score
// its noise must reach a bound, and therefore the upper half of its uniform
// number must. These halves are computed for vectors of tokens, and compared;
// scores are computed for what is left.
//
//===----------------------------------------------------------------------===//

#include "../SampleToLinalg/Emitter.h"
#include "Kernel.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace plait::sampling;
using plait::sample::Generator;

static Num signedLonger(Num word) {
  Emitter &e = *word.e;
  return e.num(arith::ExtSIOp::create(e, e.getI64Type(), word));
}

static Num greater(Num a, Num b) {
  return a.e->compare(arith::CmpIPredicate::sgt, a, b);
}

static Num rotate(Num word, int64_t by) {
  return (word << by) | (word >> (32 - by));
}

/// Word `2 (v mod 2) + 1` of Philox4x32-10 for every token `v`.
static Num philox(Num v, ArrayRef<Num> counter, Num low, Num high,
                  function_ref<Num(Num, Num)> mulhi) {
  Emitter &e = *v.e;
  auto number = [&](uint32_t word) {
    return e.constant(v.type(), int32_t(word));
  };
  Num a = number(0xD2511F53), b = number(0xCD9E8D57);
  Num c0 = (v >> 1) | int64_t(INT32_MIN), c1 = e.fit(counter[0], v.type());
  Num c2 = e.fit(counter[1], v.type()), c3 = e.fit(counter[2], v.type());
  for (int round = 0; round < 10; ++round) {
    Num x = c0, y = c2;
    c0 = mulhi(y, b) ^ c1 ^ low;
    c1 = y * b;
    c2 = mulhi(x, a) ^ c3 ^ high;
    c3 = x * a;
    low = low + int64_t(int32_t(0x9E3779B9));
    high = high + int64_t(int32_t(0xBB67AE85));
  }
  return e.select((v & 1) == 1, c3, c1);
}

/// The words of Threefry2x32-20, xored.
static Num threefry(Num x, Num y, Num first, Num second) {
  Num keys[] = {first, second, first ^ second ^ int64_t(0x1BD11BDA)};
  constexpr int rotations[] = {13, 15, 26, 6, 17, 29, 16, 24};
  x = x + keys[0];
  y = y + keys[1];
  for (int step = 0; step < 20; ++step) {
    x = x + y;
    y = rotate(y, rotations[step % 8]) ^ x;
    if (step % 4 == 3) {
      int n = step / 4 + 1;
      x = x + keys[n % 3];
      y = y + keys[(n + 1) % 3] + n;
    }
  }
  return x ^ y;
}

/// MurmurHash3_x86_32 of four words.
static Num murmur3(ArrayRef<Num> words) {
  Num h = words[0].e->i32(0);
  for (Num word : words) {
    word = rotate(word * int64_t(int32_t(0xCC9E2D51)), 15) * 0x1B873593;
    h = rotate(h ^ word, 13) * 5 + int64_t(int32_t(0xE6546B64));
  }
  h = h ^ 16;
  h = (h ^ (h >> 16)) * int64_t(int32_t(0x85EBCA6B));
  h = (h ^ (h >> 13)) * int64_t(int32_t(0xC2B2AE35));
  return h ^ (h >> 16);
}

/// The upper half of the uniform number of every token of a vector, by the
/// seed, session, sequence and position in `key`; see `sample::noiseOf`.
Num Kernel::wordOf(ArrayRef<Num> key, Num vocabulary, Num token) {
  Num low = e.to(key[0], i32), high = e.to(key[0] >> 32, i32);
  Num session = key[1], sequence = key[2], position = key[3];
  switch (*op.getGenerator()) {
  case Generator::Philox:
    return philox(token, {position, sequence, session}, low, high,
                  [&](Num a, Num b) { return mulhi32(a, b); });
  case Generator::JaxThreefry: {
    Num first = e.to(sequence, i64) * e.to(vocabulary, i64);
    Num start = e.to(first, i32), y = token + start;
    Num carry = e.to(y < e.fit(start, y.type()), i32);
    Num bits = threefry(carry + e.to(first >> 32, i32), y, high, low);
    return (bits >> 9) << 9;
  }
  case Generator::Murmur3Vllm:
    return murmur3({low, high, position, token}) ^ -1;
  case Generator::Murmur3Sglang:
    return murmur3({low, high, position, token});
  }
  llvm_unreachable("all generators are above");
}

/// A word that the upper half of a number is not below, where a candidate of at
/// most the value `ceiling` has more than `score`.
Num Kernel::leastWord(Num ceiling, Num best, Num score) {
  sample::Emitter exact(op.getLoc(), e);
  auto exp2 = [&](Num t) { return e.num(sample::exp2(exact, t)); };
  // -log2(-log2(u)) > gap, so -log2(u) < 2^-gap, here rounded up to Q24.
  Num gap = score - (signedLonger(fixedOf(ceiling, best)) << 8);
  gap = e.num(arith::ShRSIOp::create(e, gap, e.i64(8)));
  Num zero = e.i64(0), most = e.i64(45 << 24);
  Num inside = e.select(greater(gap, zero), gap, zero);
  inside = e.select(greater(inside, most), most, inside);
  Num length = (exp2(zero - inside) >> 20) + 1;
  // The power is within 2^-28; so much is left.
  Num word = (exp2(zero - length) >> 12) - 64;
  return e.to(e.select(greater(gap, zero), word, zero), i32);
}

Nums Kernel::noScore() {
  return {e.i64(INT64_MIN), e.i64(INT64_MIN), e.i32(-1), e.f32(-INFINITY)};
}

/// What `Picked` has of the best score and the second, its token and value.
Nums Kernel::drawnOf(ArrayRef<Num> scores, Num best, Num mass) {
  return {scores[2], scores[0], scores[1], mass, scores[3], best, e.i32(0)};
}

/// compete(values, indices, count, ceiling, greatest, vocabulary, key, scores) ->
/// scores: the best score and the second, the token of the best and its value,
/// after those of listed candidates, of which none is above the ceiling. The
/// second is kept where it is asked for.
void Kernel::emitCompete() {
  auto body = [&](Nums in) -> Nums {
    Num values = in[0], indices = in[1], count = in[2], ceiling = in[3];
    Num best = in[4], vocabulary = in[5];
    ArrayRef<Num> key = ArrayRef(in).slice(6, 4);
    Num least = e.i64(INT64_MIN), zero = e.i64(0);
    auto compete = [&](Num at, Nums scores) -> Nums {
      sample::Emitter exact(op.getLoc(), e);
      Num value = loadScalar(values, {at}), token = loadScalar(indices, {at});
      Num fixed = signedLonger(fixedOf(value, best));
      SmallVector<Value> keys(key.begin(), key.end());
      Value noise =
          sample::noiseOf(exact, *op.getGenerator(), e.to(vocabulary, i64),
                          keys, e.to(token, i64));
      // What weighs nothing is not drawn.
      Num weighs = e.compare(arith::CmpIPredicate::sge, fixed,
                             e.i64(-(int64_t(44) << 24)));
      Num score = e.num(sample::scoreOf(exact, fixed, noise));
      score = e.select(weighs, score, least);
      Num better = greater(score, scores[0]);
      Num second = e.select(greater(score, scores[1]), score, scores[1]);
      return {e.select(better, score, scores[0]),
              e.select(better, scores[0], second),
              e.select(better, token, scores[2]),
              e.select(better, value, scores[3])};
    };
    auto chunk = [&](Num first, Nums scores) -> Nums {
      Num bar = leastWord(ceiling, best, scores[hasNumbers() ? 1 : 0]);
      Num end = first + groupSize;
      end = e.select(end < count, end, count);
      return e.loop(first, end, lanes, scores, [&](Num at, Nums scores) {
        Num word = wordOf(key, vocabulary, loadVector(indices, {at}));
        Num in = (word >= bar) & (loadVector(values, {at}) > e.f32(-INFINITY));
        Nums state = {e.to(bitsOf(in), i64)};
        llvm::append_range(state, scores);
        Nums last = e.loopWhile(
            state,
            [&](Nums state) {
              return e.compare(arith::CmpIPredicate::ne, state[0], zero);
            },
            [&](Nums state) -> Nums {
              Num bits = state[0];
              Num lane = e.num(math::CountTrailingZerosOp::create(e, bits));
              state.erase(state.begin());
              Nums next = {bits & (bits - 1)};
              llvm::append_range(next, compete(at + e.to(lane, index), state));
              return next;
            });
        last.erase(last.begin());
        return last;
      });
    };
    Nums scores(in.begin() + 10, in.end());
    return e.loop(e.index(0), count, groupSize, scores, chunk);
  };
  SmallVector<Type> arguments = {floats, words, index, f32, f32,
                                 index,  i64,   i32,   i32, i32};
  llvm::append_range(arguments, scoreTypes());
  compete = function("compete", arguments, scoreTypes(), body);
}

/// rank(values, indices, count, items, spare) -> count: the candidates in their
/// total order. Of the one at a place `values` has the value, `items` the token
/// in its lower half, and `indices` the place.
void Kernel::emitRank() {
  constexpr int64_t digits = 256;
  auto body = [&](Nums in) -> Nums {
    Num values = in[0], indices = in[1], items = in[3], spare = in[4];
    // The upper half of an item is the less the greater its value is. Items are
    // in the order of their tokens, in which sorting leaves what is equal.
    Num count = e.loop(e.index(0), in[2], 1, {e.index(0)},
                       [&](Num at, Nums left) -> Nums {
                         Num value = loadScalar(values, {at});
                         Num key = keyOf(value) ^ 0x7fffffff;
                         Num token = e.to(loadScalar(indices, {at}), i64);
                         store((e.to(key, i64) << 32) | token, items, left[0]);
                         Num in = value > e.f32(-INFINITY);
                         return {left[0] + e.to(in, index)};
                       })[0];
    Num starts = e.num(
        memref::AllocaOp::create(e, MemRefType::get({4 * digits}, index)));
    e.loop(e.index(0), e.index(4 * digits), 1,
           [&](Num at) { store(e.index(0), starts, at); });
    auto placeOf = [&](Num item, int64_t digit) {
      Num bits = (item >> (32 + 8 * digit)) & (digits - 1);
      return e.to(bits, index) + digit * digits;
    };
    e.loop(e.index(0), count, 1, [&](Num at) {
      Num item = loadScalar(items, {at});
      for (int64_t digit = 0; digit < 4; ++digit) {
        Num place = placeOf(item, digit);
        store(loadScalar(starts, {place}) + 1, starts, place);
      }
    });
    for (int64_t digit = 0; digit < 4; ++digit) {
      (void)e.loop(e.index(digit * digits), e.index((digit + 1) * digits), 1,
                   {e.index(0)}, [&](Num at, Nums before) -> Nums {
                     Num own = loadScalar(starts, {at});
                     store(before[0], starts, at);
                     return {before[0] + own};
                   });
      e.loop(e.index(0), count, 1, [&](Num at) {
        Num item = loadScalar(items, {at}), place = placeOf(item, digit);
        Num to = loadScalar(starts, {place});
        store(item, spare, to);
        store(to + 1, starts, place);
      });
      std::swap(items, spare);
    }
    e.loop(e.index(0), count, 1, [&](Num at) {
      Num key = e.to(loadScalar(items, {at}) >> 32, i32);
      store(valueOf(key ^ 0x7fffffff), values, at);
      store(e.to(at, i32), indices, at);
    });
    store(e.constant(VectorType::get({lanes}, f32), -INFINITY), values, count);
    return {count};
  };
  rank = function("rank", {floats, words, index, longs, longs}, {index}, body);
}

/// The best scores of a list whose values are at most `best`.
Nums Kernel::competeInList(const Listed &list, Num count, Num best,
                           ArrayRef<Num> key, Num size) {
  auto scoresOf = [&](Num count) {
    Nums arguments = {list.values, list.indices, count, best, best, size};
    llvm::append_range(arguments, key.take_front(4));
    llvm::append_range(arguments, noScore());
    return call(compete, arguments);
  };
  if (!op.getByPlace())
    return scoresOf(count);
  return e.choose(
      key[4] == 0, scoreTypes(), [&] { return scoresOf(count); },
      [&] {
        Num ranked = call(rank, {list.values, list.indices, count, list.weights,
                                 list.spareWeights})[0];
        Nums scores = scoresOf(ranked);
        Num place = e.to(scores[2], index);
        scores[2] = e.to(loadScalar(list.weights, {place}), i32);
        return scores;
      });
}

/// compete_in_row(row, temperature, greatest, greatest of groups, base, from, to,
/// vocabulary, key) -> scores: those of a part of a row. A group that cannot have
/// the best is not looked at.
void Kernel::emitCompeteInRow() {
  auto body = [&](Nums in) -> Nums {
    Row row = takeRow(in);
    Num temperature = in[0], best = in[1], groupsBest = in[2], base = in[3];
    Num from = in[4], to = in[5], size = in[6];
    ArrayRef<Num> key = ArrayRef(in).drop_front(7);
    auto scratch = [&](Type type) {
      return e.num(memref::AllocaOp::create(
          e, MemRefType::get({groupSize + padding}, type),
          e.getI64IntegerAttr(64)));
    };
    Num values = scratch(f32), indices = scratch(i32);
    Value tail = tailOf(row, to * groupSize > size);
    Num iota = iotaOf();
    return e.loop(from, to, 1, noScore(), [&](Num group, Nums scores) -> Nums {
      Num ceiling = divide(loadScalar(groupsBest, {base + group}), temperature);
      // No noise is above 57.
      Num most = (signedLonger(fixedOf(ceiling, best)) << 8) +
                 e.i64(int64_t(57) << 32);
      Num can = greater(most, scores[hasNumbers() ? 1 : 0]);
      return e.choose(
          can, scoreTypes(),
          [&] {
            (void)onGroup(row, tail, group, {}, [&](const Group &g) -> Nums {
              e.loop(e.index(0), e.index(groupSize), lanes, [&](Num at) {
                store(divide(loadLogits(g, at), temperature), values, at);
                Num first = e.to(group * groupSize + at, i32);
                store(iota + first, indices, at);
              });
              return {};
            });
            Nums arguments = {values,  indices, e.index(groupSize),
                              ceiling, best,    size};
            llvm::append_range(arguments, key);
            llvm::append_range(arguments, scores);
            return call(compete, arguments);
          },
          [&] { return scores; });
    });
  };
  competeInRow = function("compete_in_row",
                          rowAnd({f32, f32, floats, index, index, index, index,
                                  i64, i32, i32, i32}),
                          scoreTypes(), body);
}

/// The scores of a row, by those of its parts: `count` places of `memory` from
/// `first` on.
Nums Kernel::mergeScores(ArrayRef<Num> memory, Num first, Num count) {
  return e.loop(
      first, first + count, 1, noScore(), [&](Num at, Nums scores) -> Nums {
        Nums more = llvm::map_to_vector(
            memory, [&](Num each) { return loadScalar(each, {at}); });
        Num better = greater(more[0], scores[0]);
        Num less = e.select(better, scores[0], more[0]);
        Num second = e.select(greater(more[1], scores[1]), more[1], scores[1]);
        return {e.select(better, more[0], scores[0]),
                e.select(greater(less, second), less, second),
                e.select(better, more[2], scores[2]),
                e.select(better, more[3], scores[3])};
      });
}
