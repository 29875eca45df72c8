//===- MoveScaling.cpp - scale less than a contraction reads -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_LINALGMOVESCALING
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

/// Whether `value` in the body of `op` depends on the operands that `allowed`
/// accepts and on constants, and on nothing else.
bool dependsOnlyOn(linalg::GenericOp op, Value value,
                   function_ref<bool(OpOperand *)> allowed) {
  if (auto argument = dyn_cast<BlockArgument>(value);
      argument && argument.getOwner() == op.getBody())
    return argument.getArgNumber() < op.getNumDpsInputs() &&
           allowed(op.getMatchingOpOperand(argument));
  Operation *definition = value.getDefiningOp();
  if (!definition || definition->getBlock() != op.getBody())
    return true;
  return isPure(definition) && !isa<linalg::IndexOp>(definition) &&
         llvm::all_of(definition->getOperands(), [&](Value operand) {
           return dependsOnlyOn(op, operand, allowed);
         });
}

/// The operand that `op` multiplies or divides by what depends on operands that
/// `isFactor` accepts, or replaces by zero where that says so.
OpOperand *scaledOperand(linalg::GenericOp op,
                         function_ref<bool(OpOperand *)> isFactor) {
  auto factor = [&](Value value) { return dependsOnlyOn(op, value, isFactor); };
  Value value = op.getBody()->getTerminator()->getOperand(0);
  while (Operation *definition = value.getDefiningOp()) {
    if (definition->getBlock() != op.getBody())
      return nullptr;
    if (auto divide = dyn_cast<arith::DivFOp>(definition);
        divide && factor(divide.getRhs())) {
      value = divide.getLhs();
      continue;
    }
    if (auto multiply = dyn_cast<arith::MulFOp>(definition)) {
      if (factor(multiply.getRhs())) {
        value = multiply.getLhs();
        continue;
      }
      if (factor(multiply.getLhs())) {
        value = multiply.getRhs();
        continue;
      }
    }
    if (auto select = dyn_cast<arith::SelectOp>(definition);
        select && factor(select.getCondition())) {
      if (matchPattern(select.getTrueValue(), m_AnyZeroFloat())) {
        value = select.getFalseValue();
        continue;
      }
      if (matchPattern(select.getFalseValue(), m_AnyZeroFloat())) {
        value = select.getTrueValue();
        continue;
      }
    }
    return nullptr;
  }
  auto argument = cast<BlockArgument>(value);
  if (argument.getOwner() != op.getBody() ||
      argument.getArgNumber() >= op.getNumDpsInputs())
    return nullptr;
  OpOperand *source = op.getMatchingOpOperand(argument);
  return isFactor(source) ? nullptr : source;
}

/// C = sum of A * B from zero, all of one type.
bool isPlainContraction(linalg::GenericOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInputs() != 2 ||
      op->getNumResults() != 1 || op.getNumReductionLoops() == 0 ||
      op.getBody()->getOperations().size() != 3 ||
      llvm::any_of(op.getIndexingMapsArray(),
                   [](AffineMap map) { return !map.isProjectedPermutation(); }))
    return false;
  auto sum = op.getBody()
                 ->getTerminator()
                 ->getOperand(0)
                 .getDefiningOp<arith::AddFOp>();
  if (!sum)
    return false;
  Block *body = op.getBody();
  bool first = sum.getLhs() == body->getArgument(2);
  auto product =
      (first ? sum.getRhs() : sum.getLhs()).getDefiningOp<arith::MulFOp>();
  if (!product || (!first && sum.getRhs() != body->getArgument(2)) ||
      product.getLhs() == product.getRhs() ||
      !isa<BlockArgument>(product.getLhs()) ||
      !isa<BlockArgument>(product.getRhs()))
    return false;
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::LinalgOp>();
  if (!fill)
    return false;
  Value start;
  if (auto named = dyn_cast<linalg::FillOp>(*fill))
    start = named.getInputs()[0];
  else if (fill.getNumDpsInputs() == 0 && fill->getNumResults() == 1)
    start = fill.getBlock()->getTerminator()->getOperand(0);
  return start && matchPattern(start, m_AnyZeroFloat());
}

