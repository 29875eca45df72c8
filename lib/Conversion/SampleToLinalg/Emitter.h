//===- Emitter.h - the arithmetic of sample ops --*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_SAMPLETOLINALG_EMITTER_H
#define PLAIT_LIB_CONVERSION_SAMPLETOLINALG_EMITTER_H

#include "plait/Dialect/Sample/IR/Sample.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"

namespace plait::sample {

using FPredicate = mlir::arith::CmpFPredicate;
using IPredicate = mlir::arith::CmpIPredicate;

constexpr int64_t lastIndex = (int64_t(1) << indexBits) - 1;

/// Bits of a candidate's place in the total order: its key and its index.
constexpr unsigned orderBits = 32 + indexBits;

/// The weight of the best candidate.
constexpr int64_t unitWeight = int64_t(1) << 44;

/// Emits scalar and tensor code at one location. No operation that it emits
/// carries a fast-math flag: every f32 operation is one IEEE rounding.
struct Emitter : mlir::ImplicitLocOpBuilder {
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  Value i64(int64_t value) { return constant(getI64IntegerAttr(value)); }
  Value i32(int32_t value) { return constant(getI32IntegerAttr(value)); }
  Value f32(float value) { return constant(getF32FloatAttr(value)); }
  Value index(int64_t value) { return constant(getIndexAttr(value)); }
  Value constant(mlir::TypedAttr value) {
    return mlir::arith::ConstantOp::create(*this, value);
  }
  Value infinity(bool negative);
  Value nan();

  Value add(Value a, Value b) { return emit<mlir::arith::AddIOp>(a, b); }
  Value sub(Value a, Value b) { return emit<mlir::arith::SubIOp>(a, b); }
  Value mul(Value a, Value b) { return emit<mlir::arith::MulIOp>(a, b); }
  Value shl(Value a, Value b) { return emit<mlir::arith::ShLIOp>(a, b); }
  Value shr(Value a, Value b) { return emit<mlir::arith::ShRUIOp>(a, b); }
  Value sar(Value a, Value b) { return emit<mlir::arith::ShRSIOp>(a, b); }
  Value bitAnd(Value a, Value b) { return emit<mlir::arith::AndIOp>(a, b); }
  Value bitOr(Value a, Value b) { return emit<mlir::arith::OrIOp>(a, b); }
  Value bitXor(Value a, Value b) { return emit<mlir::arith::XOrIOp>(a, b); }
  Value mulF(Value a, Value b) { return emit<mlir::arith::MulFOp>(a, b); }
  Value subF(Value a, Value b) { return emit<mlir::arith::SubFOp>(a, b); }
  Value divF(Value a, Value b) { return emit<mlir::arith::DivFOp>(a, b); }
  Value maxU(Value a, Value b) { return emit<mlir::arith::MaxUIOp>(a, b); }
  Value minU(Value a, Value b) { return emit<mlir::arith::MinUIOp>(a, b); }
  Value minS(Value a, Value b) { return emit<mlir::arith::MinSIOp>(a, b); }
  Value maxS(Value a, Value b) { return emit<mlir::arith::MaxSIOp>(a, b); }
  Value select(Value c, Value a, Value b) {
    return mlir::arith::SelectOp::create(*this, c, a, b);
  }
  Value compare(IPredicate predicate, Value a, Value b) {
    return mlir::arith::CmpIOp::create(*this, predicate, a, b);
  }
  Value compare(FPredicate predicate, Value a, Value b) {
    return mlir::arith::CmpFOp::create(*this, predicate, a, b);
  }
  Value widen(Value a) {
    return mlir::arith::ExtUIOp::create(*this, getI64Type(), a);
  }
  Value widenSigned(Value a) {
    return mlir::arith::ExtSIOp::create(*this, getI64Type(), a);
  }
  Value narrow(Value a) {
    return mlir::arith::TruncIOp::create(*this, getI32Type(), a);
  }
  Value toIndex(Value a) {
    return mlir::arith::IndexCastOp::create(*this, getIndexType(), a);
  }
  Value toFloat(Value a) {
    return mlir::arith::UIToFPOp::create(*this, getF32Type(), a);
  }
  Value isNaN(Value a) { return compare(FPredicate::UNO, a, a); }
  /// Finite or infinite, but a number.
  Value isNumber(Value a) { return compare(FPredicate::ORD, a, a); }
  Value isTrue(bool value) { return constant(getBoolAttr(value)); }

  /// The high 64 bits of an unsigned product.
  Value mulhi(Value a, Value b);

  /// The linalg index of dimension `dim`: 0 is the row, 1 the token.
  Value dimension(int64_t dim) {
    return mlir::linalg::IndexOp::create(*this, dim);
  }
  Value token() {
    return mlir::arith::IndexCastOp::create(*this, getI64Type(), dimension(1));
  }

  /// A tensor of the leading `rank` dimensions of `like`.
  Value empty(Value like, int64_t rank, mlir::Type element);
  /// `value` once per row of `like`, or once per element.
  Value fill(Value like, int64_t rank, Value value);

  using Body = llvm::function_ref<Value(ValueRange)>;

