//===- Picks.cpp - random bits, and what takes a token -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"

using namespace mlir;
using namespace plait::sample;

namespace {

//===----------------------------------------------------------------------===//
// Generators, on i32
//===----------------------------------------------------------------------===//

/// Philox4x32-10 (Salmon et al., SC'11).
std::array<Value, 4> philox(Emitter &e, std::array<Value, 4> counter,
                            std::array<Value, 2> key) {
  for (int round = 0; round < 10; ++round) {
    if (round) {
      key[0] = e.add(key[0], e.i32(0x9E3779B9));
      key[1] = e.add(key[1], e.i32(0xBB67AE85));
    }
    auto a = arith::MulUIExtendedOp::create(e, counter[0], e.i32(0xD2511F53));
    auto b = arith::MulUIExtendedOp::create(e, counter[2], e.i32(0xCD9E8D57));
    counter = {e.bitXor(e.bitXor(b.getHigh(), counter[1]), key[0]), b.getLow(),
               e.bitXor(e.bitXor(a.getHigh(), counter[3]), key[1]), a.getLow()};
  }
  return counter;
}

Value rotate(Emitter &e, Value word, int by) {
  return e.bitOr(e.shl(word, e.i32(by)), e.shr(word, e.i32(32 - by)));
}

/// Threefry2x32-20 (the same paper).
std::array<Value, 2> threefry(Emitter &e, std::array<Value, 2> counter,
                              std::array<Value, 2> key) {
  Value parity = e.bitXor(e.bitXor(key[0], key[1]), e.i32(0x1BD11BDA));
  Value keys[] = {key[0], key[1], parity};
  Value x = e.add(counter[0], keys[0]), y = e.add(counter[1], keys[1]);
  constexpr int rotations[] = {13, 15, 26, 6, 17, 29, 16, 24};
  for (int step = 0; step < 20; ++step) {
    x = e.add(x, y);
    y = e.bitXor(rotate(e, y, rotations[step % 8]), x);
    if (step % 4 == 3) {
      int n = step / 4 + 1;
      x = e.add(x, keys[n % 3]);
      y = e.add(e.add(y, keys[(n + 1) % 3]), e.i32(n));
    }
  }
  return {x, y};
}

/// MurmurHash3_x86_32 of four words.
Value murmur3(Emitter &e, std::array<Value, 4> words) {
  Value h = e.i32(0);
  for (Value word : words) {
    word = rotate(e, e.mul(word, e.i32(0xCC9E2D51)), 15);
    word = e.mul(word, e.i32(0x1B873593));
    h = e.add(e.mul(rotate(e, e.bitXor(h, word), 13), e.i32(5)),
              e.i32(0xE6546B64));
  }
  h = e.bitXor(h, e.i32(16));
  h = e.mul(e.bitXor(h, e.shr(h, e.i32(16))), e.i32(0x85EBCA6B));
  h = e.mul(e.bitXor(h, e.shr(h, e.i32(13))), e.i32(0xC2B2AE35));
  return e.bitXor(h, e.shr(h, e.i32(16)));
}

Value lowWord(Emitter &e, Value x) { return e.narrow(x); }
Value highWord(Emitter &e, Value x) { return e.narrow(e.shr(x, e.i64(32))); }
Value concatWords(Emitter &e, Value low, Value high) {
  return e.bitOr(e.widen(low), e.shl(e.widen(high), e.i64(32)));
}

SmallVector<Value> lowerRandom(Emitter &e, RandomOp op) {
  return {e.mapRows(op.getSeed(), op.getOperands(), e.getI64Type(),
                    [&](ValueRange in) {
                      Value session = in[1], sequence = in[2], position = in[3];
                      Value lane = e.i32(op.getLane());
                      std::array<Value, 4> words =
                          philox(e, {lane, position, sequence, session},
                                 {lowWord(e, in[0]), highWord(e, in[0])});
                      return concatWords(e, words[0], words[1]);
                    })};
}

//===----------------------------------------------------------------------===//
// Picks
//===----------------------------------------------------------------------===//

/// The element of `values` at the row's token; 0 for the error index.
Value atToken(Emitter &e, Value logits, Value values, Value tokens) {
  return e.reduceRows(logits, {values, tokens}, e.i64(0), [&](ValueRange in) {
    Value isToken = e.compare(IPredicate::eq, e.narrow(e.token()), in[1]);
    return e.select(isToken, in[0], in[2]);
  });
}

/// Tokens, flags, log-probabilities and margins, of which the first and the
/// last are known; no token is -1.
SmallVector<Value> pick(Emitter &e, Value logits, Value fixed, Value weights,
                        Value tokens, Value margins) {
  Value nans = e.reduceRows(logits, logits, e.i32(0), [&](ValueRange in) {
    return e.bitOr(in[1], e.select(e.isNaN(in[0]), e.i32(1), e.i32(0)));
  });
  auto isNone = [&](Value token) {
    return e.compare(IPredicate::slt, token, e.i32(0));
  };
  Value flags =
      e.mapRows(logits, {nans, tokens}, e.getI32Type(), [&](ValueRange in) {
        return e.bitOr(in[0], e.select(isNone(in[1]), e.i32(2), e.i32(0)));
      });
  Value logprobs = e.mapRows(
      logits, {tokens, atToken(e, logits, fixed, tokens), sumRows(e, weights)},
      e.getF32Type(), [&](ValueRange in) {
        Value total = e.maxU(in[2], e.i64(unitWeight));
        Value mass =
            e.sub(e.shr(log2(e, total), e.i64(24)), e.i64(int64_t(44) << 32));
        Value nats = toNats(e, e.sub(e.shl(in[1], e.i64(8)), mass));
        return e.select(isNone(in[0]), e.nan(), nats);
      });
  Value numbers =
      e.mapRows(logits, {tokens, margins}, e.getF32Type(), [&](ValueRange in) {
        return e.select(isNone(in[0]), e.nan(), in[1]);
      });
  return {tokens, flags, logprobs, numbers};
}

SmallVector<Value> lowerDraw(Emitter &e, DrawOp op) {
  Value logits = op.getLogits();
  Value fixed = fixedPoint(e, logits), weight = weights(e, logits, fixed);
  Value total = sumRows(e, weight);
  Value r = e.mapRows(logits, {op.getBits(), total}, e.getI64Type(),
                      [&](ValueRange in) { return e.mulhi(in[0], in[1]); });
  // The first prefix above r is the first that reaches r + 1.
  Value target = e.mapRows(logits, r, e.getI64Type(), [&](ValueRange in) {
    return e.add(in[0], e.i64(1));
  });
  Value place = e.mapElements(logits, logits, e.getI64Type(),
                              [&](ValueRange) { return reversedIndex(e); });
  Value drawn = selectPlace(e, place, weight, target, indexBits);
  Value tokens =
      e.mapRows(logits, {drawn, total}, e.getI32Type(), [&](ValueRange in) {
        Value token = e.narrow(e.sub(e.i64(lastIndex), in[0]));
        Value none = e.compare(IPredicate::eq, in[1], e.i64(0));
        return e.select(none, e.i32(-1), token);
      });
  Value above = e.reduceRows(
      logits, {place, weight, drawn}, e.i64(0), [&](ValueRange in) {
        Value before = e.compare(IPredicate::uge, in[0], in[2]);
        return e.add(in[3], e.select(before, in[1], e.i64(0)));
      });
  Value own = atToken(e, logits, weight, tokens);
  Value margins = e.mapRows(
      logits, {r, above, own, total}, e.getF32Type(), [&](ValueRange in) {
        Value right = e.sub(e.sub(in[1], e.i64(1)), in[0]);
        Value left = e.sub(in[0], e.sub(in[1], in[2]));
        return e.divF(e.toFloat(e.minU(left, right)), e.toFloat(in[3]));
      });
  return pick(e, logits, fixed, weight, tokens, margins);
}

/// The f32 whose place this is; -0.0 has become +0.0.
Value valueOf(Emitter &e, Value place) {
  Value key = e.narrow(e.shr(place, e.i64(indexBits)));
  Value negative = e.compare(IPredicate::sge, key, e.i32(0));
  Value bits = e.select(negative, e.bitXor(key, e.i32(-1)),
                        e.bitXor(key, e.i32(INT32_MIN)));
  return arith::BitcastOp::create(e, e.getF32Type(), bits);
}

SmallVector<Value> lowerGreedy(Emitter &e, GreedyOp op) {
  Value logits = op.getLogits();
  Value place = places(e, logits), best = bestPlaces(e, place);
  Value tokens = e.mapRows(logits, best, e.getI32Type(), [&](ValueRange in) {
    Value token = e.sub(e.i64(lastIndex), e.bitAnd(in[0], e.i64(lastIndex)));
    Value none = e.compare(IPredicate::eq, in[0], e.i64(0));
    return e.select(none, e.i32(-1), e.narrow(token));
  });
  Value second =
      e.reduceRows(logits, {place, best}, e.i64(0), [&](ValueRange in) {
        Value isBest = e.compare(IPredicate::eq, in[0], in[1]);
        return e.maxU(in[2], e.select(isBest, e.i64(0), in[0]));
      });
  Value margins =
      e.mapRows(logits, {best, second}, e.getF32Type(), [&](ValueRange in) {
        Value a = valueOf(e, in[0]), b = valueOf(e, in[1]);
        Value equal = e.compare(FPredicate::OEQ, a, b);
        Value margin = e.select(equal, e.f32(0.0f), e.subF(a, b));
        Value alone = e.compare(IPredicate::eq, in[1], e.i64(0));
        return e.select(alone, e.infinity(false), margin);
      });
  Value fixed = fixedPoint(e, logits);
  return pick(e, logits, fixed, weights(e, logits, fixed), tokens, margins);
}

/// Of every candidate, how many are before it in the total order.
Value ranks(Emitter &e, Value logits) {
  Value place = places(e, logits), start = e.fill(logits, 2, e.i64(0));
  AffineExpr row, token, other;
  bindDims(e.getContext(), row, token, other);
  SmallVector<SmallVector<AffineExpr, 4>, 3> dims = {
      {row, token}, {row, other}, {row, token}};
  auto maps = AffineMap::inferFromExprList(dims, e.getContext());
  SmallVector<utils::IteratorType> iterators(3, utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  auto body = [&](OpBuilder &builder, Location loc, ValueRange in) {
    Value isBefore =
        arith::CmpIOp::create(builder, loc, IPredicate::ult, in[0], in[1]);
    Value one =
        arith::ExtUIOp::create(builder, loc, builder.getI64Type(), isBefore);
    Value sum = arith::AddIOp::create(builder, loc, in[2], one);
    linalg::YieldOp::create(builder, loc, sum);
  };
  return linalg::GenericOp::create(e, start.getType(), ValueRange{place, place},
                                   start, maps, iterators, body)
      .getResult(0);
}

SmallVector<Value> lowerGumbel(Emitter &e, GumbelOp op) {
  Value logits = op.getLogits();
  Value fixed = fixedPoint(e, logits), weight = weights(e, logits, fixed);
  Value vocabulary = arith::IndexCastOp::create(
      e, e.getI64Type(), tensor::DimOp::create(e, logits, 1));
  Value nothing = e.i64(INT64_MIN);
  // What noise is counted by: tokens, or, in some rows, places.
  Value number = e.mapElements(logits, logits, e.getI64Type(),
                               [&](ValueRange) { return e.token(); });
  if (Value byPlace = op.getByPlace())
    number = e.mapElements(logits, {number, ranks(e, logits), byPlace},
                           e.getI64Type(), [&](ValueRange in) {
                             Value isToken =
                                 e.compare(IPredicate::eq, in[2], e.i32(0));
                             return e.select(isToken, in[0], in[1]);
                           });
  Value scores =
      e.mapElements(logits,
                    {fixed, weight, op.getSeed(), op.getSession(),
                     op.getSequence(), op.getPosition(), number},
                    e.getI64Type(), [&](ValueRange in) {
                      Value u = noiseOf(e, op.getGenerator(), vocabulary,
                                        in.slice(2, 4), in[6]);
                      Value score = scoreOf(e, in[0], u);
                      Value live = e.compare(IPredicate::ne, in[1], e.i64(0));
                      return e.select(live, score, nothing);
                    });
  Value best = e.reduceRows(logits, scores, nothing, [&](ValueRange in) {
    return e.maxS(in[0], in[1]);
  });
  // The first with the best score; -1 is the greatest unsigned.
  Value first = e.reduceRows(
      logits, {scores, best, number}, e.i64(-1), [&](ValueRange in) {
        Value isBest = e.bitAnd(e.compare(IPredicate::eq, in[0], in[1]),
                                e.compare(IPredicate::ne, in[0], nothing));
        Value found = e.bitOr(e.shl(in[2], e.i64(32)), e.token());
        return e.minU(in[3], e.select(isBest, found, e.i64(-1)));
      });
  Value tokens = e.mapRows(logits, first, e.getI32Type(),
                           [&](ValueRange in) { return e.narrow(in[0]); });
  Value second =
      e.reduceRows(logits, {scores, tokens}, nothing, [&](ValueRange in) {
        Value isToken = e.compare(IPredicate::eq, e.narrow(e.token()), in[1]);
        return e.maxS(in[2], e.select(isToken, nothing, in[0]));
      });
  Value margins =
      e.mapRows(logits, {best, second}, e.getF32Type(), [&](ValueRange in) {
        Value alone = e.compare(IPredicate::eq, in[1], nothing);
        return e.select(alone, e.infinity(false),
                        toNats(e, e.sub(in[0], in[1])));
      });
  return pick(e, logits, fixed, weight, tokens, margins);
}

/// The chain that it means.
SmallVector<Value> lowerFused(Emitter &e, FusedOp op) {
  Value logits = op.getLogits();
  auto type = op.getLogits().getType();
  if (!type.getElementType().isF32())
    logits = arith::ExtFOp::create(e, type.clone(e.getF32Type()), logits,
                                   /*fastmath=*/arith::FastMathFlagsAttr());
  auto add = [&](Region &part) {
    if (part.empty())
      return;
    IRMapping mapping;
    Block &block = part.front();
    mapping.map(block.getArgument(0), logits);
    for (Operation &each : block.without_terminator())
      e.clone(each, mapping);
    logits = mapping.lookup(block.getTerminator()->getOperand(0));
  };
  add(op.getEdits());
  if (Value t = op.getTemperature())
    logits = TemperatureOp::create(e, logits, t);
  Value full = op.getFullMass() ? logits : Value();
  if (Value k = op.getK())
    logits = TopKOp::create(e, logits.getType(), logits, k, op.getKeepTies());
  auto minP = [&] {
    if (Value p = op.getMinP())
      logits = MinPOp::create(e, logits, p);
  };
  if (!op.getMinPLast())
    minP();
  if (Value p = op.getP())
    logits = TopPOp::create(e, logits.getType(), logits, p, full,
                            /*keep_ties=*/false);
  if (op.getMinPLast())
    minP();
  add(op.getRest());
  Operation *pick;
  if (op.getBits())
    pick = DrawOp::create(e, logits, op.getBits());
  else if (op.getSeed())
    pick = GumbelOp::create(e, op.getGeneratorAttr(), logits, op.getSeed(),
                            op.getSession(), op.getSequence(), op.getPosition(),
                            op.getByPlace());
  else
    pick = GreedyOp::create(e, logits);
  return llvm::to_vector_of<Value>(
      pick->getResults().take_front(op->getNumResults()));
}

} // namespace

Value plait::sample::noiseOf(Emitter &e, Generator generator, Value vocabulary,
                             ValueRange key, Value token) {
  Value low = lowWord(e, key[0]), high = highWord(e, key[0]);
  Value session = key[1], sequence = key[2], position = key[3];
  Value v = e.narrow(token);
  switch (generator) {
  case Generator::Philox: {
    Value lane = e.bitOr(e.shr(v, e.i32(1)), e.i32(INT32_MIN));
    std::array<Value, 4> words =
        philox(e, {lane, position, sequence, session}, {low, high});
    Value even = e.compare(IPredicate::eq, e.bitAnd(v, e.i32(1)), e.i32(0));
    Value u = concatWords(e, e.select(even, words[0], words[2]),
                          e.select(even, words[1], words[3]));
    return e.bitOr(u, e.i64(1));
  }
  case Generator::JaxThreefry: {
    Value counter = e.add(e.mul(e.widen(sequence), vocabulary), token);
    std::array<Value, 2> words =
        threefry(e, {highWord(e, counter), lowWord(e, counter)}, {high, low});
    Value bits = e.shr(e.bitXor(words[0], words[1]), e.i32(9));
    return e.shl(e.widen(bits), e.i64(41));
  }
  case Generator::Murmur3Vllm:
  case Generator::Murmur3Sglang: {
    Value h = e.widen(murmur3(e, {low, high, position, v}));
    if (generator == Generator::Murmur3Sglang)
      return e.minU(e.bitOr(h, e.shl(h, e.i64(32))), e.i64(-(1ll << 32)));
    Value odd = e.bitOr(e.shl(h, e.i64(1)), e.i64(1));
    return e.sub(e.i64(0), e.shl(odd, e.i64(31)));
  }
  }
  llvm_unreachable("all generators are above");
}

Value plait::sample::scoreOf(Emitter &e, Value fixed, Value noise) {
  Value isZero = e.compare(IPredicate::eq, noise, e.i64(0));
  Value length =
      e.sub(e.i64(int64_t(64) << 56), log2(e, e.maxU(noise, e.i64(1))));
  length = e.select(isZero, e.i64(int64_t(126) << 56), length);
  Value gumbel =
      e.sub(e.i64(int64_t(56) << 56), log2(e, e.maxS(length, e.i64(1))));
  return e.add(e.shl(fixed, e.i64(8)), e.sar(gumbel, e.i64(24)));
}

Value plait::sample::toNats(Emitter &e, Value bits) {
  Value number = arith::SIToFPOp::create(e, e.getF32Type(), bits);
  return e.mulF(number,
                e.f32(static_cast<float>(0x1.62e42fefa39efp-1 * 0x1p-32)));
}

void plait::sample::populatePicks(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<Lower<RandomOp>>(context, lowerRandom);
  patterns.add<Lower<DrawOp>>(context, lowerDraw);
  patterns.add<Lower<GreedyOp>>(context, lowerGreedy);
  patterns.add<Lower<GumbelOp>>(context, lowerGumbel);
  patterns.add<Lower<FusedOp>>(context, lowerFused);
}
