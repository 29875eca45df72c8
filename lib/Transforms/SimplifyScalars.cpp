//===- SimplifyScalars.cpp - what importers leave in bodies -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_LINALGSIMPLIFYSCALARS
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

/// `number` in `type`, and whether that loses something.
std::pair<APFloat, bool> convert(APFloat number, Type type) {
  bool lossy;
  number.convert(cast<FloatType>(type).getFloatSemantics(),
                 APFloat::rmNearestTiesToEven, &lossy);
  return {number, lossy};
}

/// truncf(constant): upstream folds it only where it is exact.
struct TruncateConstant : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    FloatAttr constant;
    if (op.getRoundingmode() ||
        !matchPattern(op.getIn(), m_Constant(&constant)))
      return rewriter.notifyMatchFailure(op, "not of a constant");
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(
        op, FloatAttr::get(op.getType(),
                           convert(constant.getValue(), op.getType()).first));
    return success();
  }
};

/// cmpf(extf(x), constant) --> cmpf(x, constant)
struct CompareNarrow : OpRewritePattern<arith::CmpFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::CmpFOp op,
                                PatternRewriter &rewriter) const override {
    auto extension = op.getLhs().getDefiningOp<arith::ExtFOp>();
    FloatAttr constant;
    if (!extension || !matchPattern(op.getRhs(), m_Constant(&constant)))
      return rewriter.notifyMatchFailure(op, "not extf against a constant");
    Type type = extension.getIn().getType();
    auto [number, lossy] = convert(constant.getValue(), type);
    if (lossy)
      return rewriter.notifyMatchFailure(op, "the constant needs its type");
    Value narrow = arith::ConstantOp::create(rewriter, op.getLoc(),
                                             FloatAttr::get(type, number));
    rewriter.replaceOpWithNewOp<arith::CmpFOp>(op, op.getPredicate(),
                                               extension.getIn(), narrow);
    return success();
  }
};

/// extf(sitofp(x)) --> sitofp(x), where the narrow type holds x exactly
struct WidenIntegerOnce : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    auto conversion = op.getIn().getDefiningOp<arith::SIToFPOp>();
    if (!conversion ||
        getElementTypeOrSelf(conversion.getIn()).getIntOrFloatBitWidth() >
            cast<FloatType>(getElementTypeOrSelf(op.getIn()))
                .getFPMantissaWidth())
      return rewriter.notifyMatchFailure(op, "not of an exact conversion");
    rewriter.replaceOpWithNewOp<arith::SIToFPOp>(op, op.getType(),
                                                 conversion.getIn());
    return success();
  }
};

/// erf(x / c) --> erf(x * (1 / c))
struct DivideBeforeErf : OpRewritePattern<math::ErfOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ErfOp op,
                                PatternRewriter &rewriter) const override {
    auto division = op.getOperand().getDefiningOp<arith::DivFOp>();
    FloatAttr constant;
    if (!division || !matchPattern(division.getRhs(), m_Constant(&constant)))
      return rewriter.notifyMatchFailure(op, "not of x / constant");
    APFloat inverse(constant.getValue().getSemantics(), 1);
    inverse.divide(constant.getValue(), APFloat::rmNearestTiesToEven);
    if (!inverse.isNormal())
      return rewriter.notifyMatchFailure(op, "1 / constant is not normal");
    Value factor = arith::ConstantOp::create(
        rewriter, op.getLoc(), FloatAttr::get(op.getType(), inverse));
    Value product =
        arith::MulFOp::create(rewriter, op.getLoc(), division.getLhs(), factor);
    rewriter.modifyOpInPlace(op, [&] { op->setOperand(0, product); });
    return success();
  }
};

/// assert(x != 0) beside a division by x: division by zero is defined.
struct DropDivisorAssert : OpRewritePattern<cf::AssertOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(cf::AssertOp op,
                                PatternRewriter &rewriter) const override {
    auto compare = op.getArg().getDefiningOp<arith::CmpFOp>();
    if (!compare || !matchPattern(compare.getRhs(), m_AnyZeroFloat()) ||
        (compare.getPredicate() != arith::CmpFPredicate::ONE &&
         compare.getPredicate() != arith::CmpFPredicate::UNE))
      return rewriter.notifyMatchFailure(op, "not of x != 0");
    if (llvm::none_of(compare.getLhs().getUsers(), [&](Operation *user) {
          auto division = dyn_cast<arith::DivFOp>(user);
          return division && division->getBlock() == op->getBlock() &&
                 division.getRhs() == compare.getLhs();
        }))
      return rewriter.notifyMatchFailure(op, "guards no division");
    rewriter.eraseOp(op);
    return success();
  }
};

/// A loop's index is not negative.
struct CompareIndex : OpRewritePattern<arith::CmpIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::CmpIOp op,
                                PatternRewriter &rewriter) const override {
    Value index = op.getLhs();
    if (auto cast = index.getDefiningOp<arith::IndexCastOp>())
      index = cast.getIn();
    APInt bound;
    if (!index.getDefiningOp<linalg::IndexOp>() ||
        !matchPattern(op.getRhs(), m_ConstantInt(&bound)))
      return rewriter.notifyMatchFailure(op, "not an index against a constant");
    bool holds;
    if (op.getPredicate() == arith::CmpIPredicate::sge &&
        !bound.isStrictlyPositive())
      holds = true;
    else if (op.getPredicate() == arith::CmpIPredicate::slt &&
             !bound.isStrictlyPositive())
      holds = false;
    else
      return rewriter.notifyMatchFailure(op, "depends on the index");
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op,
                                                   rewriter.getBoolAttr(holds));
    return success();
  }
};

struct LinalgSimplifyScalars
    : plait::impl::LinalgSimplifyScalarsBase<LinalgSimplifyScalars> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<TruncateConstant, CompareNarrow, WidenIntegerOnce,
                 DivideBeforeErf, DropDivisorAssert, CompareIndex>(
        &getContext());
    populateMathAlgebraicSimplificationPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
