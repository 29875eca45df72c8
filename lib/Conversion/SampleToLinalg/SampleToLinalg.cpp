//===- SampleToLinalg.cpp - the reference lowering of sample ops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three ops ask the same question about a row: which is the highest place in
// some order from where on the mass reaches a target? For top_k the mass is a
// count and the order that of the candidates, for top_p the mass is the
// weight, and for draw the order is that of the indices. A place is an
// integer, so `selectPlace` answers bit by bit with one pass over the row per
// bit. Every sum is an integer sum, hence exact in any order.
//
//===----------------------------------------------------------------------===//

#include "plait/Conversion/Passes.h"
#include "plait/Dialect/Sample/IR/Sample.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/DialectConversion.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTSAMPLETOLINALG
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait::sample;

namespace {

constexpr int64_t lastIndex = (int64_t(1) << indexBits) - 1;

/// Bits of a candidate's place in the total order: its key and its index.
constexpr unsigned orderBits = 32 + indexBits;

/// 2^(i / 64) in Q30, rounded to nearest.
constexpr int64_t exp2Table[64] = {
    0x40000000, 0x40b268fa, 0x4166c34c, 0x421d1462, 0x42d561b4, 0x438fb0cb,
    0x444c0740, 0x450a6abb, 0x45cae0f2, 0x468d6fae, 0x47521cc6, 0x4818ee22,
    0x48e1e9ba, 0x49ad1598, 0x4a7a77d4, 0x4b4a169c, 0x4c1bf829, 0x4cf022ca,
    0x4dc69cdd, 0x4e9f6cd4, 0x4f7a9930, 0x50582888, 0x51382182, 0x521a8ad7,
    0x52ff6b55, 0x53e6c9da, 0x54d0ad5a, 0x55bd1cdb, 0x56ac1f75, 0x579dbc57,
    0x5891fac1, 0x5988e209, 0x5a82799a, 0x5b7ec8f2, 0x5c7dd7a4, 0x5d7fad59,
    0x5e8451d0, 0x5f8bccdb, 0x60962665, 0x61a3666d, 0x62b39509, 0x63c6ba64,
    0x64dcdec3, 0x65f60a7f, 0x6712460b, 0x683199ed, 0x69540ec9, 0x6a79ad56,
    0x6ba27e65, 0x6cce8ae1, 0x6dfddbcc, 0x6f307a41, 0x70666f76, 0x719fc4b9,
    0x72dc8374, 0x741cb528, 0x75606374, 0x76a7980f, 0x77f25cce, 0x7940bb9e,
    0x7a92be8b, 0x7be86fba, 0x7d41d96e, 0x7e9f0606};

/// Emits scalar and tensor code at one location. No operation that it emits
/// carries a fast-math flag: every f32 operation is one IEEE rounding.
struct Emitter : ImplicitLocOpBuilder {
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  Value i64(int64_t value) { return constant(getI64IntegerAttr(value)); }
  Value i32(int32_t value) { return constant(getI32IntegerAttr(value)); }
  Value f32(float value) { return constant(getF32FloatAttr(value)); }
  Value constant(TypedAttr value) {
    return arith::ConstantOp::create(*this, value);
  }

