//===- ExpandMath.cpp - transcendental functions as IEEE arithmetic -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Target/VectorBits.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <limits>

namespace plait {
#define GEN_PASS_DEF_MATHEXPANDTOARITH
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

/// Short names for the arithmetic of f32, or of vectors of f32.
struct F32 {
  PatternRewriter &b;
  Location loc;
  Type type;
  /// Whether vectors have AVX-512's `vscalefps`.
  bool scales = false;
  /// Whether the op may be less exact (`afn`), and its operand is not positive.
  bool approximate = false, nonpositive = false;

  /// `element`, or a vector of it where `type` is one.
  Type like(Type element) {
    auto vector = dyn_cast<VectorType>(type);
    return vector ? Type(vector.cloneWith(std::nullopt, element)) : element;
  }
  Value constant(TypedAttr value) {
    if (auto vector = dyn_cast<VectorType>(like(value.getType())))
      value = DenseElementsAttr::get(vector, Attribute(value));
    return arith::ConstantOp::create(b, loc, value);
  }
  Value number(float value) { return constant(b.getF32FloatAttr(value)); }
  Value integer(int32_t value) { return constant(b.getI32IntegerAttr(value)); }
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

  Value bitcast(Type element, Value x) {
    return arith::BitcastOp::create(b, loc, like(element), x);
  }

  /// The larger of `low` and x; NaN stays. The comparison is in the order in
  /// which x86's maximum instruction is one.
  Value atLeast(Value x, float low) {
    Value least = number(low);
    return select(
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, least, x),
        least, x);
  }

