//===- FoldTransposes.cpp - read through transposes and broadcasts -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A `linalg.generic` can read through a transpose or a broadcast by another
// indexing map. What stands between the copy and such a reader - a slice, a
// concatenation, elementwise ops - changes places with it: copies move down,
// towards a contraction, until nothing is left of them.
//
//===----------------------------------------------------------------------===//

#include "LinalgShapes.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_LINALGFOLDTRANSPOSES
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;

namespace {

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
          copy->map.compose(op.getMatchingIndexingMap(operand));
      // The maps together must still tell the size of every loop.
      if (!inversePermutation(concatAffineMaps(folded, op.getContext())))
        continue;
      rewriter.modifyOpInPlace(op, [&] {
        operand->set(copy->source);
        op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(folded));
      });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "reads no copy");
  }
};

/// A copy that only reorders dimensions.
std::optional<Copy> matchTranspose(Value value) {
  auto copy = matchCopy(value);
  if (copy && copy->map.isPermutation() && !copy->map.isIdentity())
    return copy;
  return std::nullopt;
}

/// `values`, one per dimension of the copy, in the order of the source.
template <typename T>
SmallVector<T> inSourceOrder(AffineMap map, ArrayRef<T> values) {
  SmallVector<T> ordered;
  for (AffineExpr expr : map.getResults())
    ordered.push_back(values[cast<AffineDimExpr>(expr).getPosition()]);
  return ordered;
}

/// `op` is `value`, transposed.
void replaceByTranspose(Operation *op, Value value, AffineMap map,
                        PatternRewriter &rewriter) {
  if (!map.isIdentity())
    value = makeTransposed(rewriter, op->getLoc(), value, map);
  Type type = op->getResult(0).getType();
  if (value.getType() != type) // Static sizes became dynamic, or the reverse.
    value = tensor::CastOp::create(rewriter, op->getLoc(), type, value);
  rewriter.replaceOp(op, value);
}

/// extract_slice(transpose(x)) --> transpose(extract_slice(x))
struct SliceOfTranspose : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op,
                                PatternRewriter &rewriter) const override {
    auto copy = matchTranspose(op.getSource());
    if (!copy)
      return rewriter.notifyMatchFailure(op, "not of a transpose");
    // The dimensions that the slice keeps, where they are in its result.
    llvm::SmallBitVector dropped = op.getDroppedDims();
    DenseMap<unsigned, unsigned> kept;
    for (unsigned dim = 0; dim < dropped.size(); ++dim)
      if (!dropped.test(dim))
        kept.insert({dim, kept.size()});
    SmallVector<int64_t> shape;
    SmallVector<AffineExpr> exprs;
    for (AffineExpr expr : copy->map.getResults()) {
      auto at = kept.find(cast<AffineDimExpr>(expr).getPosition());
      if (at == kept.end())
        continue;
      shape.push_back(op.getType().getDimSize(at->second));
      exprs.push_back(rewriter.getAffineDimExpr(at->second));
    }
    Value slice = tensor::ExtractSliceOp::create(
        rewriter, op.getLoc(), op.getType().clone(shape), copy->source,
        inSourceOrder<OpFoldResult>(copy->map, op.getMixedOffsets()),
        inSourceOrder<OpFoldResult>(copy->map, op.getMixedSizes()),
        inSourceOrder<OpFoldResult>(copy->map, op.getMixedStrides()));
    auto map = AffineMap::get(kept.size(), 0, exprs, op.getContext());
    replaceByTranspose(op, slice, map, rewriter);
    return success();
  }
};

/// expand_shape(transpose(x)) --> transpose(expand_shape(x))
struct ExpandOfTranspose : OpRewritePattern<tensor::ExpandShapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExpandShapeOp op,
                                PatternRewriter &rewriter) const override {
    auto copy = matchTranspose(op.getSrc());
    if (!copy)
      return rewriter.notifyMatchFailure(op, "not of a transpose");
    if (auto producer = copy->source.getDefiningOp<linalg::GenericOp>();
        producer && sumsProducts(producer))
      return rewriter.notifyMatchFailure(op, "the producer can transpose");
    SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
    SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
    SmallVector<ReassociationIndices> reassociation;
    SmallVector<OpFoldResult> shape;
    SmallVector<int64_t> staticShape;
    SmallVector<AffineExpr> exprs;
    for (AffineExpr expr : copy->map.getResults()) {
      reassociation.emplace_back();
      for (int64_t dim : groups[cast<AffineDimExpr>(expr).getPosition()]) {
        reassociation.back().push_back(shape.size());
        shape.push_back(sizes[dim]);
        staticShape.push_back(op.getResultType().getDimSize(dim));
        exprs.push_back(rewriter.getAffineDimExpr(dim));
      }
    }
    Value expanded = tensor::ExpandShapeOp::create(
        rewriter, op.getLoc(), op.getResultType().clone(staticShape),
        copy->source, reassociation, shape);
    auto map = AffineMap::get(shape.size(), 0, exprs, op.getContext());
    replaceByTranspose(op, expanded, map, rewriter);
    return success();
  }
};

