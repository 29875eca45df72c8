//===- CanonicalizeChain.cpp - drop and merge processors -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Sample/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace plait::sample {
#define GEN_PASS_DEF_SAMPLECANONICALIZECHAIN
#include "plait/Dialect/Sample/Transforms/Passes.h.inc"
} // namespace plait::sample

using namespace mlir;
using namespace plait::sample;

namespace {

/// Makes one `Op` of two that follow each other, whose parameters behind the
/// logits are made by `merge`. Types must agree: rows of one may be dynamic.
template <typename Op> struct MergeNeighbours : OpRewritePattern<Op> {
  using Merge = SmallVector<Value> (*)(OpBuilder &, Location, Op first,
                                       Op then);
  MergeNeighbours(MLIRContext *context, Merge merge)
      : OpRewritePattern<Op>(context), merge(merge) {}

  LogicalResult matchAndRewrite(Op then,
                                PatternRewriter &rewriter) const override {
    auto first = then.getLogits().template getDefiningOp<Op>();
    if (!first)
      return rewriter.notifyMatchFailure(then, "is not behind its like");
    if (!first->getAttrs().empty() || !then->getAttrs().empty())
      return rewriter.notifyMatchFailure(then, "one has a mode");
    for (auto [a, b] :
         llvm::zip(first->getOperandTypes(), then->getOperandTypes()))
      if (cast<RankedTensorType>(a).getDimSize(0) !=
          cast<RankedTensorType>(b).getDimSize(0))
        return rewriter.notifyMatchFailure(then, "rows are known of one only");
    SmallVector<Value> operands{first.getLogits()};
    llvm::append_range(operands, merge(rewriter, then.getLoc(), first, then));
    rewriter.replaceOpWithNewOp<Op>(then, then->getResultTypes(), operands);
    return success();
  }

  Merge merge;
};

Value constantLike(OpBuilder &builder, Location loc, Value like,
                   int32_t value) {
  auto type = cast<RankedTensorType>(like.getType());
  Value scalar =
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(value));
  if (!type.hasStaticShape()) {
    Value size = tensor::DimOp::create(builder, loc, like, 0);
    return tensor::SplatOp::create(builder, loc, scalar, type,
                                   ValueRange{size});
  }
  return arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(type, builder.getI32IntegerAttr(value)));
}

SmallVector<Value> lesserK(OpBuilder &builder, Location loc, TopKOp first,
                           TopKOp then) {
  if (first.getK() == then.getK())
    return {first.getK()};
  // What is off is 0 or negative: less one it is a great unsigned number.
  Value one = constantLike(builder, loc, first.getK(), 1);
  Value a = arith::SubIOp::create(builder, loc, first.getK(), one);
  Value b = arith::SubIOp::create(builder, loc, then.getK(), one);
  Value least = arith::MinUIOp::create(builder, loc, a, b);
  return {arith::AddIOp::create(builder, loc, least, one)};
}

SmallVector<Value> greaterP(OpBuilder &builder, Location loc, MinPOp first,
                            MinPOp then) {
  // The best candidate weighs the same before and after. A NaN stays one.
  return {arith::MaximumFOp::create(builder, loc, first.getP(), then.getP())};
}

SmallVector<Value> bothBans(OpBuilder &builder, Location loc, BanOp first,
                            BanOp then) {
  return {tensor::ConcatOp::create(builder, loc, 1,
                                   ValueRange{first.getIds(), then.getIds()})};
}

SmallVector<Value> bothBiases(OpBuilder &builder, Location loc,
                              LogitBiasOp first, LogitBiasOp then) {
  return {
      tensor::ConcatOp::create(builder, loc, 1,
                               ValueRange{first.getIds(), then.getIds()}),
      tensor::ConcatOp::create(
          builder, loc, 1, ValueRange{first.getValues(), then.getValues()})};
}

SmallVector<Value> bothMasks(OpBuilder &builder, Location loc, BitmaskOp first,
                             BitmaskOp then) {
  return {
      arith::AndIOp::create(builder, loc, first.getWords(), then.getWords())};
}

/// min_p, top_k --> top_k, min_p: each keeps what is above some place, and
/// neither removes the best candidate, which is all that min_p looks at.
struct HoistTopK : OpRewritePattern<TopKOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TopKOp topK,
                                PatternRewriter &rewriter) const override {
    auto minP = topK.getLogits().getDefiningOp<MinPOp>();
    if (!minP || !minP->hasOneUse())
      return rewriter.notifyMatchFailure(topK, "is not alone behind a min_p");
    Value hoisted =
        TopKOp::create(rewriter, topK.getLoc(), topK.getType(),
                       minP.getLogits(), topK.getK(), topK.getKeepTies());
    rewriter.replaceOpWithNewOp<MinPOp>(topK, topK.getType(), hoisted,
                                        minP.getP());
    return success();
  }
};

struct SampleCanonicalizeChain
    : plait::sample::impl::SampleCanonicalizeChainBase<
          SampleCanonicalizeChain> {
  using Base::Base;

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<MergeNeighbours<TopKOp>>(context, lesserK);
    patterns.add<MergeNeighbours<MinPOp>>(context, greaterP);
    patterns.add<MergeNeighbours<BanOp>>(context, bothBans);
    patterns.add<MergeNeighbours<LogitBiasOp>>(context, bothBiases);
    patterns.add<MergeNeighbours<BitmaskOp>>(context, bothMasks);
    patterns.add<HoistTopK>(context);
    DrawOp::getCanonicalizationPatterns(patterns, context);
    GreedyOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
