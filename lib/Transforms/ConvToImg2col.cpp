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
struct LinalgConvToImg2col
    : plait::impl::LinalgConvToImg2colBase<LinalgConvToImg2col> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    linalg::populateConvertConv2DToImg2ColPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
