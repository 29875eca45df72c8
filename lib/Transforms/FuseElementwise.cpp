//===- FuseElementwise.cpp - fuse where nothing is computed twice -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgShapes.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
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

/// Computed from indices: a mask, which is fused with what reads it.
bool isMadeOfIndices(Value value) {
  auto op = value.getDefiningOp<linalg::GenericOp>();
  return op && isElementwise(op) &&
         (op.hasIndexSemantics() ||
          llvm::any_of(op.getInputs(), isMadeOfIndices));
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
         llvm::none_of(op.getInputs(), isMadeOfIndices) &&
         llvm::none_of(*op.getBody(), [](Operation &inner) {
           return isa<math::MathDialect>(inner.getDialect()) ||
                  isa<arith::DivFOp>(inner);
         });
}

/// Converts numbers to a wider type, where each of them is exact.
bool isWidening(Operation *op) {
  if (!isa_and_nonnull<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp,
                       arith::SIToFPOp>(op))
    return false;
  unsigned bits = op->getOperand(0).getType().getIntOrFloatBitWidth();
  return isa<arith::SIToFPOp>(op) ? bits == 8 : bits >= 8;
}

/// Whether `op` only widens its input.
bool onlyWidens(linalg::GenericOp op) {
  return op.getNumDpsInputs() == 1 && isElementwise(op) &&
         op.getBody()->getOperations().size() == 2 &&
         isWidening(&op.getBody()->front());
}

bool shouldFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer)
    return false;
  if (isContraction(consumer)) {
    BlockArgument argument = consumer.getMatchingBlockArgument(operand);
    // What it is widened for may be widened itself: integers to bf16 to f32.
    return !consumer.isDpsInit(operand) && onlyWidens(producer) &&
           argument.hasOneUse() &&
           (isa<arith::MulFOp, arith::MulIOp>(*argument.user_begin()) ||
            isa<arith::SIToFPOp>(producer.getBody()->front()));
  }
  if (isFree(producer))
    return true;
  return consumer.getMatchingIndexingMap(operand).isPermutation() &&
         (producer->hasOneUse() || isCheap(producer));
}

/// What `value` is a copy of; dimensions of size one may have been added since.
std::optional<Copy> matchExpandedCopy(Value value) {
  auto expand = value.getDefiningOp<tensor::ExpandShapeOp>();
  if (!expand)
    return matchCopy(value);
  auto copy = matchCopy(expand.getSrc());
  RankedTensorType type = expand.getResultType();
  SmallVector<AffineExpr> dims;
  for (const ReassociationIndices &group : expand.getReassociationIndices()) {
    int64_t only = group.front();
    for (int64_t dim : group)
      if (type.getDimSize(dim) != 1) {
        if (type.getDimSize(only) != 1 && only != dim)
          return std::nullopt;
        only = dim;
      }
    dims.push_back(getAffineDimExpr(only, value.getContext()));
  }
  if (copy)
    copy->map = copy->map.compose(
        AffineMap::get(type.getRank(), 0, dims, value.getContext()));
  return copy;
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
    auto bias = matchExpandedCopy(start);
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

/// The block argument that `value` is, but for conversions of floats.
BlockArgument converted(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::TruncFOp>(op))
      return {};
    value = op->getOperand(0);
  }
  return dyn_cast<BlockArgument>(value);
}

/// What dequantises: small integers times a scale.
struct Dequantisation {
  OpOperand *numbers, *scale;

  static std::optional<Dequantisation> match(linalg::GenericOp op) {
    if (!op || !isElementwise(op) || op.getNumDpsInputs() != 2)
      return std::nullopt;
    Value value = op.getBody()->getTerminator()->getOperand(0);
    while (
        isa_and_nonnull<arith::ExtFOp, arith::TruncFOp>(value.getDefiningOp()))
      value = value.getDefiningOp()->getOperand(0);
    auto product = value.getDefiningOp<arith::MulFOp>();
    if (!product)
      return std::nullopt;
    for (unsigned i : {0, 1}) {
      Value narrow = product->getOperand(i);
      while (isa_and_nonnull<arith::ExtFOp>(narrow.getDefiningOp()))
        narrow = narrow.getDefiningOp()->getOperand(0);
      Operation *widening = narrow.getDefiningOp();
      BlockArgument scale = converted(product->getOperand(1 - i));
      if (!isa_and_nonnull<arith::SIToFPOp>(widening) ||
          !isWidening(widening) || !scale || scale.getOwner() != op.getBody())
        continue;
      auto numbers = dyn_cast<BlockArgument>(widening->getOperand(0));
      if (numbers && numbers.getOwner() == op.getBody())
        return Dequantisation{op.getMatchingOpOperand(numbers),
                              op.getMatchingOpOperand(scale)};
    }
    return std::nullopt;
  }
};

