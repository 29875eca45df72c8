//===- SplitConcats.cpp - compute parts in place -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgShapes.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_LINALGSPLITCONCATS
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;

namespace {

/// A slice of `source`: all of it but along the dimensions that `map` indexes
/// by `loop`.
Value sliceAlong(OpBuilder &b, Location loc, Value source, AffineMap map,
                 unsigned loop, int64_t offset, int64_t size) {
  auto type = cast<RankedTensorType>(source.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, source);
  bool whole = true;
  for (auto [dim, expr] : llvm::enumerate(map.getResults()))
    if (cast<AffineDimExpr>(expr).getPosition() == loop) {
      offsets[dim] = b.getIndexAttr(offset);
      sizes[dim] = b.getIndexAttr(size);
      whole = false;
    }
  return whole ? source
               : tensor::ExtractSliceOp::create(b, loc, source, offsets, sizes,
                                                strides)
                     .getResult();
}

/// `part` into `whole`, from `offset` along `dim`.
Value insertAlong(OpBuilder &b, Location loc, Value part, Value whole,
                  unsigned dim, int64_t offset) {
  int64_t rank = cast<RankedTensorType>(whole.getType()).getRank();
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(rank, b.getIndexAttr(1));
  offsets[dim] = b.getIndexAttr(offset);
  return tensor::InsertSliceOp::create(b, loc, part, whole, offsets,
                                       tensor::getMixedSizes(b, loc, part),
                                       strides);
}

int64_t sizeAlong(Value value, unsigned dim) {
  return cast<RankedTensorType>(value.getType()).getDimSize(dim);
}

bool hasStaticParts(tensor::ConcatOp concat) {
  return llvm::all_of(concat.getInputs(), [&](Value input) {
    return !ShapedType::isDynamic(sizeAlong(input, concat.getDim()));
  });
}

/// An elementwise op that reads a concatenation becomes one op per part.
struct SplitReader : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!isElementwise(op) || op.hasIndexSemantics() ||
        !op.getDpsInitOperand(0)->get().getDefiningOp<tensor::EmptyOp>() ||
        !llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) {
          return map.isProjectedPermutation();
        }))
      return rewriter.notifyMatchFailure(op, "not elementwise");
    for (OpOperand *operand : op.getDpsInputOperands()) {
      auto concat = operand->get().getDefiningOp<tensor::ConcatOp>();
      if (!concat || !concat->hasOneUse() || !hasStaticParts(concat))
        continue;
      auto expr = cast<AffineDimExpr>(
          op.getMatchingIndexingMap(operand).getResult(concat.getDim()));
      split(op, *operand, concat, expr.getPosition(), rewriter);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "reads no concatenation");
  }

  static void split(linalg::GenericOp op, OpOperand &of,
                    tensor::ConcatOp concat, unsigned loop,
                    PatternRewriter &rewriter) {
    Location loc = op.getLoc();
    Value whole = op.getDpsInitOperand(0)->get();
    int64_t offset = 0;
    for (Value part : concat.getInputs()) {
      int64_t size = sizeAlong(part, concat.getDim());
      SmallVector<Value> operands;
      for (OpOperand &operand : op->getOpOperands()) {
        if (&operand == &of) {
          operands.push_back(part);
          continue;
        }
        Value source = op.isDpsInit(&operand) ? whole : operand.get();
        operands.push_back(sliceAlong(rewriter, loc, source,
                                      op.getMatchingIndexingMap(&operand), loop,
                                      offset, size));
      }
      auto computed = cast<linalg::GenericOp>(
          clone(rewriter, op, operands.back().getType(), operands));
      whole = insertAlong(rewriter, loc, computed.getResult(0), whole, loop,
                          offset);
      offset += size;
    }
    rewriter.replaceOp(op, whole);
  }
};

/// What an elementwise op computes for a concatenation alone goes straight
/// into its slice.
struct ComputeInPlace : OpRewritePattern<tensor::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  static linalg::GenericOp producer(Value part) {
    auto op = part.getDefiningOp<linalg::GenericOp>();
    return op && op->hasOneUse() && isElementwise(op) &&
                   op.getDpsInitOperand(0)
                       ->get()
                       .getDefiningOp<tensor::EmptyOp>()
               ? op
               : linalg::GenericOp();
  }

  LogicalResult matchAndRewrite(tensor::ConcatOp op,
                                PatternRewriter &rewriter) const override {
    if (!hasStaticParts(op) || !op.getResultType().hasStaticShape() ||
        !llvm::any_of(op.getInputs(), producer))
      return rewriter.notifyMatchFailure(op, "computes no part");
    Location loc = op.getLoc();
    unsigned rank = op.getRank();
    Value whole =
        tensor::EmptyOp::create(rewriter, loc, op.getResultType().getShape(),
                                op.getResultType().getElementType());
    int64_t offset = 0;
    for (Value part : op.getInputs()) {
      int64_t size = sizeAlong(part, op.getDim());
      if (linalg::GenericOp computed = producer(part)) {
        Value slice = sliceAlong(rewriter, loc, whole,
                                 rewriter.getMultiDimIdentityMap(rank),
                                 op.getDim(), offset, size);
        SmallVector<Value> operands(computed->getOperands());
        operands.back() = slice;
        part =
            clone(rewriter, computed, slice.getType(), operands)->getResult(0);
      }
      whole = insertAlong(rewriter, loc, part, whole, op.getDim(), offset);
      offset += size;
    }
    rewriter.replaceOp(op, whole);
    return success();
  }
};

struct LinalgSplitConcats
    : plait::impl::LinalgSplitConcatsBase<LinalgSplitConcats> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SplitReader>(&getContext(), /*benefit=*/2);
    patterns.add<ComputeInPlace>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
