//===- ReassociateAttention.cpp - Q (K^T V) for (Q K^T) V -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Spike/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace plait::spike {
#define GEN_PASS_DEF_SPIKEREASSOCIATEATTENTION
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"
} // namespace plait::spike

using namespace mlir;
using namespace plait::spike;

namespace {

/// Whether every element of `value` is 0 or 1.
bool isSpikes(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (auto scan = dyn_cast<ScanOp>(op))
    return value == scan.getOut() && scan.getThreshold() &&
           !scan.getMultiSpike();
  if (auto neuron = dyn_cast<NeuronOp>(op))
    return value == neuron.getOut() && neuron.getThreshold() &&
           !neuron.getMultiSpike();
  if (isa<UnpackOp>(op))
    return true;
  if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp,
          tensor::ExtractSliceOp, linalg::TransposeOp>(op))
    return isSpikes(op->getOperand(0));
  return false;
}

/// Up to where every integer is a number of `type`.
int64_t exactIntegers(FloatType type) {
  return int64_t(1) << std::min(type.getFPMantissaWidth(), 62u);
}

bool startsFromZero(linalg::BatchMatmulOp op) {
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  return fill && matchPattern(fill.getInputs()[0], m_PosZeroFloat());
}

struct Reassociate : OpRewritePattern<linalg::BatchMatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::BatchMatmulOp op,
                                PatternRewriter &rewriter) const override {
    auto scores = op.getDpsInputs()[0].getDefiningOp<linalg::BatchMatmulOp>();
    if (!scores || !scores->hasOneUse() || op.hasUserDefinedMaps() ||
        scores.hasUserDefinedMaps() || !startsFromZero(op) ||
        !startsFromZero(scores))
      return failure();
    Value q = scores.getDpsInputs()[0], k = scores.getDpsInputs()[1],
          v = op.getDpsInputs()[1];
    if (!isSpikes(q) || !isSpikes(k) || !isSpikes(v))
      return failure();
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    auto element = dyn_cast<FloatType>(type.getElementType());
    auto keys = cast<RankedTensorType>(k.getType());
    int64_t channels = keys.getDimSize(1), tokens = keys.getDimSize(2);
    int64_t values = type.getDimSize(2), rows = type.getDimSize(1);
    if (!element || ShapedType::isDynamic(channels) ||
        ShapedType::isDynamic(tokens) || ShapedType::isDynamic(values) ||
        ShapedType::isDynamic(rows))
      return failure();
    // The largest partial sum in either order.
    if (channels * tokens > exactIntegers(element))
      return failure();
    // Multiplications: rows (channels tokens + tokens values) or
    // channels values (tokens + rows).
    if (rows * tokens * (channels + values) <=
        channels * values * (tokens + rows))
      return failure();
    Location loc = op.getLoc();
    auto zeros = [&](ArrayRef<OpFoldResult> sizes) -> Value {
      Value empty = tensor::EmptyOp::create(rewriter, loc, sizes, element);
      return linalg::FillOp::create(rewriter, loc,
                                    scores.getDpsInits()[0]
                                        .getDefiningOp<linalg::FillOp>()
                                        .getInputs()[0],
                                    empty)
          .getResult(0);
    };
    OpFoldResult batch = tensor::getMixedSize(rewriter, loc, q, 0);
    Value context =
        linalg::BatchMatmulOp::create(
            rewriter, loc, ValueRange{k, v},
            ValueRange{zeros({batch, rewriter.getIndexAttr(channels),
                              rewriter.getIndexAttr(values)})})
            .getResult(0);
    rewriter.replaceOpWithNewOp<linalg::BatchMatmulOp>(
        op, ValueRange{q, context}, op.getDpsInits());
    return success();
  }
};

struct SpikeReassociateAttention
    : plait::spike::impl::SpikeReassociateAttentionBase<
          SpikeReassociateAttention> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Reassociate>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
