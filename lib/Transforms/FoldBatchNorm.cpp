//===- FoldBatchNorm.cpp - one scale and one shift per channel -===//
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
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_LINALGFOLDBATCHNORM
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;

namespace {

/// The steps x - a, x + a, x * a of a body, from an element x of a whole
/// tensor, where the a are per channel.
struct Chain {
  BlockArgument element;
  SmallVector<Operation *> steps;
  SmallVector<OpOperand *> channels;
  AffineMap map;

  /// The chain that starts at `input`.
  static Chain from(linalg::GenericOp op, OpOperand *input) {
    Chain chain;
    chain.element = op.getMatchingBlockArgument(input);
    Value value = chain.element;
    while (value.hasOneUse()) {
      Operation *step = *value.getUsers().begin();
      if (!isa<arith::AddFOp, arith::SubFOp, arith::MulFOp>(step))
        break;
      bool isLeft = step->getOperand(0) == value;
      auto other = dyn_cast<BlockArgument>(step->getOperand(isLeft));
      if (!other || (isa<arith::SubFOp>(step) && !isLeft) ||
          !chain.addChannel(op, other))
        break;
      chain.steps.push_back(step);
      value = step->getResult(0);
    }
    return chain;
  }

  bool addChannel(linalg::GenericOp op, BlockArgument argument) {
    if (argument.getOwner() != op.getBody() ||
        argument.getArgNumber() >= op.getNumDpsInputs())
      return false;
    OpOperand *operand = op.getDpsInputOperand(argument.getArgNumber());
    AffineMap of = op.getMatchingIndexingMap(operand);
    if (!of.isProjectedPermutation() ||
        of.getNumResults() == op.getNumLoops() || of.getNumResults() == 0 ||
        (map && map != of))
      return false;
    map = of;
    channels.push_back(operand);
    return true;
  }
};

struct FoldChain : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!isElementwise(op))
      return rewriter.notifyMatchFailure(op, "not elementwise");
    for (OpOperand *input : op.getDpsInputOperands()) {
      if (op.getMatchingIndexingMap(input).getNumResults() != op.getNumLoops())
        continue;
      Chain chain = Chain::from(op, input);
      // x * scale + shift is what it should become.
      if (chain.steps.size() > 2) {
        rewrite(op, chain, rewriter);
        return success();
      }
    }
    return rewriter.notifyMatchFailure(op, "no scales and shifts per channel");
  }

  static void rewrite(linalg::GenericOp op, const Chain &chain,
                      PatternRewriter &rewriter) {
    Location loc = op.getLoc();
    SmallVector<Value> inputs;
    for (OpOperand *channel : chain.channels)
      inputs.push_back(channel->get());
    unsigned rank = chain.map.getNumResults();
    Value empty = tensor::EmptyOp::create(
        rewriter, loc, tensor::getMixedSizes(rewriter, loc, inputs[0]),
        chain.element.getType());
    auto channelwise = linalg::GenericOp::create(
        rewriter, loc, TypeRange{empty.getType(), empty.getType()}, inputs,
        ValueRange{empty, empty},
        SmallVector<AffineMap>(inputs.size() + 2,
                               rewriter.getMultiDimIdentityMap(rank)),
        SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
        [&](OpBuilder &b, Location loc, ValueRange args) {
          Type type = chain.element.getType();
          Value scale, shift;
          for (auto [index, step] : llvm::enumerate(chain.steps)) {
            Value by = args[index];
            if (isa<arith::MulFOp>(step)) {
              scale = scale ? arith::MulFOp::create(b, loc, scale, by) : by;
              if (shift)
                shift = arith::MulFOp::create(b, loc, shift, by);
            } else if (isa<arith::AddFOp>(step)) {
              shift = shift ? arith::AddFOp::create(b, loc, shift, by) : by;
            } else {
              shift = shift
                          ? arith::SubFOp::create(b, loc, shift, by).getResult()
                          : arith::NegFOp::create(b, loc, by).getResult();
            }
          }
          if (!scale)
            scale = arith::ConstantOp::create(b, loc, b.getFloatAttr(type, 1));
          if (!shift)
            shift = arith::ConstantOp::create(b, loc, b.getFloatAttr(type, 0));
          linalg::YieldOp::create(b, loc, ValueRange{scale, shift});
        });

    SmallVector<Value> operands(op.getInputs());
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    unsigned count = operands.size();
    operands.append({channelwise.getResult(0), channelwise.getResult(1)});
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
    Operation *last = chain.steps.back();
    rewriter.setInsertionPoint(last);
    Value product = arith::MulFOp::create(rewriter, loc, chain.element, scale);
    rewriter.replaceOpWithNewOp<arith::AddFOp>(last, product, shift);
    for (Operation *step : llvm::reverse(ArrayRef(chain.steps).drop_back()))
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