  /// Runs `body` over the rows and columns of `inputs` and gives what it
  /// returns. An input of rank 2 is read at (row, column), of rank 1 at (row).
  Value mapElements(Value like, ValueRange inputs, mlir::Type element,
                    Body body) {
    return generic(inputs, empty(like, 2, element), body);
  }
  Value mapRows(Value like, ValueRange inputs, mlir::Type element, Body body) {
    return generic(inputs, empty(like, 1, element), body);
  }
  /// Folds every row into one element. The last argument of `body` is what the
  /// row has come to so far, at first `start`.
  Value reduceRows(Value like, ValueRange inputs, Value start, Body body) {
    return generic(inputs, fill(like, 1, start), body);
  }
  /// The same with the tensor that holds the results, whose elements are the
  /// last arguments of `body`.
  Value generic(ValueRange inputs, Value output, Body body);

private:
  template <typename Op> Value emit(Value a, Value b) {
    return Op::create(*this, a, b);
  }
};

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// -inf is removed; a NaN compares false.
mlir::Value isCandidate(Emitter &e, mlir::Value logit);

/// The column's index as the low bits of a place: lower indices are higher up.
mlir::Value reversedIndex(Emitter &e);

/// 2^t in Q44, for `t` i64 in Q24 from -45 to 0.
mlir::Value exp2(Emitter &e, mlir::Value t);

/// log2 in Q56 of an unsigned i64 from 1 on.
mlir::Value log2(Emitter &e, mlir::Value x);

/// Q32 bits as f32 nats.
mlir::Value toNats(Emitter &e, mlir::Value bits);

/// ceil(p * total), f32 `p` clamped to [0, 1]; 0 for NaN.
mlir::Value shareOf(Emitter &e, mlir::Value p, mlir::Value total);

/// The mean of what has the `moment` in Q44, of masses `total`, in Q24.
mlir::Value meanOf(Emitter &e, mlir::Value moment, mlir::Value total);

/// What `dynamic_temperature` makes of a row's mass, mean, number of candidates,
/// and its operands.
mlir::Value temperatureOf(Emitter &e, mlir::ValueRange in);

/// The least weight that `eta` keeps in a row of such a mass and mean.
mlir::Value etaLimit(Emitter &e, mlir::Value epsilon, mlir::Value total,
                     mlir::Value mean);

/// The greatest distance to the best that `top_n_sigma` keeps, of the sum of
/// the squared deviations of `count` candidates.
mlir::Value sigmaLimit(Emitter &e, mlir::Value squares, mlir::Value count,
                       mlir::Value n);

/// The least weight of what `xtc` calls a top choice; -1, the greatest
/// unsigned, where it removes nothing.
mlir::Value xtcLimit(Emitter &e, mlir::Value probability, mlir::Value threshold,
                     mlir::Value bits, mlir::Value total);

/// The uniform number of token `v`, i64, in Q64: `key` is seed, session,
/// sequence and position of its row.
mlir::Value noiseOf(Emitter &e, Generator generator, mlir::Value vocabulary,
                    mlir::ValueRange key, mlir::Value v);

/// The score of a candidate with that number, Q32.
mlir::Value scoreOf(Emitter &e, mlir::Value fixed, mlir::Value noise);

/// round_half_even(z * 2^24) as i64, for f32 `z` in [-45, 0].
mlir::Value toFixed(Emitter &e, mlir::Value z);

/// `kept` where `keep`, else -inf; a NaN stays.
mlir::Value removeUnless(Emitter &e, mlir::Value keep, mlir::Value kept,
                         mlir::Value logit);

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// The places of the candidates in the total order (value descending, index
/// ascending), i64; 0 for what is not a candidate.
mlir::Value places(Emitter &e, mlir::Value logits);

/// The place of every row's best candidate, 0 where there is none.
mlir::Value bestPlaces(Emitter &e, mlir::Value places);

/// The value of every row's best candidate, -inf where there is none.
mlir::Value greatest(Emitter &e, mlir::Value logits);

/// log2(e) times the distance to the best in Q24, i64 from -45 to 0.
mlir::Value fixedPoint(Emitter &e, mlir::Value logits);

/// The Q44 weights of a row, i64.
mlir::Value weights(Emitter &e, mlir::Value logits, mlir::Value fixed);

mlir::Value sumRows(Emitter &e, mlir::Value values);

/// The mean of `-fixed` by weight in Q24, i64; 0 without a candidate.
mlir::Value means(Emitter &e, mlir::Value fixed, mlir::Value weights,
                  mlir::Value total);

/// Per row the greatest place of `bits` bits such that the elements at that
/// place or above have at least the mass `target`; 0 where the row has less.
mlir::Value selectPlace(Emitter &e, mlir::Value places, mlir::Value masses,
                        mlir::Value target, unsigned bits);

/// Asserts of an op on rows of `logits` what its verifier cannot see in dynamic
/// shapes. (Places and sums hold for vocabularies below 2^20.)
void checkShapes(Emitter &e, mlir::Operation *op, mlir::Value logits);

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

/// Rewrites an op by a function from it to the values of its results.
template <typename Op> struct Lower : mlir::OpRewritePattern<Op> {
  using Function = llvm::SmallVector<mlir::Value> (*)(Emitter &, Op);
  Lower(mlir::MLIRContext *context, Function function)
      : mlir::OpRewritePattern<Op>(context), function(function) {}
  mlir::LogicalResult
  matchAndRewrite(Op op, mlir::PatternRewriter &rewriter) const override {
    Emitter e(op.getLoc(), rewriter);
    checkShapes(e, op, op->getOperand(0));
    rewriter.replaceOp(op, function(e, op));
    return mlir::success();
  }
  Function function;
};

void populateLists(mlir::RewritePatternSet &patterns);
void populateFilters(mlir::RewritePatternSet &patterns);
void populatePicks(mlir::RewritePatternSet &patterns);

} // namespace plait::sample

#endif // PLAIT_LIB_CONVERSION_SAMPLETOLINALG_EMITTER_H