/// A contraction of a dequantised operand: of the numbers, and then the sums
/// are scaled.
struct ScaleToEpilogue : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || !isContraction(op))
      return rewriter.notifyMatchFailure(op, "not a contraction");
    Value start = filledWith(op.getDpsInitOperand(0)->get());
    AffineMap out = op.getIndexingMapsArray()[2];
    Type element = getElementTypeOrSelf(op->getResult(0));
    if (!start || !matchPattern(start, m_AnyZeroFloat()) ||
        !out.isProjectedPermutation())
      return rewriter.notifyMatchFailure(op, "does not start from zero");
    for (OpOperand *operand : op.getDpsInputOperands()) {
      auto scaling = operand->get().getDefiningOp<linalg::GenericOp>();
      auto parts = Dequantisation::match(scaling);
      if (!parts)
        continue;
      AffineMap read = op.getMatchingIndexingMap(operand);
      AffineMap scales =
          scaling.getMatchingIndexingMap(parts->scale).compose(read);
      BlockArgument argument = op.getMatchingBlockArgument(operand);
      // What the product is of: the element, or the element widened.
      Value factor = argument;
      if (argument.hasOneUse() && isa<arith::ExtFOp>(*argument.user_begin()))
        factor = argument.user_begin()->getResult(0);
      if (!factor.hasOneUse() || !isa<arith::MulFOp>(*factor.user_begin()) ||
          !scaling.getMatchingIndexingMap(parts->numbers).isPermutation() ||
          !llvm::all_of(scales.getResults(), [&](AffineExpr expr) {
            return out.getResultPosition(expr).has_value();
          }))
        continue;

      Location loc = op.getLoc();
      SmallVector<Value> inputs = op.getInputs();
      SmallVector<AffineMap> maps = op.getIndexingMapsArray();
      unsigned number = operand->getOperandNumber();
      inputs[number] = parts->numbers->get();
      maps[number] =
          scaling.getMatchingIndexingMap(parts->numbers).compose(read);
      auto sum = linalg::GenericOp::create(
          rewriter, loc, op->getResultTypes(), inputs, op.getOutputs(), maps,
          op.getIteratorTypesArray(),
          [&](OpBuilder &b, Location loc, ValueRange args) {
            IRMapping mapping;
            mapping.map(op.getBody()->getArguments(), args);
            mapping.map(factor, arith::SIToFPOp::create(
                                    b, loc, factor.getType(), args[number])
                                    .getResult());
            for (Operation &inner : op.getBody()->getOperations())
              if (inner.getNumResults() == 0 || inner.getResult(0) != factor)
                b.clone(inner, mapping);
          });

      // The loops of the contraction, as the dimensions of its result.
      unsigned rank = out.getNumResults();
      SmallVector<AffineExpr> dims(out.getNumDims(),
                                   rewriter.getAffineConstantExpr(0));
      for (auto [dim, expr] : llvm::enumerate(out.getResults()))
        dims[cast<AffineDimExpr>(expr).getPosition()] =
            rewriter.getAffineDimExpr(dim);
      AffineMap identity = rewriter.getMultiDimIdentityMap(rank);
      Value empty = tensor::EmptyOp::create(
          rewriter, loc,
          tensor::getMixedSizes(rewriter, loc, op.getDpsInits()[0]), element);
      rewriter.replaceOpWithNewOp<linalg::GenericOp>(
          op, op->getResultTypes(),
          ValueRange{sum.getResult(0), parts->scale->get()}, empty,
          ArrayRef{identity, scales.replaceDimsAndSymbols(dims, {}, rank, 0),
                   identity},
          SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
          [&](OpBuilder &b, Location loc, ValueRange args) {
            Value by = convertScalarToDtype(b, loc, args[1], element, false);
            linalg::YieldOp::create(
                b, loc, arith::MulFOp::create(b, loc, args[0], by).getResult());
          });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no operand is dequantised");
  }
};

struct LinalgFuseElementwise
    : plait::impl::LinalgFuseElementwiseBase<LinalgFuseElementwise> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<BiasToEpilogue, ScaleToEpilogue>(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