  /// `low` to `high`; NaN stays.
  Value clamp(Value x, float low, float high) {
    Value bounded = atLeast(x, low), most = number(high);
    return select(
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, most, bounded),
        most, bounded);
  }

  /// 2^n for an integer -126 <= n <= 127.
  Value power(Value n) {
    Value biased = arith::AddIOp::create(b, loc, n, integer(127));
    Value bits = arith::ShLIOp::create(b, loc, biased, integer(23));
    return bitcast(b.getF32Type(), bits);
  }

  /// Whether `scale` is one instruction.
  bool hasScale() {
    auto vector = dyn_cast<VectorType>(type);
    return scales && vector && vector.getRank() == 1 &&
           vector.getNumElements() == 16;
  }

  /// y * 2^n for integral -252 <= n <= 254, rounded once.
  Value scale(Value y, Value n) {
    if (hasScale()) {
      Value all = arith::ConstantOp::create(
          b, loc, b.getIntegerAttr(b.getI16Type(), APInt::getAllOnes(16)));
      Value current = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(4));
      return LLVM::CallIntrinsicOp::create(
                 b, loc, type,
                 b.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
                 ValueRange{y, n, y, all, current})
          .getResult(0);
    }
    // Two factors, as 2^n need not be a normal number.
    Value power2 = arith::FPToSIOp::create(b, loc, like(b.getI32Type()), n);
    Value half = arith::ShRSIOp::create(b, loc, power2, integer(1));
    Value rest = arith::SubIOp::create(b, loc, power2, half);
    return mul(mul(y, power(half)), power(rest));
  }

  /// exp(r) for |r| <= ln(2) / 2.
  Value expReduced(Value r) {
    return polynomial(r, {0x1.6a4f72p-10f, 0x1.12398p-7f, 0x1.5558aep-5f,
                          0x1.555492p-3f, 0x1.fffffcp-2f, 1.0f, 1.0f});
  }

  /// The nearest integer to a number of less than 22 bits.
  Value nearest(Value x, Value factor) {
    Value shift = number(0x1.8p23f);
    return sub(fma(x, factor, shift), shift);
  }

  Value exp(Value x) {
    // Below is zero and above is infinity, by rounding. AVX-512's scaling gives
    // infinity for any larger power, even of the NaN that r is where x is
    // infinite. (Only a polynomial of even degree is never negative.)
    bool isLow = nonpositive || (hasScale() && !approximate);
    Value bounded = isLow ? atLeast(x, -104.0f) : clamp(x, -104.0f, 89.0f);
    Value n = nearest(bounded, number(1.44269504f));
    if (approximate) {
      // ln(2) in one term: the result is off by 3e-9 of itself per unit of x.
      Value r = fma(n, number(-0x1.62e43p-1f), bounded);
      return scale(
          polynomial(r, {0x1.0eaaeep-7f, 0x1.573176p-5f, 0x1.555ca4p-3f,
                         0x1.fffde6p-2f, 0x1.fffff2p-1f, 1.0f}),
          n);
    }
    Value r = fma(n, number(-0x1.62e4p-1f), bounded);
    r = fma(n, number(-0x1.7f7d1cp-20f), r);
    return scale(expReduced(r), n);
  }

  Value exp2(Value x) {
    // AVX-512's scaling gives zero and infinity for any power, also of the NaN
    // that the polynomial is where x is infinite.
    Value bounded = hasScale() ? x : clamp(x, -151.0f, 129.0f);
    Value n = hasScale() ? round(x) : nearest(bounded, number(1.0f));
    return scale(
        polynomial(sub(bounded, n),
                   {0x1.4178a4p-13f, 0x1.5f0952p-10f, 0x1.3b2dd4p-7f,
                    0x1.c6af7ap-5f, 0x1.ebfbdcp-3f, 0x1.62e43p-1f, 1.0f}),
        n);
  }

  /// exp(x) - 1 = 2^n (exp(r) - 1) + (2^n - 1).
  Value expm1(Value x) {
    Value bounded = clamp(x, -18.0f, 89.0f);
    Value n = nearest(bounded, number(1.44269504f));
    Value r = fma(n, number(-0x1.62e4p-1f), bounded);
    r = fma(n, number(-0x1.7f7d1cp-20f), r);
    Value p = polynomial(r, {0x1.9e72e6p-13f, 0x1.6d3a3ap-10f, 0x1.1112d8p-7f,
                             0x1.5554f8p-5f, 0x1.555554p-3f, 0.5f});
    Value q = fma(mul(p, r), r, r);
    // 2^128 is no f32: both terms are halved.
    Value half = scale(number(0.5f), n);
    Value y = fma(q, half, sub(half, number(0.5f)));
    y = add(y, y);
    // Keeps -0.
    return select(compare(arith::CmpFPredicate::OEQ, x, 0.0f), x, y);
  }

  /// Cephes' tanhf below 0.625; above, 1 - 2 / (exp(2x) + 1).
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
    Value y = select(isSmall, small, large);
    return math::CopySignOp::create(b, loc, y, x);
  }

  /// Two polynomials that meet at 0.9277: of x, and of log(1 - |erf x|). The
  /// coefficients are N. Juffa's.
  Value erf(Value x) {
    Value size = math::AbsFOp::create(b, loc, x);
    Value square = mul(x, x);
    Value r = fma(number(-1.72853470e-5f), size, number(3.83197126e-4f));
    Value u = fma(number(-3.88396438e-3f), size, number(2.42546219e-2f));
    r = fma(r, square, u);
    for (float next : {-1.06777877e-1f, -6.34846687e-1f, -1.28717512e-1f})
      r = fma(r, size, number(next));
    Value negative = arith::NegFOp::create(b, loc, size);
    r = fma(r, size, negative);
    Value large = sub(number(1.0f), exp(r));
    large = math::CopySignOp::create(b, loc, large, x);
    Value p =
        polynomial(square, {-5.96761703e-4f, 4.99119423e-3f, -2.67681349e-2f,
                            1.12819925e-1f, -3.76125336e-1f, 1.28379166e-1f});
    Value small = fma(p, x, x);
    Value isSmall = compare(arith::CmpFPredicate::ULT, size, 0.927734375f);
    return select(isSmall, small, large);
  }

  /// Cephes' logf and log2f.
  Value logarithm(Value x, bool binary) {
    // x = m 2^e with sqrt(1/2) <= m < sqrt(2). A subnormal is scaled first.
    Value isTiny = compare(arith::CmpFPredicate::OLT, x, 0x1p-126f);
    Value normal = select(isTiny, mul(x, number(0x1p23f)), x);
    Value bits = bitcast(b.getI32Type(), normal);
    Value root = arith::SubIOp::create(b, loc, bits, integer(0x3f3504f3));
    Value power = arith::ShRSIOp::create(b, loc, root, integer(23));
    Value shift = arith::ShLIOp::create(b, loc, power, integer(23));
    Value m =
        bitcast(b.getF32Type(), arith::SubIOp::create(b, loc, bits, shift));
    Value e = arith::SIToFPOp::create(b, loc, like(b.getF32Type()), power);
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

  /// log(1 + x) = log(u) + (x - (u - 1)) / u with u the rounded sum.
  Value log1p(Value x) {
    Value one = number(1.0f);
    Value u = add(one, x);
    // What the sum lost: exact, as the larger term is known.
    Value isLarge = compare(arith::CmpFPredicate::OGT, x, 1.0f);
    Value lost = select(isLarge, sub(one, sub(u, x)), sub(x, sub(u, one)));
    Value y = add(log(u), div(lost, u));
    // Where the sum is 1, 0, infinity or NaN, the second term is not wanted.
    Value isTiny =
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, u, one);
    Value isPlain = arith::AndIOp::create(
        b, loc, compare(arith::CmpFPredicate::OGT, u, 0.0f),
        compare(arith::CmpFPredicate::OLT, u,
                std::numeric_limits<float>::infinity()));
    return select(isTiny, x, select(isPlain, y, log(u)));
  }

  /// sin(x + turns * pi / 2) for |x| < 2^30, by Cephes' polynomials. The
  /// distance from the nearest multiple of pi / 2 is taken in f64.
  Value quadrants(Value x, int32_t turns) {
    auto wide = [&](double value) {
      return constant(b.getF64FloatAttr(value));
    };
    Value exact = arith::ExtFOp::create(b, loc, like(b.getF64Type()), x);
    Value k = round(mul(exact, wide(0x1.45f306dc9c883p-1)));
    Value distance = fma(k, wide(-0x1.921fb54442d18p0), exact);
    distance = fma(k, wide(-0x1.1a62633145c07p-54), distance);
    Value r = arith::TruncFOp::create(b, loc, type, distance);
    Value square = mul(r, r);
    Value sine = polynomial(
        square, {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f});
    sine = fma(mul(sine, square), r, r);
    Value cosine =
        polynomial(square, {2.443315711809948e-5f, -1.388731625493765e-3f,
                            4.166664568298827e-2f, -0.5f, 1.0f});
    Value turn = arith::AddIOp::create(
        b, loc, arith::FPToSIOp::create(b, loc, like(b.getI32Type()), k),
        integer(turns));
    auto isSet = [&](int32_t bit) -> Value {
      Value masked = arith::AndIOp::create(b, loc, turn, integer(bit));
      return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, masked,
                                   integer(0));
    };
    Value y = select(isSet(1), cosine, sine);
    return select(isSet(2), arith::NegFOp::create(b, loc, y), y);
  }

  /// `small(x)` if every |x| < 2^30; else what f64 has, which is libm's.
  template <typename OpTy, typename Small> Value orWide(Value x, Small small) {
    Value size = math::AbsFOp::create(b, loc, x);
    Value isSmall = compare(arith::CmpFPredicate::OLT, size, 0x1p30f);
    if (isa<VectorType>(type))
      isSmall = vector::ReductionOp::create(b, loc, vector::CombiningKind::AND,
                                            isSmall);
    auto branch = scf::IfOp::create(b, loc, type, isSmall, /*else=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    scf::YieldOp::create(b, loc, small());
    b.setInsertionPointToStart(branch.elseBlock());
    Value wide = arith::ExtFOp::create(b, loc, like(b.getF64Type()), x);
    wide = OpTy::create(b, loc, wide);
    Value narrow = arith::TruncFOp::create(b, loc, type, wide);
    scf::YieldOp::create(b, loc, narrow);
    return branch.getResult(0);
  }
  Value sin(Value x) {
    return orWide<math::SinOp>(x, [&] {
      Value isZero = compare(arith::CmpFPredicate::OEQ, x, 0.0f);
      return select(isZero, x, quadrants(x, 0));
    });
  }
  Value cos(Value x) {
    return orWide<math::CosOp>(x, [&] { return quadrants(x, 1); });
  }

  Value rsqrt(Value x) {
    return div(number(1.0f), math::SqrtOp::create(b, loc, x));
  }
};

template <typename OpTy, Value (F32::*expand)(Value)>
struct Expand : OpRewritePattern<OpTy> {
  Expand(MLIRContext *context, bool scales)
      : OpRewritePattern<OpTy>(context), scales(scales) {}
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not of f32");
    bool approximate =
        bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::afn);
    F32 build{rewriter, op.getLoc(), op.getType(),
              scales,   approximate, op->hasAttr("plait.nonpositive")};
    auto vector = dyn_cast<VectorType>(op.getType());
    if (vector && (vector.getRank() != 1 || vector.isScalable()))
      return rewriter.notifyMatchFailure(op, "not a vector of one dimension");
    rewriter.replaceOp(op, (build.*expand)(op.getOperand()));
    return success();
  }
  bool scales;
};

/// expm1 of f64 after Kahan: the error of u = exp(x) is also that of log(u).
/// MLIR's own lowering is exp(x) - 1, of which nothing is left for small x.
struct ExpandWideExpM1 : OpRewritePattern<math::ExpM1Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpM1Op op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF64())
      return rewriter.notifyMatchFailure(op, "not of f64");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto number = [&](double value) -> Value {
      TypedAttr attr = b.getF64FloatAttr(value);
      if (auto shaped = dyn_cast<ShapedType>(type))
        attr = DenseElementsAttr::get(shaped, attr);
      return arith::ConstantOp::create(b, attr);
    };
    auto equal = [&](Value x, Value y) -> Value {
      return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, y);
    };
    Value x = op.getOperand(), one = number(1.0);
    Value u = math::ExpOp::create(b, x);
    Value less = arith::SubFOp::create(b, u, one);
    Value scaled = arith::MulFOp::create(
        b, less, arith::DivFOp::create(b, x, math::LogOp::create(b, u)));
    // Where log(u) is infinite, or u all but 1.
    Value huge = arith::OrIOp::create(
        b, equal(less, number(-1.0)),
        equal(u, number(std::numeric_limits<double>::infinity())));
    Value found = arith::SelectOp::create(b, huge, less, scaled);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, equal(u, one), x, found);
    return success();
  }
};

/// f64 to bf16 by way of f32, rounded twice as torch's and ml_dtypes' are: no
/// processor and no library that we link has it.
struct TruncateTwice : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    Type from = op.getIn().getType();
    if (!getElementTypeOrSelf(from).isF64() ||
        !getElementTypeOrSelf(op.getType()).isBF16())
      return rewriter.notifyMatchFailure(op, "not from f64 to bf16");
    Type between = rewriter.getF32Type();
    if (auto shaped = dyn_cast<ShapedType>(from))
      between = shaped.clone(between);
    Value once =
        arith::TruncFOp::create(rewriter, op.getLoc(), between, op.getIn());
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), once);
    return success();
  }
};

struct MathExpandToArith
    : plait::impl::MathExpandToArithBase<MathExpandToArith> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<int64_t> bits = plait::vectorBitsOf(vectorBits, getOperation());
    if (failed(bits))
      return signalPassFailure();
    bool scales = *bits == 512;
    RewritePatternSet patterns(&getContext());
    patterns.add<
        Expand<math::ExpOp, &F32::exp>, Expand<math::Exp2Op, &F32::exp2>,
        Expand<math::ExpM1Op, &F32::expm1>, Expand<math::LogOp, &F32::log>,
        Expand<math::Log2Op, &F32::log2>, Expand<math::Log1pOp, &F32::log1p>,
        Expand<math::TanhOp, &F32::tanh>, Expand<math::ErfOp, &F32::erf>,
        Expand<math::RsqrtOp, &F32::rsqrt>>(&getContext(), scales);
    patterns.add<TruncateTwice>(&getContext());
    // These need libm: sines and cosines for arguments beyond 2^30.
    if (keep) {
      patterns.add<ExpandWideExpM1>(&getContext());
      patterns
          .add<Expand<math::SinOp, &F32::sin>, Expand<math::CosOp, &F32::cos>>(
              &getContext(), scales);
      populateMathAlgebraicSimplificationPatterns(patterns);
    }
    populateMathF32ExpansionPatterns(patterns, [&](StringRef name) {
      return llvm::is_contained(
          {math::ExpOp::getOperationName(), math::Exp2Op::getOperationName(),
           math::ExpM1Op::getOperationName(), math::LogOp::getOperationName(),
           math::Log2Op::getOperationName(), math::Log1pOp::getOperationName(),
           math::TanhOp::getOperationName(), math::ErfOp::getOperationName(),
           math::RsqrtOp::getOperationName(), math::SinOp::getOperationName(),
           math::CosOp::getOperationName()},
          name);
    });
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    if (keep)
      return;
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