  Value add(Value a, Value b) { return arith::AddIOp::create(*this, a, b); }
  Value mul(Value a, Value b) { return arith::MulIOp::create(*this, a, b); }
  Value shl(Value a, Value b) { return arith::ShLIOp::create(*this, a, b); }
  Value shr(Value a, Value b) { return arith::ShRUIOp::create(*this, a, b); }
  Value bitAnd(Value a, Value b) { return arith::AndIOp::create(*this, a, b); }
  Value bitOr(Value a, Value b) { return arith::OrIOp::create(*this, a, b); }
  Value bitXor(Value a, Value b) { return arith::XOrIOp::create(*this, a, b); }
  Value select(Value c, Value a, Value b) {
    return arith::SelectOp::create(*this, c, a, b);
  }
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(*this, predicate, a, b);
  }
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(*this, predicate, a, b);
  }
  Value widen(Value a) {
    return arith::ExtUIOp::create(*this, getI64Type(), a);
  }
  Value narrow(Value a) {
    return arith::TruncIOp::create(*this, getI32Type(), a);
  }
  Value minusInfinity() {
    return constant(getFloatAttr(getF32Type(),
                                 APFloat::getInf(APFloat::IEEEsingle(), true)));
  }

  /// A tensor of the leading `rank` dimensions of `like`.
  Value empty(Value like, int64_t rank, Type element) {
    SmallVector<OpFoldResult> sizes;
    for (int64_t i = 0; i < rank; ++i)
      sizes.push_back(tensor::getMixedSize(*this, getLoc(), like, i));
    return tensor::EmptyOp::create(*this, sizes, element);
  }
  /// `value` once per row of `like`.
  Value fillRows(Value like, Value value) {
    Value rows = empty(like, 1, value.getType());
    return linalg::FillOp::create(*this, value, rows).getResult(0);
  }

  using Body = function_ref<Value(ValueRange)>;

  /// Runs `body` over the rows and columns of `inputs` and gives what it
  /// returns. An input of rank 2 is read at (row, column), of rank 1 at (row).
  Value mapElements(Value like, ValueRange inputs, Type element, Body body) {
    return generic(inputs, empty(like, 2, element), body);
  }
  Value mapRows(Value like, ValueRange inputs, Type element, Body body) {
    return generic(inputs, empty(like, 1, element), body);
  }
  /// Folds every row into one element. The last argument of `body` is what the
  /// row has come to so far, at first `start`.
  Value reduceRows(Value like, ValueRange inputs, Value start, Body body) {
    return generic(inputs, fillRows(like, start), body);
  }

  /// The same with the tensor that holds the results, whose elements are the
  /// last arguments of `body`.
  Value generic(ValueRange inputs, Value output, Body body);
};

Value Emitter::generic(ValueRange inputs, Value output, Body body) {
  auto rankOf = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getRank();
  };
  unsigned loops = rankOf(output);
  for (Value input : inputs)
    loops = std::max<unsigned>(loops, rankOf(input));
  auto mapOf = [&](Value value) {
    return AffineMap::getMultiDimIdentityMap(loops, getContext())
        .getMajorSubMap(rankOf(value));
  };
  SmallVector<AffineMap> maps = llvm::map_to_vector(inputs, mapOf);
  maps.push_back(mapOf(output));
  SmallVector<utils::IteratorType> iterators(loops,
                                             utils::IteratorType::parallel);
  if (rankOf(output) < loops)
    iterators.back() = utils::IteratorType::reduction;
  auto op = linalg::GenericOp::create(
      *this, output.getType(), inputs, output, maps, iterators,
      [&](OpBuilder &builder, Location, ValueRange arguments) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(builder.getInsertionBlock(),
                          builder.getInsertionPoint());
        linalg::YieldOp::create(*this, body(arguments));
      });
  return op.getResult(0);
}

//===----------------------------------------------------------------------===//
// Candidates and weights, element by element
//===----------------------------------------------------------------------===//

/// -inf is removed; a NaN compares false.
Value isCandidate(Emitter &e, Value logit) {
  return e.compare(arith::CmpFPredicate::OGT, logit, e.minusInfinity());
}

/// The column's index as the low bits of a place: lower indices are higher up.
Value reversedIndex(Emitter &e) {
  Value column = linalg::IndexOp::create(e, 1);
  return arith::SubIOp::create(
      e, e.i64(lastIndex),
      arith::IndexCastOp::create(e, e.getI64Type(), column));
}