/// concat(transpose(x), transpose(y)) --> transpose(concat(x, y))
struct ConcatOfTransposes : OpRewritePattern<tensor::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ConcatOp op,
                                PatternRewriter &rewriter) const override {
    AffineMap map;
    SmallVector<Value> sources;
    for (Value input : op.getInputs()) {
      auto copy = matchTranspose(input);
      if (!copy || (map && copy->map != map))
        return rewriter.notifyMatchFailure(op, "not of equal transposes");
      map = copy->map;
      sources.push_back(copy->source);
    }
    unsigned dim = 0;
    for (auto [index, expr] : llvm::enumerate(map.getResults()))
      if (cast<AffineDimExpr>(expr).getPosition() == op.getDim())
        dim = index;
    Value concat =
        tensor::ConcatOp::create(rewriter, op.getLoc(), dim, sources);
    replaceByTranspose(op, concat, map, rewriter);
    return success();
  }
};

/// concat(expand_shape(x), expand_shape(y)) --> expand_shape(concat(x, y)),
/// where the concatenated dimension is not split.
struct ConcatOfExpanded : OpRewritePattern<tensor::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ConcatOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Value> sources;
    ArrayAttr reassociation;
    for (Value input : op.getInputs()) {
      auto expand = input.getDefiningOp<tensor::ExpandShapeOp>();
      if (!expand ||
          (reassociation && expand.getReassociation() != reassociation))
        return rewriter.notifyMatchFailure(op, "not of equal expansions");
      reassociation = expand.getReassociation();
      sources.push_back(expand.getSrc());
    }
    auto expand = op.getInputs()[0].getDefiningOp<tensor::ExpandShapeOp>();
    RankedTensorType type = op.getResultType();
    for (auto [dim, group] :
         llvm::enumerate(expand.getReassociationIndices())) {
      if (!llvm::is_contained(group, static_cast<int64_t>(op.getDim())))
        continue;
      if (!type.hasStaticShape() || group.size() != 1)
        return rewriter.notifyMatchFailure(op, "splits what it concatenates");
      Value concat =
          tensor::ConcatOp::create(rewriter, op.getLoc(), dim, sources);
      rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(
          op, type, concat, expand.getReassociationIndices());
      return success();
    }
    return failure();
  }
};

/// An elementwise op that reads what is not broadcast through one same
/// permutation computes in that order, and its result is transposed.
struct ElementwiseOfTransposes : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!isElementwise(op) || matchCopy(op.getResult(0)) ||
        op.hasIndexSemantics() ||
        op.payloadUsesValueFromOperand(op.getDpsInitOperand(0)))
      return rewriter.notifyMatchFailure(op, "not elementwise");
    AffineMap order;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(operand);
      if (!map.isProjectedPermutation())
        return rewriter.notifyMatchFailure(op, "reads a window");
      if (!map.isPermutation())
        continue;
      if (order && map != order)
        return rewriter.notifyMatchFailure(op, "reads in two orders");
      order = map;
    }
    if (!order || order.isIdentity())
      return rewriter.notifyMatchFailure(op, "transposes nothing");
    // Loop i of the new op is the loop that the permutation puts there.
    AffineMap fromNew = inversePermutation(order);
    SmallVector<AffineMap> maps;
    for (OpOperand *operand : op.getDpsInputOperands())
      maps.push_back(op.getMatchingIndexingMap(operand).compose(fromNew));
    maps.push_back(rewriter.getMultiDimIdentityMap(op.getNumLoops()));
    Value empty = tensor::EmptyOp::create(
        rewriter, op.getLoc(),
        inSourceOrder<OpFoldResult>(
            order, tensor::getMixedSizes(rewriter, op.getLoc(),
                                         op.getDpsInitOperand(0)->get())),
        getElementTypeOrSelf(op.getResult(0).getType()));
    auto computed = linalg::GenericOp::create(
        rewriter, op.getLoc(), empty.getType(), op.getInputs(), empty, maps,
        op.getIteratorTypesArray());
    rewriter.inlineRegionBefore(op.getRegion(), computed.getRegion(),
                                computed.getRegion().begin());
    replaceByTranspose(op, computed.getResult(0), order, rewriter);
    return success();
  }
};

