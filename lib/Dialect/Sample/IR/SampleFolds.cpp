//===- SampleFolds.cpp - what the sample ops fold to -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A processor folds to its logits where its parameters are known in every row
// and change no bit of any row, whatever it holds.
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Sample/IR/Sample.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace plait::sample;

/// The number that `value` holds in every row, if that is known.
static std::optional<APFloat> getSplatFloat(Attribute value) {
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(value))
    return splat.getSplatValue<APFloat>();
  return std::nullopt;
}

static std::optional<int64_t> getSplatInt(Attribute value) {
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(value))
    return splat.getSplatValue<APInt>().getSExtValue();
  return std::nullopt;
}

static Attribute getConstant(Value value) {
  Attribute attribute;
  matchPattern(value, m_Constant(&attribute));
  return attribute;
}

/// Whether `value` is known and at least, or at most, `limit`. Never for NaN.
static bool isAtLeast(Attribute value, float limit) {
  std::optional<APFloat> number = getSplatFloat(value);
  return number && *number >= APFloat(limit);
}
static bool isAtMost(Attribute value, float limit) {
  std::optional<APFloat> number = getSplatFloat(value);
  return number && *number <= APFloat(limit);
}
static bool isNumber(Attribute value) {
  std::optional<APFloat> number = getSplatFloat(value);
  return number && !number->isNaN();
}
/// +0.0, for adding -0.0 can change the sign of a zero.
static bool isPositiveZero(Attribute value) {
  std::optional<APFloat> number = getSplatFloat(value);
  return number && number->isPosZero();
}

/// Whether the lists have no element, or only -1.
static bool isEmptyList(Value ids, Attribute value) {
  return cast<ShapedType>(ids.getType()).getDimSize(1) == 0 ||
         getSplatInt(value) == -1;
}

//===----------------------------------------------------------------------===//
// Processors
//===----------------------------------------------------------------------===//

static OpFoldResult logitsIf(bool identity, Value logits) {
  return identity ? OpFoldResult(logits) : OpFoldResult();
}

OpFoldResult LogitBiasOp::fold(FoldAdaptor adaptor) {
  return logitsIf(isEmptyList(getIds(), adaptor.getIds()), getLogits());
}

OpFoldResult AllowOp::fold(FoldAdaptor adaptor) {
  return logitsIf(isEmptyList(getIds(), adaptor.getIds()), getLogits());
}

OpFoldResult BanOp::fold(FoldAdaptor adaptor) {
  return logitsIf(isEmptyList(getIds(), adaptor.getIds()), getLogits());
}

OpFoldResult BitmaskOp::fold(FoldAdaptor adaptor) {
  return logitsIf(getSplatInt(adaptor.getWords()) == -1, getLogits());
}

OpFoldResult RepetitionPenaltyOp::fold(FoldAdaptor adaptor) {
  std::optional<APFloat> penalty = getSplatFloat(adaptor.getPenalty());
  return logitsIf(penalty && penalty->isExactlyValue(1.0), getLogits());
}

OpFoldResult PresencePenaltyOp::fold(FoldAdaptor adaptor) {
  return logitsIf(isPositiveZero(adaptor.getPenalty()), getLogits());
}

OpFoldResult FrequencyPenaltyOp::fold(FoldAdaptor adaptor) {
  return logitsIf(isPositiveZero(adaptor.getPenalty()), getLogits());
}

OpFoldResult NoRepeatNgramOp::fold(FoldAdaptor adaptor) {
  std::optional<int64_t> n = getSplatInt(adaptor.getN());
  return logitsIf((n && *n <= 0) ||
                      isEmptyList(getTokens(), adaptor.getTokens()),
                  getLogits());
}

OpFoldResult DryOp::fold(FoldAdaptor adaptor) {
  Attribute multiplier = adaptor.getMultiplier(), base = adaptor.getBase();
  std::optional<APFloat> factor = getSplatFloat(multiplier);
  bool off = (factor && factor->isZero() && isNumber(base)) ||
             (isNumber(multiplier) && isNumber(base) &&
              *getSplatFloat(base) < APFloat(1.0f));
  return logitsIf(off, getLogits());
}

OpFoldResult TemperatureOp::fold(FoldAdaptor adaptor) {
  std::optional<APFloat> temperature = getSplatFloat(adaptor.getTemperature());
  return logitsIf(temperature && temperature->isExactlyValue(1.0), getLogits());
}

