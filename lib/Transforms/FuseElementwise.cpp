//===- FuseElementwise.cpp - fuse where nothing is computed twice -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_LINALGFUSEELEMENTWISE
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

/// Only moves or converts its input.
bool isCheap(linalg::GenericOp op) {
  return op.getBody()->getOperations().size() <= 2 &&
         llvm::none_of(*op.getBody(), [](Operation &inner) {
           return isa<math::MathDialect>(inner.getDialect());
         });
}

bool shouldFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer)
    return false;
  bool once = consumer.getMatchingIndexingMap(operand).isPermutation();
  return isCheap(producer) ? once || consumer.getNumReductionLoops() == 0
                           : once && producer->hasOneUse();
}

struct LinalgFuseElementwise
    : plait::impl::LinalgFuseElementwiseBase<LinalgFuseElementwise> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
