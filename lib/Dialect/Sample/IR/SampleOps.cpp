//===- SampleOps.cpp - verifiers of the sample ops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Sample/IR/Sample.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace plait::sample;

Type plait::sample::getRowsType(Type logits, Type element) {
  // The type constraint on the operand reports any other type.
  auto type = dyn_cast<RankedTensorType>(logits);
  if (!type || type.getRank() != 2)
    return logits;
  return RankedTensorType::get(type.getShape().take_front(), element);
}

static int64_t getSize(Value value, int64_t dimension) {
  return cast<ShapedType>(value.getType()).getDimSize(dimension);
}

static bool differ(int64_t a, int64_t b) {
  return ShapedType::isStatic(a) && ShapedType::isStatic(b) && a != b;
}

/// Checks that `parameter` has one row per row of `logits`.
static LogicalResult verifyRows(Operation *op, Value logits, Value parameter,
                                StringRef name) {
  int64_t rows = getSize(logits, 0), count = getSize(parameter, 0);
  if (differ(rows, count))
    return op->emitOpError() << "expects one '" << name << "' per row, got "
                             << count << " for " << rows << " rows";
  return success();
}

/// Checks that `parameter` has `columns` columns.
static LogicalResult verifyColumns(Operation *op, int64_t columns,
                                   Value parameter, StringRef name) {
  int64_t count = getSize(parameter, 1);
  if (differ(columns, count))
    return op->emitOpError() << "expects " << columns << " columns of '" << name
                             << "', got " << count;
  return success();
}

static LogicalResult verifyVocabulary(Operation *op, Value logits) {
  int64_t vocabulary = getSize(logits, 1);
  constexpr int64_t limit = int64_t(1) << indexBits;
  if (ShapedType::isStatic(vocabulary) && vocabulary >= limit)
    return op->emitOpError()
           << "expects a vocabulary below " << limit << ", got " << vocabulary;
  return success();
}

/// Checks the vocabulary and the rows of every parameter.
template <typename Op> static LogicalResult verifyLogits(Op op) {
  if (failed(verifyVocabulary(op, op.getLogits())))
    return failure();
  for (auto [index, name] : llvm::enumerate(Op::getParameterNames()))
    if (failed(verifyRows(op, op.getLogits(), op->getOperand(index + 1), name)))
      return failure();
  return success();
}

/// The same, and that the rows of `counts` are as wide as the logits'.
template <typename Op>
static LogicalResult verifyCounts(Op op, Value counts, StringRef name) {
  if (failed(verifyLogits(op)))
    return failure();
  return verifyColumns(op, getSize(op.getLogits(), 1), counts, name);
}

LogicalResult LogitBiasOp::verify() {
  if (failed(verifyLogits(*this)))
    return failure();
  return verifyColumns(*this, getSize(getIds(), 1), getValues(), "values");
}

LogicalResult BitmaskOp::verify() {
  if (failed(verifyLogits(*this)))
    return failure();
  int64_t vocabulary = getSize(getLogits(), 1);
  if (ShapedType::isDynamic(vocabulary))
    return success();
  return verifyColumns(*this, llvm::divideCeil(vocabulary, 32), getWords(),
                       "words");
}

LogicalResult RepetitionPenaltyOp::verify() {
  if (failed(verifyCounts(*this, getOutput(), "output")))
    return failure();
  if (!getPrompt())
    return success();
  if (failed(verifyRows(*this, getLogits(), getPrompt(), "prompt")))
    return failure();
  return verifyColumns(*this, getSize(getLogits(), 1), getPrompt(), "prompt");
}

LogicalResult PresencePenaltyOp::verify() {
  return verifyCounts(*this, getCounts(), "counts");
}

LogicalResult FrequencyPenaltyOp::verify() {
  return verifyCounts(*this, getCounts(), "counts");
}

LogicalResult TopPOp::verify() {
  if (failed(verifyLogits(*this)))
    return failure();
  if (!getFull())
    return success();
  if (failed(verifyRows(*this, getLogits(), getFull(), "full")))
    return failure();
  return verifyColumns(*this, getSize(getLogits(), 1), getFull(), "full");
}

LogicalResult RandomOp::verify() {
  int64_t seeds = getSize(getSeed(), 0), ids = getSize(getSession(), 0);
  if (differ(seeds, ids))
    return emitOpError() << "expects one 'session', 'sequence' and 'position' "
                            "per 'seed', got "
                         << ids << " for " << seeds << " seeds";
  return success();
}

#define PLAIT_VERIFY_LOGITS(OP)                                                \
  LogicalResult OP::verify() { return verifyLogits(*this); }
PLAIT_VERIFY_LOGITS(AllowOp)
PLAIT_VERIFY_LOGITS(BanOp)
PLAIT_VERIFY_LOGITS(CountOp)
PLAIT_VERIFY_LOGITS(NoRepeatNgramOp)
PLAIT_VERIFY_LOGITS(DryOp)
PLAIT_VERIFY_LOGITS(TemperatureOp)
PLAIT_VERIFY_LOGITS(DynamicTemperatureOp)
PLAIT_VERIFY_LOGITS(TopKOp)
PLAIT_VERIFY_LOGITS(MinPOp)
PLAIT_VERIFY_LOGITS(TypicalPOp)
PLAIT_VERIFY_LOGITS(TopNSigmaOp)
PLAIT_VERIFY_LOGITS(XtcOp)
PLAIT_VERIFY_LOGITS(EpsilonOp)
PLAIT_VERIFY_LOGITS(EtaOp)
PLAIT_VERIFY_LOGITS(DrawOp)
PLAIT_VERIFY_LOGITS(GreedyOp)
PLAIT_VERIFY_LOGITS(GumbelOp)
#undef PLAIT_VERIFY_LOGITS