OpFoldResult TopKOp::fold(FoldAdaptor adaptor) {
  if (std::optional<int64_t> k = getSplatInt(adaptor.getK())) {
    int64_t vocabulary = getLogits().getType().getDimSize(1);
    if (*k <= 0 || (ShapedType::isStatic(vocabulary) && *k >= vocabulary))
      return getLogits();
  }
  return {};
}

OpFoldResult TopPOp::fold(FoldAdaptor adaptor) {
  return logitsIf(isAtLeast(adaptor.getP(), 1.0f), getLogits());
}

OpFoldResult MinPOp::fold(FoldAdaptor adaptor) {
  return logitsIf(isAtMost(adaptor.getP(), 0.0f), getLogits());
}

OpFoldResult TypicalPOp::fold(FoldAdaptor adaptor) {
  return logitsIf(isAtLeast(adaptor.getP(), 1.0f), getLogits());
}

OpFoldResult TopNSigmaOp::fold(FoldAdaptor adaptor) {
  std::optional<APFloat> n = getSplatFloat(adaptor.getN());
  return logitsIf(isAtMost(adaptor.getN(), 0.0f) || (n && n->isInfinity()),
                  getLogits());
}

OpFoldResult XtcOp::fold(FoldAdaptor adaptor) {
  Attribute probability = adaptor.getProbability();
  Attribute threshold = adaptor.getThreshold();
  bool never = isAtMost(probability, 0.0f) && isNumber(threshold);
  std::optional<APFloat> share = getSplatFloat(threshold);
  bool off = share && *share > APFloat(0.5f) && isNumber(probability);
  return logitsIf(never || off, getLogits());
}

OpFoldResult EpsilonOp::fold(FoldAdaptor adaptor) {
  return logitsIf(isAtMost(adaptor.getEpsilon(), 0.0f), getLogits());
}

OpFoldResult EtaOp::fold(FoldAdaptor adaptor) {
  return logitsIf(isAtMost(adaptor.getEpsilon(), 0.0f), getLogits());
}

//===----------------------------------------------------------------------===//
// Picks
//===----------------------------------------------------------------------===//

/// Log-probabilities and margins are those of the row that reaches the pick,
/// so what changes the row needs them unused.
template <typename Pick> static bool usesOnlyTokens(Pick op) {
  return op.getLogprobs().use_empty() && op.getMargins().use_empty();
}

LogicalResult DrawOp::canonicalize(DrawOp op, PatternRewriter &rewriter) {
  // A draw from one candidate needs no bits.
  if (!usesOnlyTokens(op))
    return rewriter.notifyMatchFailure(op, "what it tells of the row is used");
  Operation *processor = op.getLogits().getDefiningOp();
  Value logits;
  if (auto temperature = dyn_cast_or_null<TemperatureOp>(processor)) {
    auto value = getSplatFloat(getConstant(temperature.getTemperature()));
    if (value && value->isZero())
      logits = temperature.getLogits();
  } else if (auto topK = dyn_cast_or_null<TopKOp>(processor)) {
    if (getSplatInt(getConstant(topK.getK())) == 1 && !topK.getKeepTies())
      logits = topK.getLogits();
  }
  if (!logits)
    return rewriter.notifyMatchFailure(op, "may have several candidates");
  rewriter.replaceOpWithNewOp<GreedyOp>(op, logits);
  return success();
}

LogicalResult GreedyOp::canonicalize(GreedyOp op, PatternRewriter &rewriter) {
  if (!usesOnlyTokens(op))
    return rewriter.notifyMatchFailure(op, "what it tells of the row is used");
  // Some filters keep the best candidate, if their parameter is a number.
  // (Not so temperature: division can round two values to one, and then the
  // lower index wins.)
  Operation *filter = op.getLogits().getDefiningOp();
  bool keeps = isa_and_nonnull<TopKOp>(filter);
  if (isa_and_nonnull<TopPOp, MinPOp, TopNSigmaOp, EpsilonOp, EtaOp>(filter))
    keeps = isNumber(getConstant(filter->getOperand(1)));
  if (!keeps)
    return rewriter.notifyMatchFailure(op, "is not behind such a filter");
  rewriter.modifyOpInPlace(
      op, [&] { op.getLogitsMutable().assign(filter->getOperand(0)); });
  return success();
}