/// A place in the total order (value descending, index ascending), 0 for what
/// is not a candidate.
Value placeOf(Emitter &e, Value logit) {
  // f32 to an unsigned integer of the same order; -0.0 becomes +0.0 first.
  Value zero = e.f32(0.0f);
  Value isZero = e.compare(arith::CmpFPredicate::OEQ, logit, zero);
  Value bits = arith::BitcastOp::create(e, e.getI32Type(),
                                        e.select(isZero, zero, logit));
  Value sign = arith::ShRSIOp::create(e, bits, e.i32(31));
  Value key = e.bitXor(bits, e.bitOr(sign, e.i32(INT32_MIN)));
  Value place =
      e.bitOr(e.shl(e.widen(key), e.i64(indexBits)), reversedIndex(e));
  return e.select(isCandidate(e, logit), place, e.i64(0));
}

/// The Q44 weight of a logit in a row whose greatest candidate is `greatest`.
Value weightOf(Emitter &e, Value logit, Value greatest, Value table) {
  // Two infinities differ by nothing, not by NaN.
  Value difference =
      e.select(e.compare(arith::CmpFPredicate::OEQ, logit, greatest),
               e.f32(0.0f), arith::SubFOp::create(e, logit, greatest));
  Value z = arith::MulFOp::create(e, difference, e.f32(0x1.715476p+0f));
  Value floor = e.f32(-45.0f);
  z = e.select(e.compare(arith::CmpFPredicate::OGT, z, floor), z, floor);
  Value rounded = math::RoundEvenOp::create(
      e, arith::MulFOp::create(e, z, e.f32(16777216.0f)));
  Value t = arith::FPToSIOp::create(e, e.getI32Type(), rounded);

  // From here on integers only; a 32-bit mulhi is a 64-bit product's top.
  Value exponent = arith::ShRSIOp::create(e, t, e.i32(24));
  Value shift = e.widen(arith::SubIOp::create(e, e.i32(0), exponent));
  Value fraction = e.widen(e.bitAnd(t, e.i32(0xffffff)));
  auto mulhi = [&](Value a, Value b) { return e.shr(e.mul(a, b), e.i64(32)); };
  Value x = e.shl(e.bitAnd(fraction, e.i64(0x3ffff)), e.i64(8));
  Value a = mulhi(x, e.i64(2977044472));
  Value b = mulhi(a, a);
  Value c = mulhi(mulhi(b, a), e.i64(715827883));
  Value power = e.add(e.add(a, e.shr(b, e.i64(1))), c);
  Value entry = arith::IndexCastOp::create(e, e.getIndexType(),
                                           e.shr(fraction, e.i64(18)));
  Value base = tensor::ExtractOp::create(e, table, entry);
  Value weight = e.add(base, mulhi(base, power));
  weight = e.shr(e.shl(weight, e.i64(14)), shift);
  return e.select(isCandidate(e, logit), weight, e.i64(0));
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

Value places(Emitter &e, Value logits) {
  return e.mapElements(logits, logits, e.getI64Type(),
                       [&](ValueRange in) { return placeOf(e, in[0]); });
}

/// The place of every row's best candidate, 0 where there is none.
Value bestPlaces(Emitter &e, Value places) {
  return e.reduceRows(places, places, e.i64(0), [&](ValueRange in) -> Value {
    return arith::MaxUIOp::create(e, in[0], in[1]);
  });
}

Value weights(Emitter &e, Value logits) {
  Value greatest =
      e.reduceRows(logits, logits, e.minusInfinity(), [&](ValueRange in) {
        Value above = e.compare(arith::CmpFPredicate::OGT, in[0], in[1]);
        return e.select(above, in[0], in[1]);
      });
  auto type = RankedTensorType::get(64, e.getI64Type());
  Value table = e.constant(DenseElementsAttr::get(type, ArrayRef(exp2Table)));
  return e.mapElements(
      logits, {logits, greatest}, e.getI64Type(),
      [&](ValueRange in) { return weightOf(e, in[0], in[1], table); });
}

Value sumRows(Emitter &e, Value values) {
  return e.reduceRows(values, values, e.i64(0),
                      [&](ValueRange in) { return e.add(in[0], in[1]); });
}

/// Per row the greatest place of `bits` bits such that the elements at that
/// place or above have at least the mass `target`; 0 where the row has less.
Value selectPlace(Emitter &e, Value places, Value masses, Value target,
                  unsigned bits) {
  Value start = e.fillRows(places, e.i64(0));
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(e, value);
  };
  auto loop = scf::ForOp::create(e, index(0), index(bits), index(1), start);
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToStart(loop.getBody());
  Value step =
      arith::IndexCastOp::create(e, e.getI64Type(), loop.getInductionVar());
  Value bit = e.shl(e.i64(1), arith::SubIOp::create(e, e.i64(bits - 1), step));
  Value found = loop.getRegionIterArg(0);
  Value reached = e.reduceRows(
      places, {places, masses, found}, e.i64(0), [&](ValueRange in) {
        Value above =
            e.compare(arith::CmpIPredicate::uge, in[0], e.bitOr(in[2], bit));
        return e.add(in[3], e.select(above, in[1], e.i64(0)));
      });
  // Writes over `found`, so that the loop carries one buffer.
  Value next = e.generic({reached, target}, found, [&](ValueRange in) {
    Value enough = e.compare(arith::CmpIPredicate::uge, in[0], in[1]);
    return e.select(enough, e.bitOr(in[2], bit), in[2]);
  });
  scf::YieldOp::create(e, next);
  return loop.getResult(0);
}

