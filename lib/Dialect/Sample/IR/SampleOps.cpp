//===- SampleOps.cpp - verifiers and folders of the sample ops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Sample/IR/Sample.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace plait::sample;

Type plait::sample::getTokensType(Type logits) {
  // The type constraint on the operand reports any other type.
  auto type = dyn_cast<RankedTensorType>(logits);
  if (!type || type.getRank() != 2)
    return logits;
  return RankedTensorType::get(type.getShape().take_front(),
                               IntegerType::get(type.getContext(), 32));
}

/// Checks that `parameter` has one element per row of `logits`.
static LogicalResult verifyRows(Operation *op, Value logits, Value parameter,
                                StringRef name) {
  int64_t rows = cast<ShapedType>(logits.getType()).getDimSize(0);
  int64_t count = cast<ShapedType>(parameter.getType()).getDimSize(0);
  if (ShapedType::isStatic(rows) && ShapedType::isStatic(count) &&
      rows != count)
    return op->emitOpError() << "expects one '" << name << "' per row, got "
                             << count << " for " << rows << " rows";
  return success();
}

static LogicalResult verifyVocabulary(Operation *op, Value logits) {
  int64_t vocabulary = cast<ShapedType>(logits.getType()).getDimSize(1);
  constexpr int64_t limit = int64_t(1) << indexBits;
  if (ShapedType::isStatic(vocabulary) && vocabulary >= limit)
    return op->emitOpError()
           << "expects a vocabulary below " << limit << ", got " << vocabulary;
  return success();
}

/// The f32 or integer that `value` holds in every row, if that is known.
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

//===----------------------------------------------------------------------===//
// Processors
//===----------------------------------------------------------------------===//

LogicalResult TemperatureOp::verify() {
  if (failed(verifyVocabulary(*this, getLogits())))
    return failure();
  return verifyRows(*this, getLogits(), getTemperature(), "temperature");
}

OpFoldResult TemperatureOp::fold(FoldAdaptor adaptor) {
  // Division by one is exact.
  std::optional<APFloat> temperature = getSplatFloat(adaptor.getTemperature());
  if (temperature && temperature->isExactlyValue(1.0))
    return getLogits();
  return {};
}

LogicalResult TopKOp::verify() {
  if (failed(verifyVocabulary(*this, getLogits())))
    return failure();
  return verifyRows(*this, getLogits(), getK(), "k");
}

OpFoldResult TopKOp::fold(FoldAdaptor adaptor) {
  if (std::optional<int64_t> k = getSplatInt(adaptor.getK())) {
    int64_t vocabulary = getLogits().getType().getDimSize(1);
    if (*k <= 0 || (ShapedType::isStatic(vocabulary) && *k >= vocabulary))
      return getLogits();
  }
  // The k best of the k best are the k best.
  if (auto inner = getLogits().getDefiningOp<TopKOp>())
    if (inner.getK() == getK())
      return inner.getResult();
  return {};
}

LogicalResult TopPOp::verify() {
  if (failed(verifyVocabulary(*this, getLogits())))
    return failure();
  return verifyRows(*this, getLogits(), getP(), "p");
}

OpFoldResult TopPOp::fold(FoldAdaptor adaptor) {
  std::optional<APFloat> p = getSplatFloat(adaptor.getP());
  if (p && *p >= APFloat(1.0f))
    return getLogits();
  return {};
}

//===----------------------------------------------------------------------===//
// RandomOp
//===----------------------------------------------------------------------===//

LogicalResult RandomOp::verify() {
  int64_t seeds = getSeed().getType().getDimSize(0);
  int64_t ids = getSession().getType().getDimSize(0);
  if (ShapedType::isStatic(seeds) && ShapedType::isStatic(ids) && seeds != ids)
    return emitOpError() << "expects one 'session', 'sequence' and 'position' "
                            "per 'seed', got "
                         << ids << " for " << seeds << " seeds";
  return success();
}

//===----------------------------------------------------------------------===//
// Picks
//===----------------------------------------------------------------------===//

LogicalResult DrawOp::verify() {
  if (failed(verifyVocabulary(*this, getLogits())))
    return failure();
  return verifyRows(*this, getLogits(), getBits(), "bits");
}

LogicalResult DrawOp::canonicalize(DrawOp op, PatternRewriter &rewriter) {
  // A draw from one candidate needs no bits.
  Operation *processor = op.getLogits().getDefiningOp();
  Value logits;
  if (auto temperature = dyn_cast_or_null<TemperatureOp>(processor)) {
    auto value = getSplatFloat(getConstant(temperature.getTemperature()));
    if (value && value->isZero())
      logits = temperature.getLogits();
  } else if (auto topK = dyn_cast_or_null<TopKOp>(processor)) {
    if (getSplatInt(getConstant(topK.getK())) == 1)
      logits = topK.getLogits();
  }
  if (!logits)
    return rewriter.notifyMatchFailure(op, "may have several candidates");
  rewriter.replaceOpWithNewOp<GreedyOp>(op, logits);
  return success();
}

LogicalResult GreedyOp::verify() {
  return verifyVocabulary(*this, getLogits());
}

LogicalResult GreedyOp::canonicalize(GreedyOp op, PatternRewriter &rewriter) {
  // The best candidate is among the k best. (Not so for temperature: division
  // can round two values to one, and then the lower index wins.)
  auto topK = op.getLogits().getDefiningOp<TopKOp>();
  if (!topK)
    return rewriter.notifyMatchFailure(op, "is not behind a top_k");
  rewriter.modifyOpInPlace(
      op, [&] { op.getLogitsMutable().assign(topK.getLogits()); });
  return success();
}

LogicalResult FusedOp::verify() {
  if (failed(verifyVocabulary(*this, getLogits())))
    return failure();
  std::pair<Value, StringRef> operands[] = {{getTemperature(), "temperature"},
                                            {getK(), "k"},
                                            {getP(), "p"},
                                            {getBits(), "bits"}};
  for (auto [operand, name] : operands)
    if (operand && failed(verifyRows(*this, getLogits(), operand, name)))
      return failure();
  return success();
}

#define GET_OP_CLASSES
#include "plait/Dialect/Sample/IR/SampleOps.cpp.inc"
