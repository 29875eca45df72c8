//===- FoldTransposes.cpp - read through transposes and broadcasts -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_LINALGFOLDTRANSPOSES
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

/// If `value` is a transposed or broadcast copy: the source, and the map from
/// the copy's indices to the source's.
std::optional<std::pair<Value, AffineMap>> matchCopy(Value value) {
  auto op = value.getDefiningOp<linalg::LinalgOp>();
  if (!op || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops())
    return std::nullopt;
  if (!isa<linalg::TransposeOp, linalg::BroadcastOp>(op)) {
    auto generic = dyn_cast<linalg::GenericOp>(*op);
    if (!generic)
      return std::nullopt;
    auto yield = cast<linalg::YieldOp>(generic.getBody()->getTerminator());
    if (yield.getOperand(0) != generic.getBody()->getArgument(0))
      return std::nullopt;
  }
  AffineMap in = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!out.isPermutation() || !in.isProjectedPermutation())
    return std::nullopt;
  return std::make_pair(op.getDpsInputOperand(0)->get(),
                        in.compose(inversePermutation(out)));
}

struct FoldCopy : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "not on tensors");
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    for (OpOperand *operand : op.getDpsInputOperands()) {
      auto copy = matchCopy(operand->get());
      if (!copy)
        continue;
      SmallVector<AffineMap> folded = maps;
      folded[operand->getOperandNumber()] =
          copy->second.compose(op.getMatchingIndexingMap(operand));
      // The maps together must still tell the size of every loop.
      if (!inversePermutation(concatAffineMaps(folded, op.getContext())))
        continue;
      rewriter.modifyOpInPlace(op, [&] {
        operand->set(copy->first);
        op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(folded));
      });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "reads no copy");
  }
};

struct LinalgFoldTransposes
    : plait::impl::LinalgFoldTransposesBase<LinalgFoldTransposes> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldCopy>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
