//===- ExpandMath.cpp - transcendental functions as IEEE arithmetic -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <limits>

namespace plait {
#define GEN_PASS_DEF_MATHEXPANDTOARITH
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

/// Short names for f32 arithmetic.
struct F32 {
  PatternRewriter &b;
  Location loc;

  Value number(float value) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  }
  Value integer(int32_t value) {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
  Value fma(Value x, Value y, Value z) {
    return math::FmaOp::create(b, loc, x, y, z);
  }
  Value compare(arith::CmpFPredicate predicate, Value x, float y) {
    return arith::CmpFOp::create(b, loc, predicate, x, number(y));
  }
  Value select(Value condition, Value yes, Value no) {
    return arith::SelectOp::create(b, loc, condition, yes, no);
  }
  Value round(Value x) { return math::RoundEvenOp::create(b, loc, x); }

  /// The polynomial with these coefficients, highest power first.
  Value polynomial(Value x, ArrayRef<float> coefficients) {
    Value result = number(coefficients.front());
    for (float coefficient : coefficients.drop_front())
      result = fma(result, x, number(coefficient));
    return result;
  }

  /// `low` to `high`, and NaN as `low`.
  Value clamp(Value x, float low, float high) {
    Value bounded = arith::MaxNumFOp::create(b, loc, x, number(low));
    return arith::MinNumFOp::create(b, loc, bounded, number(high));
  }

  /// 2^n for an integer -126 <= n <= 127.
  Value power(Value n) {
    Value biased = arith::AddIOp::create(b, loc, n, integer(127));
    Value bits = arith::ShLIOp::create(b, loc, biased, integer(23));
    return arith::BitcastOp::create(b, loc, b.getF32Type(), bits);
  }

  /// exp(r) * 2^n for |r| <= ln(2) / 2 and integral -252 <= n <= 254. The
  /// coefficients are those of Cephes' expf (S. Moshier).
  Value expReduced(Value r, Value n) {
    Value p =
        polynomial(r, {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                       4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f});
    Value y = add(fma(p, mul(r, r), r), number(1.0f));
    // Two factors, as 2^n need not be a normal number.
    Value power2 = arith::FPToSIOp::create(b, loc, b.getI32Type(), n);
    Value half = arith::ShRSIOp::create(b, loc, power2, integer(1));
    Value rest = arith::SubIOp::create(b, loc, power2, half);
    return mul(mul(y, power(half)), power(rest));
  }

  Value orNaN(Value x, Value result) {
    Value nan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
    return select(nan, x, result);
  }

  Value exp(Value x) {
    // Below is zero and above is infinity, by rounding.
    Value bounded = clamp(x, -104.0f, 89.0f);
    Value n = round(mul(bounded, number(1.44269504f)));
    Value r = fma(n, number(-0.693359375f), bounded);
    r = fma(n, number(2.12194440e-4f), r);
    return orNaN(x, expReduced(r, n));
  }

  Value exp2(Value x) {
    Value bounded = clamp(x, -151.0f, 129.0f);
    Value n = round(bounded);
    return orNaN(x, expReduced(mul(sub(bounded, n), number(0.693147182f)), n));
  }

  /// Cephes' tanhf.
  Value tanh(Value x) {
    Value size = math::AbsFOp::create(b, loc, x);
    Value square = mul(x, x);
    Value p = polynomial(square, {-5.70498872745e-3f, 2.06390887954e-2f,
                                  -5.37397155531e-2f, 1.33314422036e-1f,
                                  -3.33332819422e-1f});
    Value small = fma(mul(p, square), x, x);
    Value e = exp(add(size, size));
    Value large = sub(number(1.0f), div(number(2.0f), add(e, number(1.0f))));
    Value isSmall = compare(arith::CmpFPredicate::ULT, size, 0.625f);
    return select(isSmall, small, math::CopySignOp::create(b, loc, large, x));
  }

  /// Cephes' logf and log2f.
  Value logarithm(Value x, bool binary) {
    // x = m 2^e with sqrt(1/2) <= m < sqrt(2). A subnormal is scaled first.
    Value isTiny = compare(arith::CmpFPredicate::OLT, x, 0x1p-126f);
    Value normal = select(isTiny, mul(x, number(0x1p23f)), x);
    Value bits = arith::BitcastOp::create(b, loc, b.getI32Type(), normal);
    Value root = arith::SubIOp::create(b, loc, bits, integer(0x3f3504f3));
    Value power = arith::ShRSIOp::create(b, loc, root, integer(23));
    Value shift = arith::ShLIOp::create(b, loc, power, integer(23));
    Value m = arith::BitcastOp::create(
        b, loc, b.getF32Type(), arith::SubIOp::create(b, loc, bits, shift));
    Value e = arith::SIToFPOp::create(b, loc, b.getF32Type(), power);
    e = sub(e, select(isTiny, number(23.0f), number(0.0f)));

    Value r = sub(m, number(1.0f));
    Value square = mul(r, r);
    Value p =
        polynomial(r, {7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f,
                       -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f,
                       2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f});
    Value y = mul(mul(r, square), p);
    Value result;
    if (binary) {
      // r + y is the logarithm of m, and the number is log2(e) - 1.
      y = fma(square, number(-0.5f), y);
      Value z = mul(y, number(0.442695041f));
      z = fma(r, number(0.442695041f), z);
      result = add(add(add(z, y), r), e);
    } else {
      y = fma(e, number(-2.12194440e-4f), y);
      y = fma(square, number(-0.5f), y);
      result = fma(e, number(0.693359375f), add(r, y));
    }

    constexpr float infinity = std::numeric_limits<float>::infinity();
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    Value zero = compare(arith::CmpFPredicate::OEQ, x, 0.0f);
    Value large = compare(arith::CmpFPredicate::OEQ, x, infinity);
    Value positive = compare(arith::CmpFPredicate::OGT, x, 0.0f);
    Value special = select(zero, number(-infinity), number(nan));
    return select(large, x, select(positive, result, special));
  }
  Value log(Value x) { return logarithm(x, /*binary=*/false); }
  Value log2(Value x) { return logarithm(x, /*binary=*/true); }

  Value rsqrt(Value x) {
    return div(number(1.0f), math::SqrtOp::create(b, loc, x));
  }
};

template <typename OpTy, Value (F32::*expand)(Value)>
struct Expand : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "not a scalar of f32");
    F32 build{rewriter, op.getLoc()};
    rewriter.replaceOp(op, (build.*expand)(op.getOperand()));
    return success();
  }
};