/// `logits` where `keep`, else -inf; a NaN stays.
Value removeUnless(Emitter &e, Value keep, Value kept, Value logit) {
  Value isNaN = e.compare(arith::CmpFPredicate::UNO, logit, logit);
  return e.select(isNaN, logit, e.select(keep, kept, e.minusInfinity()));
}

/// `logits` without the candidates whose place is below the row's `lowest`.
Value keepFrom(Emitter &e, Value logits, Value places, Value lowest) {
  return e.mapElements(
      logits, {logits, places, lowest}, e.getF32Type(), [&](ValueRange in) {
        Value keep = e.compare(arith::CmpIPredicate::uge, in[1], in[2]);
        return removeUnless(e, keep, in[0], in[0]);
      });
}

/// 1 where the row holds a NaN, 2 where its `token` is the error index.
Value flagRows(Emitter &e, Value logits, Value tokens) {
  Value nans = e.reduceRows(logits, logits, e.i32(0), [&](ValueRange in) {
    Value isNaN = e.compare(arith::CmpFPredicate::UNO, in[0], in[0]);
    return e.bitOr(in[1], e.select(isNaN, e.i32(1), e.i32(0)));
  });
  return e.mapRows(logits, {nans, tokens}, e.getI32Type(), [&](ValueRange in) {
    Value none = e.compare(arith::CmpIPredicate::slt, in[1], e.i32(0));
    return e.bitOr(in[0], e.select(none, e.i32(2), e.i32(0)));
  });
}

