//===- ControlFlowToSCF.cpp - stablehlo while, case and if to scf -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Conversion/Passes.h"
#include "plait/Dialect/Stablehlo/IR/Stablehlo.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTSTABLEHLOCONTROLFLOWTOSCF
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;

/// Moves the block of `from` to `to` and ends it with `scf.yield`.
static void moveRegion(PatternRewriter &rewriter, Region &from, Region &to) {
  rewriter.inlineRegionBefore(from, to, to.end());
  Operation *end = to.front().getTerminator();
  rewriter.setInsertionPoint(end);
  rewriter.replaceOpWithNewOp<scf::YieldOp>(end, end->getOperands());
}

namespace {
struct ConvertWhile : OpRewritePattern<stablehlo::WhileOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(stablehlo::WhileOp op,
                                PatternRewriter &rewriter) const override {
    auto loop = scf::WhileOp::create(rewriter, op.getLoc(), op.getResultTypes(),
                                     op.getState());
    rewriter.inlineRegionBefore(op.getCond(), loop.getBefore(),
                                loop.getBefore().end());
    Operation *end = loop.getBeforeBody()->getTerminator();
    rewriter.setInsertionPoint(end);
    Value condition =
        tensor::ExtractOp::create(rewriter, end->getLoc(), end->getOperand(0));
    rewriter.replaceOpWithNewOp<scf::ConditionOp>(end, condition,
                                                  loop.getBeforeArguments());
    moveRegion(rewriter, op.getBody(), loop.getAfter());
    rewriter.replaceOp(op, loop);
    return success();
  }
};

struct ConvertCase : OpRewritePattern<stablehlo::CaseOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(stablehlo::CaseOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value index = tensor::ExtractOp::create(rewriter, loc, op.getIndex());
    index = arith::IndexCastOp::create(rewriter, loc, rewriter.getIndexType(),
                                       index);
    // The last branch also answers for every index that names none.
    int64_t last = op.getBranches().size() - 1;
    auto numbers = llvm::to_vector(llvm::seq<int64_t>(0, last));
    auto branches = scf::IndexSwitchOp::create(
        rewriter, loc, op.getResultTypes(), index, numbers, last);
    for (auto [from, to] : llvm::zip_equal(op.getBranches().drop_back(),
                                           branches.getCaseRegions()))
      moveRegion(rewriter, from, to);
    moveRegion(rewriter, op.getBranches().back(), branches.getDefaultRegion());
    rewriter.replaceOp(op, branches);
    return success();
  }
};

struct ConvertIf : OpRewritePattern<stablehlo::IfOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(stablehlo::IfOp op,
                                PatternRewriter &rewriter) const override {
    Value pred = tensor::ExtractOp::create(rewriter, op.getLoc(), op.getPred());
    auto branches =
        scf::IfOp::create(rewriter, op.getLoc(), op.getResultTypes(), pred,
                          /*addThenBlock=*/false, /*addElseBlock=*/false);
    moveRegion(rewriter, op.getTrueBranch(), branches.getThenRegion());
    moveRegion(rewriter, op.getFalseBranch(), branches.getElseRegion());
    rewriter.replaceOp(op, branches);
    return success();
  }
};

struct ConvertStablehloControlFlowToSCF
    : plait::impl::ConvertStablehloControlFlowToSCFBase<
          ConvertStablehloControlFlowToSCF> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ConvertWhile, ConvertCase, ConvertIf>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