/// The op that computes `operand` alone, element by element.
linalg::GenericOp scalingOf(OpOperand *operand) {
  auto op = operand->get().getDefiningOp<linalg::GenericOp>();
  if (!op || !op->hasOneUse() || op->getNumResults() != 1 ||
      op.getNumReductionLoops() != 0 || !op.hasPureTensorSemantics() ||
      getElementTypeOrSelf(op->getResult(0)).isInteger() ||
      !op.getIndexingMapsArray().back().isPermutation())
    return nullptr;
  return op;
}

/// The loops of `op`, as the loops of the reader of its result.
AffineMap loopsOfReader(linalg::GenericOp op, linalg::GenericOp reader,
                        OpOperand *operand) {
  AffineMap result = op.getIndexingMapsArray().back();
  return inversePermutation(result).compose(
      reader.getMatchingIndexingMap(operand));
}

/// A body like `op`'s, on `value` instead of `source`.
void cloneBody(OpBuilder &b, linalg::GenericOp op, IRMapping &mapping) {
  for (Operation &inner : op.getBody()->without_terminator())
    b.clone(inner, mapping);
  linalg::YieldOp::create(
      b, op.getLoc(),
      mapping.lookupOrDefault(op.getBody()->getTerminator()->getOperand(0)));
}

/// Reads the source of a scaling instead of its result.
void readSource(PatternRewriter &rewriter, linalg::GenericOp op,
                OpOperand *operand, linalg::GenericOp scaling,
                OpOperand *source) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  maps[operand->getOperandNumber()] =
      scaling.getMatchingIndexingMap(source).compose(
          loopsOfReader(scaling, op, operand));
  rewriter.modifyOpInPlace(op, [&] {
    operand->set(source->get());
    op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
  });
}

/// Factors per row of the result: scales the result.
struct ScaleResult : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!isPlainContraction(op))
      return rewriter.notifyMatchFailure(op, "not a sum of products from zero");
    AffineMap out = op.getIndexingMapsArray()[2];
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    for (OpOperand *operand : op.getDpsInputOperands()) {
      linalg::GenericOp scaling = scalingOf(operand);
      if (!scaling)
        continue;
      AffineMap loops = loopsOfReader(scaling, op, operand);
      auto inResult = [&](OpOperand *factor) {
        AffineMap map = scaling.getMatchingIndexingMap(factor).compose(loops);
        return map.isProjectedPermutation(/*allowZeroInResults=*/true) &&
               llvm::all_of(map.getResults(), [&](AffineExpr expr) {
                 return !isa<AffineDimExpr>(expr) ||
                        out.getResultPosition(expr).has_value();
               });
      };
      OpOperand *source = scaledOperand(scaling, inResult);
      if (!source ||
          scaling.getMatchingIndexingMap(source).getNumResults() !=
              scaling.getNumLoops() ||
          !scaling.getMatchingIndexingMap(source).isPermutation() ||
          getElementTypeOrSelf(source->get()) !=
              getElementTypeOrSelf(op->getResult(0)))
        continue;
      // Elements that are scaled per row, before and after.
      AffineMap read = op.getMatchingIndexingMap(operand);
      int64_t before = 1, after = 1;
      for (auto [loop, range] : llvm::enumerate(ranges)) {
        bool inOut = out.isFunctionOfDim(loop), in = read.isFunctionOfDim(loop);
        int64_t size = ShapedType::isDynamic(range) ? 256 : range;
        before *= in && !inOut ? size : 1;
        after *= inOut && !in ? size : 1;
      }
      if (after > before)
        continue;

      Location loc = op.getLoc();
      unsigned rank = out.getNumResults();
      rewriter.setInsertionPointAfter(op);
      Value result = op->getResult(0);
      Value empty = tensor::EmptyOp::create(
          rewriter, loc,
          tensor::getMixedSizes(rewriter, loc, op.getDpsInits()[0]),
          getElementTypeOrSelf(result));
      // The loops of the contraction, as the dimensions of its result.
      SmallVector<AffineExpr> dims(out.getNumDims(),
                                   rewriter.getAffineConstantExpr(0));
      for (unsigned dim = 0; dim < rank; ++dim)
        dims[cast<AffineDimExpr>(out.getResult(dim)).getPosition()] =
            rewriter.getAffineDimExpr(dim);
      SmallVector<Value> inputs;
      SmallVector<AffineMap> maps;
      for (OpOperand *input : scaling.getDpsInputOperands()) {
        inputs.push_back(input == source ? result : input->get());
        AffineMap map = scaling.getMatchingIndexingMap(input).compose(loops);
        maps.push_back(input == source
                           ? rewriter.getMultiDimIdentityMap(rank)
                           : map.replaceDimsAndSymbols(dims, {}, rank, 0));
      }
      maps.push_back(rewriter.getMultiDimIdentityMap(rank));
      auto scaled = linalg::GenericOp::create(
          rewriter, loc, result.getType(), inputs, empty, maps,
          SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
          [&](OpBuilder &b, Location, ValueRange arguments) {
            IRMapping mapping;
            mapping.map(scaling.getBody()->getArguments(), arguments);
            cloneBody(b, scaling, mapping);
          });
      rewriter.replaceAllUsesExcept(result, scaled.getResult(0), scaled);
      readSource(rewriter, op, operand, scaling, source);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no operand is scaled by row");
  }
};

