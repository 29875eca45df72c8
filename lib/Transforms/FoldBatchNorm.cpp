//===- FoldBatchNorm.cpp - one scale and one shift per channel -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgShapes.h"
#include "plait/Transforms/ChannelChain.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_LINALGFOLDBATCHNORM
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;

namespace {

struct FoldChain : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!isElementwise(op))
      return rewriter.notifyMatchFailure(op, "not elementwise");
    for (OpOperand *input : op.getDpsInputOperands()) {
      if (op.getMatchingIndexingMap(input).getNumResults() != op.getNumLoops())
        continue;
      ChannelChain chain = ChannelChain::from(op, input);
      // x * scale + shift is what it should become.
      if (chain.steps.size() > 2) {
        rewrite(op, chain, rewriter);
        return success();
      }
    }
    return rewriter.notifyMatchFailure(op, "no scales and shifts per channel");
  }

  static void rewrite(linalg::GenericOp op, const ChannelChain &chain,
                      PatternRewriter &rewriter) {
    Location loc = op.getLoc();
    auto [scales, shifts] = createScaleAndShift(rewriter, loc, chain.steps);
    SmallVector<Value> operands(op.getInputs());
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    unsigned count = operands.size();
    operands.append({scales, shifts});
    maps.insert(maps.begin() + count, 2, chain.map);
    auto normalised = linalg::GenericOp::create(
        rewriter, loc, op.getResultTypes(), operands, op.getOutputs(), maps,
        op.getIteratorTypesArray());
    rewriter.inlineRegionBefore(op.getRegion(), normalised.getRegion(),
                                normalised.getRegion().begin());
    Block *body = normalised.getBody();
    Type type = chain.element.getType();
    Value scale = body->insertArgument(count, type, loc);
    Value shift = body->insertArgument(count + 1, type, loc);
    Operation *last = chain.ops.back();
    rewriter.setInsertionPoint(last);
    Value product = arith::MulFOp::create(rewriter, loc, chain.element, scale);
    rewriter.replaceOpWithNewOp<arith::AddFOp>(last, product, shift);
    for (Operation *step : llvm::reverse(ArrayRef(chain.ops).drop_back()))
      rewriter.eraseOp(step);
    rewriter.replaceOp(op, normalised);
  }
};

struct LinalgFoldBatchNorm
    : plait::impl::LinalgFoldBatchNormBase<LinalgFoldBatchNorm> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldChain>(&getContext());
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
