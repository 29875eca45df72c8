//===- FuseElementwise.cpp - fuse where nothing is computed twice -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgShapes.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_LINALGFUSEELEMENTWISE
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;

namespace {

/// Moves, converts or compares its input, or computes from constants and indices.
bool isFree(linalg::GenericOp op) {
  unsigned most = op.getNumDpsInputs() == 0 ? 10 : 2;
  return op.getBody()->getOperations().size() <= most &&
         llvm::all_of(*op.getBody(), [&](Operation &inner) {
           return isa<linalg::YieldOp, linalg::IndexOp, arith::CmpFOp,
                      arith::CmpIOp, CastOpInterface>(inner) ||
                  (op.getNumDpsInputs() == 0 &&
                   isa<arith::ArithDialect>(inner.getDialect()) &&
                   isPure(&inner));
         });
}

/// Costs its readers no more than its result would: one operation, and one
/// operand that is not broadcast.
bool isCheap(linalg::GenericOp op) {
  unsigned full =
      llvm::count_if(op.getDpsInputOperands(), [&](OpOperand *input) {
        return op.getMatchingIndexingMap(input).getNumResults() ==
               op.getNumLoops();
      });
  return full <= 1 && op.getBody()->getOperations().size() <= 2 &&
         llvm::none_of(*op.getBody(), [](Operation &inner) {
           return isa<math::MathDialect>(inner.getDialect()) ||
                  isa<arith::DivFOp>(inner);
         });
}

bool shouldFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer || isContraction(consumer))
    return false;
  if (isFree(producer))
    return true;
  return consumer.getMatchingIndexingMap(operand).isPermutation() &&
         (producer->hasOneUse() || isCheap(producer));
}

/// A contraction, or a convolution, that starts from a broadcast bias: from
/// zero, and then the bias is added.
struct BiasToEpilogue : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || !sumsProducts(op))
      return rewriter.notifyMatchFailure(op, "not a sum of products");
    Value start = op.getDpsInitOperand(0)->get();
    auto bias = matchCopy(start);
    AffineMap out = op.getIndexingMapsArray()[2];
    if (!bias || !out.isProjectedPermutation())
      return rewriter.notifyMatchFailure(op, "starts from no bias");
    Location loc = op.getLoc();
    Type element = getElementTypeOrSelf(start.getType());
    Value empty = tensor::EmptyOp::create(
        rewriter, loc, tensor::getMixedSizes(rewriter, loc, start), element);
    Value zero =
        arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(element));
    Value zeros =
        linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
    auto sum = cast<linalg::GenericOp>(rewriter.clone(*op));
    sum.setDpsInitOperand(0, zeros);
    unsigned rank = out.getNumResults();
    AffineMap identity = rewriter.getMultiDimIdentityMap(rank);
    rewriter.replaceOpWithNewOp<linalg::GenericOp>(
        op, start.getType(), ValueRange{sum.getResult(0), bias->source}, empty,
        ArrayRef{identity, bias->map, identity},
        SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
        [&](OpBuilder &b, Location loc, ValueRange args) {
          Value total =
              isa<FloatType>(element)
                  ? arith::AddFOp::create(b, loc, args[0], args[1]).getResult()
                  : arith::AddIOp::create(b, loc, args[0], args[1]).getResult();
          linalg::YieldOp::create(b, loc, total);
        });
    return success();
  }
};

struct LinalgFuseElementwise
    : plait::impl::LinalgFuseElementwiseBase<LinalgFuseElementwise> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<BiasToEpilogue>(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
