//===- ConvToImg2col.cpp - convolutions to contractions -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_LINALGCONVTOIMG2COL
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {
/// Upstream's pattern for a depthwise convolution multiplies the patches of a
/// batch by filters that have none.
struct GeneralizeBatchedDepthwise
    : OpRewritePattern<linalg::DepthwiseConv2DNhwcHwcOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::DepthwiseConv2DNhwcHwcOp op,
                                PatternRewriter &rewriter) const override {
    auto image = cast<ShapedType>(op.getInputs().front().getType());
    if (image.getDimSize(0) == 1)
      return rewriter.notifyMatchFailure(op, "a batch of one");
    return linalg::generalizeNamedOp(rewriter, op);
  }
};

struct LinalgConvToImg2col
    : plait::impl::LinalgConvToImg2colBase<LinalgConvToImg2col> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    linalg::populateConvertConv2DToImg2ColPatterns(patterns);
    patterns.add<GeneralizeBatchedDepthwise>(&getContext(), /*benefit=*/2);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