/// A constant factor of the second operand: scales the first, which is not
/// rearranged for it.
struct ScaleFirst : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!isPlainContraction(op))
      return rewriter.notifyMatchFailure(op, "not a sum of products from zero");
    OpOperand *left = op.getDpsInputOperand(0);
    OpOperand *right = op.getDpsInputOperand(1);
    linalg::GenericOp scaling = scalingOf(right);
    if (!scaling || scaling.getNumDpsInputs() != 1)
      return rewriter.notifyMatchFailure(op,
                                         "the second operand is not scaled");
    OpOperand *source =
        scaledOperand(scaling, [](OpOperand *) { return false; });
    auto type = cast<RankedTensorType>(left->get().getType());
    if (!source || !scaling.getMatchingIndexingMap(source).isPermutation() ||
        getElementTypeOrSelf(source->get()) != type.getElementType())
      return rewriter.notifyMatchFailure(op, "not scaled by a constant");
    Location loc = op.getLoc();
    rewriter.setInsertionPoint(op);
    Value empty = tensor::EmptyOp::create(
        rewriter, loc, tensor::getMixedSizes(rewriter, loc, left->get()),
        type.getElementType());
    AffineMap identity = rewriter.getMultiDimIdentityMap(type.getRank());
    auto scaled = linalg::GenericOp::create(
        rewriter, loc, type, left->get(), empty, ArrayRef{identity, identity},
        SmallVector<utils::IteratorType>(type.getRank(),
                                         utils::IteratorType::parallel),
        [&](OpBuilder &b, Location, ValueRange arguments) {
          IRMapping mapping;
          mapping.map(scaling.getBody()->getArguments(), arguments);
          cloneBody(b, scaling, mapping);
        });
    rewriter.modifyOpInPlace(op, [&] { left->set(scaled.getResult(0)); });
    readSource(rewriter, op, right, scaling, source);
    return success();
  }
};

struct LinalgMoveScaling
    : plait::impl::LinalgMoveScalingBase<LinalgMoveScaling> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ScaleResult>(&getContext());
    patterns.add<ScaleFirst>(&getContext(), /*benefit=*/2);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