/// transpose(contraction) --> contraction that writes in that order
struct TransposeOfContraction : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    auto copy = op->getNumResults() == 1 ? matchTranspose(op.getResult(0))
                                         : std::nullopt;
    auto producer = copy ? copy->source.getDefiningOp<linalg::GenericOp>()
                         : linalg::GenericOp();
    if (!producer || !producer->hasOneUse() || !isContraction(producer))
      return rewriter.notifyMatchFailure(op, "not of a contraction");
    Value scalar = filledWith(producer.getDpsInitOperand(0)->get());
    if (!scalar)
      return rewriter.notifyMatchFailure(op,
                                         "starts from more than a constant");
    AffineMap toCopy = inversePermutation(copy->map);
    Value start = linalg::FillOp::create(rewriter, op.getLoc(), scalar,
                                         op.getDpsInitOperand(0)->get())
                      .getResult(0);
    SmallVector<AffineMap> maps = producer.getIndexingMapsArray();
    maps[2] = toCopy.compose(maps[2]);
    rewriter.setInsertionPoint(op);
    auto contraction = linalg::GenericOp::create(
        rewriter, producer.getLoc(), start.getType(), producer.getInputs(),
        start, maps, producer.getIteratorTypesArray());
    rewriter.cloneRegionBefore(producer.getRegion(), contraction.getRegion(),
                               contraction.getRegion().begin());
    rewriter.replaceOp(op, contraction);
    return success();
  }
};

/// What fills a tensor is a `linalg.fill`, which folds with reshapes.
struct NameFill : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || !filledWith(op.getResult(0)))
      return rewriter.notifyMatchFailure(op, "fills nothing");
    rewriter.replaceOpWithNewOp<linalg::FillOp>(op, filledWith(op.getResult(0)),
                                                op.getDpsInitOperand(0)->get());
    return success();
  }
};

/// If `value` is constant * x: the op, and the constant.
std::pair<linalg::GenericOp, FloatAttr> matchScale(Value value) {
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInputs() != 1 || !isElementwise(op) ||
      op.getBody()->getOperations().size() != 2)
    return {};
  auto product = dyn_cast<arith::MulFOp>(op.getBody()->front());
  FloatAttr factor;
  if (!product || product.getLhs() != op.getBody()->getArgument(0) ||
      !matchPattern(product.getRhs(), m_Constant(&factor)))
    return {};
  return {op, factor};
}

/// (a * x) . (b * y) --> (a * b * x) . y
struct MergeScales : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!isContraction(op))
      return rewriter.notifyMatchFailure(op, "not a contraction");
    auto [left, leftFactor] = matchScale(op.getInputs()[0]);
    auto [right, rightFactor] = matchScale(op.getInputs()[1]);
    if (!left || !right || left == right ||
        leftFactor.getType() != rightFactor.getType())
      return rewriter.notifyMatchFailure(op, "not two scaled operands");
    APFloat factor = leftFactor.getValue();
    factor.multiply(rightFactor.getValue(), APFloat::rmNearestTiesToEven);
    if (!factor.isNormal())
      return rewriter.notifyMatchFailure(op, "the product overflows");
    auto rebuild = [&](linalg::GenericOp scale, std::optional<APFloat> by) {
      auto result = cast<linalg::GenericOp>(rewriter.clone(*scale));
      Operation *product = &result.getBody()->front();
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPoint(result);
      if (by)
        product->setOperand(1, arith::ConstantOp::create(
                                   rewriter, op.getLoc(),
                                   FloatAttr::get(leftFactor.getType(), *by)));
      else
        rewriter.replaceOp(product, product->getOperand(0));
      return result.getResult(0);
    };
    Value scaled = rebuild(left, factor), plain = rebuild(right, std::nullopt);
    rewriter.modifyOpInPlace(op, [&] {
      op->setOperand(0, scaled);
      op->setOperand(1, plain);
    });
    return success();
  }
};

/// collapse_shape(x) --> reader, with more loops in the reader. A contraction
/// gets batch loops back, any other op all loops: what it reads may be a copy
/// to read through, or the result of such a contraction.
bool shouldExpand(OpOperand *operand) {
  auto reader = dyn_cast<linalg::GenericOp>(operand->getOwner());
  auto collapse = operand->get().getDefiningOp<tensor::CollapseShapeOp>();
  if (!reader || !collapse || reader.hasIndexSemantics() ||
      !collapse.getSrc().getDefiningOp<linalg::GenericOp>())
    return false;
  if (!sumsProducts(reader))
    return true;
  AffineMap map = reader.getMatchingIndexingMap(operand);
  for (auto [group, expr] :
       llvm::zip(collapse.getReassociationIndices(), map.getResults()))
    if (group.size() > 1 &&
        !llvm::all_of(reader.getIndexingMapsArray(), [&](AffineMap other) {
          return other.getResultPosition(expr).has_value();
        }))
      return false;
  return true;
}

struct LinalgFoldTransposes
    : plait::impl::LinalgFoldTransposesBase<LinalgFoldTransposes> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<NameFill, FoldCopy, SliceOfTranspose, ExpandOfTranspose,
                 ConcatOfTransposes, ConcatOfExpanded, ElementwiseOfTransposes,
                 TransposeOfContraction, MergeScales>(&getContext());
    linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, shouldExpand);
    tensor::populateBubbleUpExtractSliceOpPatterns(patterns);
    tensor::populateFoldTensorEmptyPatterns(patterns);
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    linalg::FillOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns,
                                                         &getContext());
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