struct MathExpandToArith
    : plait::impl::MathExpandToArithBase<MathExpandToArith> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns
        .add<Expand<math::ExpOp, &F32::exp>, Expand<math::Exp2Op, &F32::exp2>,
             Expand<math::LogOp, &F32::log>, Expand<math::Log2Op, &F32::log2>,
             Expand<math::TanhOp, &F32::tanh>,
             Expand<math::RsqrtOp, &F32::rsqrt>>(&getContext());
    auto isErf = [](StringRef name) {
      return name == math::ErfOp::getOperationName();
    };
    populateMathPolynomialApproximationPatterns(patterns, isErf);
    populateMathF32ExpansionPatterns(patterns, [&](StringRef name) {
      return isErf(name) || name == math::ExpOp::getOperationName() ||
             name == math::Exp2Op::getOperationName() ||
             name == math::LogOp::getOperationName() ||
             name == math::Log2Op::getOperationName() ||
             name == math::TanhOp::getOperationName() ||
             name == math::RsqrtOp::getOperationName();
    });
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    WalkResult left = getOperation()->walk([](Operation *op) {
      bool plain =
          isa<math::FmaOp, math::AbsFOp, math::AbsIOp, math::CopySignOp,
              math::FloorOp, math::CeilOp, math::TruncOp, math::RoundEvenOp,
              math::SqrtOp, math::CountLeadingZerosOp,
              math::CountTrailingZerosOp, math::CtPopOp>(op);
      if ((isa<math::MathDialect>(op->getDialect()) && !plain) ||
          isa<arith::RemFOp>(op)) {
        op->emitOpError("has no expansion to arithmetic for ")
            << op->getResult(0).getType();
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (left.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