/// Places and sums hold for vocabularies below 2^20; a static one is verified.
void checkVocabulary(Emitter &e, Value logits) {
  if (!cast<RankedTensorType>(logits.getType()).isDynamicDim(1))
    return;
  Value vocabulary = tensor::DimOp::create(e, logits, 1);
  Value limit = arith::ConstantIndexOp::create(e, lastIndex + 1);
  Value fits = e.compare(arith::CmpIPredicate::ult, vocabulary, limit);
  cf::AssertOp::create(e, fits, "sample: expects a vocabulary below 1048576");
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

struct LowerTemperature : OpRewritePattern<TemperatureOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TemperatureOp op,
                                PatternRewriter &rewriter) const override {
    Emitter e(op.getLoc(), rewriter);
    Value logits = op.getLogits();
    checkVocabulary(e, logits);
    Value place = places(e, logits);
    Value best = bestPlaces(e, place);
    Value result = e.mapElements(
        logits, {logits, op.getTemperature(), place, best}, e.getF32Type(),
        [&](ValueRange in) {
          using P = arith::CmpFPredicate;
          Value zero = e.f32(0.0f);
          Value infinity = e.constant(e.getFloatAttr(
              e.getF32Type(), APFloat::getInf(APFloat::IEEEsingle())));
          Value divides = e.bitAnd(e.compare(P::OGT, in[1], zero),
                                   e.compare(P::OLT, in[1], infinity));
          Value isBest = e.compare(arith::CmpIPredicate::eq, in[2], in[3]);
          Value isGreedy = e.compare(P::OEQ, in[1], zero);
          Value quotient = arith::DivFOp::create(e, in[0], in[1]);
          Value keep = e.bitOr(divides, e.bitAnd(isGreedy, isBest));
          return removeUnless(e, keep, e.select(divides, quotient, in[0]),
                              in[0]);
        });
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct LowerTopK : OpRewritePattern<TopKOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TopKOp op,
                                PatternRewriter &rewriter) const override {
    Emitter e(op.getLoc(), rewriter);
    Value logits = op.getLogits();
    checkVocabulary(e, logits);
    Value place = places(e, logits);
    Value one =
        e.mapElements(logits, logits, e.getI64Type(), [&](ValueRange in) {
          return e.select(isCandidate(e, in[0]), e.i64(1), e.i64(0));
        });
    // No row reaches the target -1, the greatest unsigned: all stay.
    Value target =
        e.mapRows(logits, op.getK(), e.getI64Type(), [&](ValueRange in) {
          Value on = e.compare(arith::CmpIPredicate::sgt, in[0], e.i32(0));
          return e.select(on, e.widen(in[0]), e.i64(-1));
        });
    Value lowest = selectPlace(e, place, one, target, orderBits);
    rewriter.replaceOp(op, keepFrom(e, logits, place, lowest));
    return success();
  }
};

struct LowerTopP : OpRewritePattern<TopPOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TopPOp op,
                                PatternRewriter &rewriter) const override {
    Emitter e(op.getLoc(), rewriter);
    Value logits = op.getLogits();
    checkVocabulary(e, logits);
    Value place = places(e, logits);
    Value weight = weights(e, logits);
    Value target =
        e.mapRows(logits, {op.getP(), sumRows(e, weight)}, e.getI64Type(),
                  [&](ValueRange in) { return targetOf(e, in[0], in[1]); });
    Value lowest = selectPlace(e, place, weight, target, orderBits);
    rewriter.replaceOp(op, keepFrom(e, logits, place, lowest));
    return success();
  }

  /// max(1, ceil(p * total)); for p >= 1 a mass that no row has, so that all
  /// stay; for NaN no mass, so that the highest place is taken and none stays.
  static Value targetOf(Emitter &e, Value p, Value total) {
    using P = arith::CmpFPredicate;
    Value zero = e.f32(0.0f), one = e.f32(1.0f);
    Value inside =
        e.bitAnd(e.compare(P::OGT, p, zero), e.compare(P::OLT, p, one));
    // p in Q64: exact from 2^-40 on, below that rounded down.
    Value scaled =
        arith::MulFOp::create(e, e.select(inside, p, zero), e.f32(0x1p64f));
    Value fixed = arith::FPToUIOp::create(e, e.getI64Type(), scaled);
    auto product = arith::MulUIExtendedOp::create(e, fixed, total);
    Value hasRest =
        e.compare(arith::CmpIPredicate::ne, product.getLow(), e.i64(0));
    Value ceil = e.add(product.getHigh(), e.widen(hasRest));
    Value target = arith::MaxUIOp::create(e, ceil, e.i64(1));
    target = e.select(e.compare(P::OGE, p, one), e.i64(-1), target);
    return e.select(e.compare(P::UNO, p, p), e.i64(0), target);
  }
};