bool plait::sample::isPenalty(Operation *op) {
  return isa<RepetitionPenaltyOp, PresencePenaltyOp, FrequencyPenaltyOp>(op);
}

SmallVector<CountOp> plait::sample::countsOf(Operation *op) {
  SmallVector<CountOp> counts;
  if (!isPenalty(op))
    return counts;
  for (Value operand : op->getOperands().drop_front(2)) {
    auto count = operand.getDefiningOp<CountOp>();
    if (!count)
      return {};
    counts.push_back(count);
  }
  return counts;
}

bool plait::sample::isEdit(Operation *op) {
  return isPenalty(op) ||
         isa<LogitBiasOp, AllowOp, BanOp, BitmaskOp, NoRepeatNgramOp, DryOp>(
             op);
}

bool plait::sample::isProcessor(Operation *op) {
  return isEdit(op) || isa<TemperatureOp, TopKOp, TopPOp, MinPOp, TypicalPOp,
                           TopNSigmaOp, XtcOp, EpsilonOp, EtaOp>(op);
}

SmallVector<Operation *> plait::sample::chainOf(Region &region) {
  SmallVector<Operation *> chain;
  if (!region.empty())
    for (Operation &op : region.front().without_terminator())
      if (!isa<CountOp>(op))
        chain.push_back(&op);
  return chain;
}

/// Whether an operand of an op in a part of a chain may be made there: counts of
/// lists, a temperature by the entropy, and the logits of a full mass.
static bool mayBeMade(Operation *op, OpOperand &operand) {
  unsigned index = operand.getOperandNumber();
  if (isPenalty(op))
    return index + countsOf(op).size() >= op->getNumOperands();
  if (isa<TemperatureOp>(op))
    return operand.get().getDefiningOp<DynamicTemperatureOp>() != nullptr;
  return isa<TopPOp>(op) && index == 2;
}

/// Checks that a part of the op is a chain from the region's argument to its
/// yield, of ops that `isPart`, and that what they make besides is for them.
static LogicalResult verifyPart(FusedOp op, Region &region, StringRef name,
                                StringRef of,
                                function_ref<bool(Operation *)> isPart) {
  if (region.empty())
    return success();
  Block &block = region.front();
  auto given = cast<RankedTensorType>(op.getLogits().getType());
  Type wide = given.clone(Float32Type::get(op.getContext()));
  if (block.getArgumentTypes() != TypeRange(wide))
    return op.emitOpError()
           << "expects " << name << " of one argument of type " << wide;
  Value last = block.getArgument(0);
  auto isMade = [&](Value value) { return value.getParentBlock() == &block; };
  for (Operation &each : block) {
    if (auto count = dyn_cast<CountOp>(each)) {
      if (isMade(count.getTokens()))
        return op.emitOpError("expects counts of lists that it is given");
      continue;
    }
    bool isLast = &each == &block.back();
    auto dynamic = dyn_cast<DynamicTemperatureOp>(each);
    bool isUsed = dynamic && !dynamic->use_empty() &&
                  isPart(*dynamic->getUsers().begin());
    if (!isUsed && !(isLast ? isa<YieldOp>(each) : isPart(&each)))
      return op.emitOpError() << "expects " << name << " of " << of << ", got '"
                              << each.getName() << "'";
    if (each.getOperand(0) != last)
      return op.emitOpError() << "expects " << name << " that are one chain";
    for (OpOperand &operand : llvm::drop_begin(each.getOpOperands()))
      if (isMade(operand.get()) && !mayBeMade(&each, operand))
        return op.emitOpError() << "expects parameters of '" << each.getName()
                                << "' that it is given";
    if (!isLast && !dynamic)
      last = each.getResult(0);
  }
  return success();
}

LogicalResult FusedOp::verify() {
  if (failed(verifyVocabulary(*this, getLogits())))
    return failure();
  std::pair<Value, StringRef> operands[] = {{getTemperature(), "temperature"},
                                            {getK(), "k"},
                                            {getMinP(), "min_p"},
                                            {getP(), "p"},
                                            {getBits(), "bits"},
                                            {getSeed(), "seed"},
                                            {getSession(), "session"},
                                            {getSequence(), "sequence"},
                                            {getPosition(), "position"},
                                            {getLogprobs(), "logprobs"},
                                            {getMargins(), "margins"}};
  for (auto [operand, name] : operands)
    if (operand && failed(verifyRows(*this, getLogits(), operand, name)))
      return failure();
  bool isGumbel = bool(getGenerator());
  for (Value key : {getSeed(), getSession(), getSequence(), getPosition()})
    if (bool(key) != isGumbel)
      return emitOpError("expects a 'generator' with a whole key, or neither");
  if (isGumbel && getBits())
    return emitOpError("expects 'bits' or a 'generator', got both");
  if (failed(verifyPart(*this, getEdits(), "edits", "single tokens", isEdit)))
    return failure();
  return verifyPart(*this, getRest(), "processors", "logits", isProcessor);
}

#define GET_OP_CLASSES
#include "plait/Dialect/Sample/IR/SampleOps.cpp.inc"