struct LowerRandom : OpRewritePattern<RandomOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RandomOp op,
                                PatternRewriter &rewriter) const override {
    Emitter e(op.getLoc(), rewriter);
    Value bits = e.mapRows(
        op.getSeed(), op.getOperands(), e.getI64Type(), [&](ValueRange in) {
          Value seed = in[0], session = in[1], sequence = in[2],
                position = in[3];
          Value high = e.narrow(e.shr(seed, e.i64(32)));
          std::array<Value, 4> words =
              philox(e, {e.i32(0), position, sequence, session},
                     {e.narrow(seed), high});
          return e.bitOr(e.widen(words[0]),
                         e.shl(e.widen(words[1]), e.i64(32)));
        });
    rewriter.replaceOp(op, bits);
    return success();
  }

  /// Philox4x32-10 (Salmon et al., SC'11).
  static std::array<Value, 4> philox(Emitter &e, std::array<Value, 4> counter,
                                     std::array<Value, 2> key) {
    for (int round = 0; round < 10; ++round) {
      if (round) {
        key[0] = e.add(key[0], e.i32(0x9E3779B9));
        key[1] = e.add(key[1], e.i32(0xBB67AE85));
      }
      auto a = arith::MulUIExtendedOp::create(e, counter[0], e.i32(0xD2511F53));
      auto b = arith::MulUIExtendedOp::create(e, counter[2], e.i32(0xCD9E8D57));
      counter = {
          e.bitXor(e.bitXor(b.getHigh(), counter[1]), key[0]), b.getLow(),
          e.bitXor(e.bitXor(a.getHigh(), counter[3]), key[1]), a.getLow()};
    }
    return counter;
  }
};

struct LowerDraw : OpRewritePattern<DrawOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DrawOp op,
                                PatternRewriter &rewriter) const override {
    Emitter e(op.getLoc(), rewriter);
    Value logits = op.getLogits();
    checkVocabulary(e, logits);
    Value weight = weights(e, logits);
    Value total = sumRows(e, weight);
    // The first prefix above r is the first that reaches r + 1.
    Value target = e.mapRows(
        logits, {op.getBits(), total}, e.getI64Type(), [&](ValueRange in) {
          auto product = arith::MulUIExtendedOp::create(e, in[0], in[1]);
          return e.add(product.getHigh(), e.i64(1));
        });
    Value place = e.mapElements(logits, logits, e.getI64Type(),
                                [&](ValueRange) { return reversedIndex(e); });
    Value drawn = selectPlace(e, place, weight, target, indexBits);
    Value tokens =
        e.mapRows(logits, {drawn, total}, e.getI32Type(), [&](ValueRange in) {
          Value token = arith::SubIOp::create(e, e.i64(lastIndex), in[0]);
          Value none = e.compare(arith::CmpIPredicate::eq, in[1], e.i64(0));
          return e.select(none, e.i32(-1), e.narrow(token));
        });
    rewriter.replaceOp(op, {tokens, flagRows(e, logits, tokens)});
    return success();
  }
};

struct LowerGreedy : OpRewritePattern<GreedyOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GreedyOp op,
                                PatternRewriter &rewriter) const override {
    Emitter e(op.getLoc(), rewriter);
    Value logits = op.getLogits();
    checkVocabulary(e, logits);
    Value best = bestPlaces(e, places(e, logits));
    Value tokens = e.mapRows(logits, best, e.getI32Type(), [&](ValueRange in) {
      Value token = arith::SubIOp::create(e, e.i64(lastIndex),
                                          e.bitAnd(in[0], e.i64(lastIndex)));
      Value none = e.compare(arith::CmpIPredicate::eq, in[0], e.i64(0));
      return e.select(none, e.i32(-1), e.narrow(token));
    });
    rewriter.replaceOp(op, {tokens, flagRows(e, logits, tokens)});
    return success();
  }
};

struct ConvertSampleToLinalg
    : plait::impl::ConvertSampleToLinalgBase<ConvertSampleToLinalg> {
  using Base::Base;

  void runOnOperation() override {
    ConversionTarget target(getContext());
    target.addIllegalDialect<SampleDialect>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerTemperature, LowerTopK, LowerTopP, LowerRandom, LowerDraw,
                 LowerGreedy>(&getContext());
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
