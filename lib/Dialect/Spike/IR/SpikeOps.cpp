//===- SpikeOps.cpp - verifiers and folders of the spike ops --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Spike/IR/Spike.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace plait::spike;

/// True if `shape` is what `whole` ends with; a dynamic size fits any size.
static bool isSuffix(ArrayRef<int64_t> shape, ArrayRef<int64_t> whole) {
  return shape.size() <= whole.size() &&
         succeeded(verifyCompatibleShape(shape, whole.take_back(shape.size())));
}

static LogicalResult verifyParameter(Operation *op, StringRef name,
                                     Value parameter, RankedTensorType state) {
  auto type = cast<RankedTensorType>(parameter.getType());
  if (type.getElementType() == state.getElementType() &&
      isSuffix(type.getShape(), state.getShape()))
    return success();
  return op->emitOpError("expects '")
         << name << "' to have the element type of " << state
         << " and a shape that ends its shape, got " << type;
}

/// What `spike.neuron` and `spike.scan` check of their neurons.
template <typename Op>
static LogicalResult verifyDynamics(Op op, RankedTensorType state) {
  for (auto [name, value] :
       {std::pair<StringRef, Value>{"decay", op.getDecay()},
        {"tau", op.getTau()},
        {"gain", op.getGain()},
        {"leak", op.getLeak()},
        {"threshold", op.getThreshold()},
        {"to", op.getResetValue()},
        {"minimum", op.getMinimum()},
        {"refractory", op.getRefractory()}})
    if (value && failed(verifyParameter(op, name, value, state)))
      return failure();
  if (op.getDecay() && op.getTau())
    return op.emitOpError("expects 'decay' or 'tau', got both");
  auto integrator = op.getIntegrator();
  if (op.getTau() && integrator != Integrator::Euler &&
      integrator != Integrator::EulerImpulse)
    return op.emitOpError("expects an integrator euler or euler_impulse with "
                          "'tau', got ")
           << stringifyIntegrator(integrator);
  bool leaks = op.getDecay() || op.getTau();
  if (!leaks && integrator != Integrator::Impulse)
    return op.emitOpError("expects an integrator impulse without 'decay' or "
                          "'tau', got ")
           << stringifyIntegrator(integrator);
  if (!leaks && op.getLeak())
    return op.emitOpError("expects a 'decay' or 'tau' with 'leak', got none");
  bool fires = static_cast<bool>(op.getThreshold());
  for (auto [name, has] :
       {std::pair<StringRef, bool>{"compare", op.getCompare().has_value()},
        {"reset", op.getReset().has_value()},
        {"at", op.getResetAt().has_value()}})
    if (has != fires)
      return op.emitOpError("expects 'compare', 'reset' and 'at' exactly where "
                            "there is a 'threshold', got ")
             << (fires ? "a 'threshold' without '" : "no 'threshold' with '")
             << name << "'";
  auto found = [&]() -> std::string {
    if (!fires)
      return "no 'threshold'";
    return (Twine("compare ") + stringifyCompare(*op.getCompare()) +
            " and reset " + stringifyReset(*op.getReset()) + " at " +
            stringifyMoment(*op.getResetAt()))
        .str();
  };
  bool value = fires && *op.getReset() == Reset::Value;
  if (op.getResetValue() && !value)
    return op.emitOpError("expects a reset value with 'to', got ") << found();
  if (fires && *op.getResetAt() == Moment::Crossing &&
      (!value || integrator != Integrator::Exponential))
    return op.emitOpError("expects integrator exponential and reset value with "
                          "'at' crossing, got integrator ")
           << stringifyIntegrator(integrator) << " and reset "
           << stringifyReset(*op.getReset());
  if (op.getMultiSpike() &&
      (!fires || value || *op.getCompare() != Compare::Ge ||
       *op.getResetAt() != Moment::Now))
    return op.emitOpError("expects compare ge and reset subtract at now "
                          "with 'multi_spike', got ")
           << found();
  bool refractory = static_cast<bool>(op.getRefractory());
  for (auto [name, value] :
       {std::pair<StringRef, Value>{"an operand", op.getLeft()},
        {"a result", op.getNextLeft()}})
    if (static_cast<bool>(value) != refractory)
      return op.emitOpError("expects ")
             << name << " 'left' exactly where there is a 'refractory', got "
             << (refractory ? "none" : "one without");
  if (!refractory)
    return success();
  if (!fires || *op.getResetAt() != Moment::Now)
    return op.emitOpError("expects a reset at now with 'refractory', got ")
           << found();
  for (Value left : {op.getLeft(), op.getNextLeft()})
    if (left.getType() != state)
      return op.emitOpError("expects 'left' of type ")
             << state << ", got " << left.getType();
  return success();
}

LogicalResult NeuronOp::verify() {
  return verifyDynamics(*this, cast<RankedTensorType>(getV().getType()));
}

/// Whether `words` are what `spike.pack` makes of a tensor of `shape`.
static bool isPacked(RankedTensorType words, ArrayRef<int64_t> shape) {
  if (shape.empty() || words.getRank() != static_cast<int64_t>(shape.size()) ||
      ShapedType::isDynamic(shape.back()))
    return false;
  SmallVector<int64_t> expected(shape);
  expected.back() =
      llvm::divideCeil(shape.back(), words.getElementTypeBitWidth());
  return succeeded(verifyCompatibleShape(words.getShape(), expected));
}

/// `state` with the time of `run` in front.
static RankedTensorType overTime(RankedTensorType state, RankedTensorType run) {
  SmallVector<int64_t> shape{run.getRank() ? run.getDimSize(0)
                                           : ShapedType::kDynamic};
  llvm::append_range(shape, state.getShape());
  return RankedTensorType::get(shape, state.getElementType());
}

LogicalResult ScanOp::verify() {
  auto state = cast<RankedTensorType>(getV().getType());
  if (failed(verifyDynamics(*this, state)))
    return failure();
  auto out = cast<RankedTensorType>(getOut().getType());
  RankedTensorType whole = overTime(state, out);
  auto expects = [&](StringRef name, Value value, RankedTensorType type) {
    auto got = cast<RankedTensorType>(value.getType());
    if (got.getElementType() == type.getElementType() &&
        succeeded(verifyCompatibleShape(got, type)))
      return success();
    return LogicalResult(emitOpError("expects '")
                         << name << "' of type " << type << ", got " << got);
  };
  Builder b(getContext());
  if (getEncoding() != Encoding::Dense && (!getThreshold() || getMultiSpike()))
    return emitOpError("expects spikes that are 0 or 1 with encoding ")
           << stringifyEncoding(getEncoding()) << ", got "
           << (getMultiSpike() ? "'multi_spike'" : "no 'threshold'");
  switch (getEncoding()) {
  case Encoding::Dense:
    if (failed(expects("out", getOut(), whole)))
      return failure();
    break;
  case Encoding::Packed:
    if (!isa<IntegerType>(out.getElementType()) ||
        !isPacked(out, whole.getShape()))
      return emitOpError("expects words for the last axis of ")
             << whole << ", got " << out;
    break;
  case Encoding::Events:
    if (state.getRank() != 2)
      return emitOpError("expects a state of [batch, neurons] with encoding "
                         "events, got ")
             << state;
    if (failed(
            expects("out", getOut(),
                    RankedTensorType::get(whole.getShape(), b.getI32Type()))))
      return failure();
    break;
  }
  auto pairs = [&](StringRef name, Value result, StringRef with, bool present) {
    if (static_cast<bool>(result) == present)
      return success();
    return LogicalResult(emitOpError("expects ")
                         << name << " exactly with " << with << ", got "
                         << (present ? "none" : "one without"));
  };
  bool events = getEncoding() == Encoding::Events;
  if (failed(pairs("a result 'counts'", getEventCounts(), "encoding events",
                   events)) ||
      failed(pairs("a result 'potentials'", getPotentials(), "'record'",
                   getRecord())))
    return failure();
  if (events &&
      failed(expects(
          "counts", getEventCounts(),
          RankedTensorType::get(whole.getShape().drop_back(), b.getI32Type()))))
    return failure();
  if (getPotentials() && failed(expects("potentials", getPotentials(), whole)))
    return failure();
  if (getCurrent() && failed(expects("current", getCurrent(), whole)))
    return failure();
  for (Value part : {getCounts(), getWeights()})
    if (failed(pairs("'counts' and 'weights'", part, "'indices'",
                     static_cast<bool>(getIndices()))))
      return failure();
  bool recurs = static_cast<bool>(getRecurrent());
  if (failed(pairs("an operand 'last'", getLast(), "'recurrent'", recurs)) ||
      failed(pairs("a result 'last'", getNextLast(), "'recurrent'", recurs)))
    return failure();
  if (!getCurrent() && !getIndices() && !getRecurrent())
    return emitOpError("expects a 'current', 'events' or 'recurrent', got "
                       "none");
  if (getIndices() && getRecurrent())
    return emitOpError("expects 'events' or 'recurrent', got both");
  if (getBias()) {
    if (!getIndices() && !getRecurrent())
      return emitOpError("expects 'events' or 'recurrent' with 'bias', got a "
                         "'current' alone");
    if (failed(verifyParameter(*this, "bias", getBias(), state)))
      return failure();
  }
  if ((getIndices() || getRecurrent()) && state.getRank() != 2)
    return emitOpError("expects a state of [batch, neurons] with 'events' or "
                       "'recurrent', got ")
           << state;
  Type element = state.getElementType();
  if (getIndices()) {
    auto indices = cast<RankedTensorType>(getIndices().getType());
    int64_t places =
        indices.getRank() ? indices.getShape().back() : ShapedType::kDynamic;
    int64_t time = out.getDimSize(0), batch = state.getDimSize(0);
    if (failed(expects(
            "indices", getIndices(),
            RankedTensorType::get({time, batch, places}, b.getI32Type()))) ||
        failed(expects("counts", getCounts(),
                       RankedTensorType::get({time, batch}, b.getI32Type()))) ||
        failed(expects(
            "weights", getWeights(),
            RankedTensorType::get({places, state.getDimSize(1)}, element))))
      return failure();
  }
  if (!getRecurrent())
    return success();
  if (!getThreshold())
    return emitOpError("expects a 'threshold' with 'recurrent', got none");
  int64_t neurons = state.getDimSize(1);
  if (failed(expects("recurrent", getRecurrent(),
                     RankedTensorType::get({neurons, neurons}, element))) ||
      failed(expects("last", getLast(), state)))
    return failure();
  return expects("last", getNextLast(), state);
}

/// `dense` numbers and their bits.
static LogicalResult verifyPacking(Operation *op, RankedTensorType dense,
                                   RankedTensorType words) {
  if (isPacked(words, dense.getShape()))
    return success();
  return op->emitOpError("expects words for the last axis of ")
         << dense << ", got " << words;
}

LogicalResult PackOp::verify() {
  return verifyPacking(*this, cast<RankedTensorType>(getInput().getType()),
                       cast<RankedTensorType>(getOutput().getType()));
}

LogicalResult UnpackOp::verify() {
  return verifyPacking(*this, cast<RankedTensorType>(getOutput().getType()),
                       cast<RankedTensorType>(getInput().getType()));
}

void ListEventsOp::build(OpBuilder &b, OperationState &state, Value input) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(input.getType()).getShape();
  build(b, state, RankedTensorType::get(shape, b.getI32Type()),
        RankedTensorType::get(shape.drop_back(), b.getI32Type()),
        RankedTensorType::get({2}, b.getI64Type()), input);
}

LogicalResult ListEventsOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType());
  auto indices = cast<RankedTensorType>(getIndices().getType());
  auto counts = cast<RankedTensorType>(getCounts().getType());
  bool fits = isa<FloatType>(input.getElementType())
                  ? succeeded(verifyCompatibleShape(input.getShape(),
                                                    indices.getShape()))
                  : isPacked(input, indices.getShape());
  if (input.getRank() == 0 || !fits)
    return emitOpError("expects 'indices' with the shape of ")
           << input << ", got " << indices;
  if (failed(verifyCompatibleShape(counts.getShape(),
                                   indices.getShape().drop_back())))
    return emitOpError("expects one of 'counts' per row of ")
           << indices << ", got " << counts;
  if (cast<RankedTensorType>(getStatistics().getType()).getShape() !=
      ArrayRef<int64_t>{2})
    return emitOpError("expects 2 'statistics', got ")
           << getStatistics().getType();
  return success();
}

LogicalResult FromRowsOp::verify() {
  auto starts = cast<RankedTensorType>(getStarts().getType());
  auto columns = cast<RankedTensorType>(getColumns().getType());
  auto values = cast<RankedTensorType>(getValues().getType());
  auto output = cast<RankedTensorType>(getOutput().getType());
  if (!output.hasStaticShape())
    return emitOpError("expects a result of static shape, got ") << output;
  if (starts.getDimSize(0) != output.getDimSize(0) + 1)
    return emitOpError("expects ")
           << output.getDimSize(0) + 1 << " 'starts' for " << output << ", got "
           << starts;
  if (!columns.hasStaticShape() || columns.getShape() != values.getShape())
    return emitOpError("expects one of 'columns' per element of ")
           << values << ", got " << columns;
  if (values.getElementType() != output.getElementType())
    return emitOpError("expects 'values' of ")
           << output.getElementType() << ", got " << values;
  return success();
}

/// How many windows fit an axis of `size`, of which `padding` zeros lie before,
/// if `count` windows are asked for: whether the last one starts in reach.
static bool fitsWindows(int64_t size, int64_t window, int64_t stride,
                        int64_t dilation, int64_t padding, int64_t count) {
  if (ShapedType::isDynamic(size) || ShapedType::isDynamic(count) || count < 1)
    return false;
  int64_t reach = (window - 1) * dilation;
  return padding >= 0 && padding <= reach &&
         (count - 1) * stride - padding + reach <= size - 1 + reach;
}

LogicalResult ConvScanOp::verify() {
  auto state = cast<RankedTensorType>(getV().getType());
  if (failed(verifyDynamics(*this, state)))
    return failure();
  auto indices = cast<RankedTensorType>(getIndices().getType());
  auto counts = cast<RankedTensorType>(getCounts().getType());
  auto weights = cast<RankedTensorType>(getWeights().getType());
  if (state.getRank() != 4)
    return emitOpError("expects a state of [batch, height, width, channels], "
                       "got ")
           << state;
  for (auto [name, values, least] :
       {std::tuple<StringRef, ArrayRef<int64_t>, int64_t>{"strides",
                                                          getStrides(), 1},
        {"dilations", getDilations(), 1},
        {"padding", getPadding(), 0}})
    if (values.size() != 2 || values[0] < least || values[1] < least)
      return emitOpError("expects two '")
             << name << "' of at least " << least << ", got [" << values << "]";
  if (weights.getRank() != 4 || !weights.hasStaticShape() ||
      weights.getElementType() != state.getElementType() ||
      weights.getDimSize(3) != state.getDimSize(3))
    return emitOpError("expects 'weights' of [height, width, channels, ")
           << state.getDimSize(3) << "] of " << state.getElementType()
           << ", got " << weights;
  if (indices.getRank() != 4 || indices.isDynamicDim(2) ||
      indices.isDynamicDim(3) || weights.getDimSize(2) == 0 ||
      indices.getDimSize(3) % weights.getDimSize(2) != 0 ||
      failed(verifyCompatibleShape(indices.getShape().drop_back(),
                                   counts.getShape())))
    return emitOpError("expects 'indices' of [time, batch, height, width * ")
           << weights.getDimSize(2) << "] and their 'counts', got " << indices
           << " and " << counts;
  int64_t image[] = {indices.getDimSize(2),
                     indices.getDimSize(3) / weights.getDimSize(2)};
  for (int64_t i : {0, 1})
    if (!fitsWindows(image[i], weights.getDimSize(i), getStrides()[i],
                     getDilations()[i], getPadding()[i],
                     state.getDimSize(i + 1)))
      return emitOpError("expects windows that reach the image: size ")
             << image[i] << ", window " << weights.getDimSize(i) << ", padding "
             << getPadding()[i] << ", got " << state.getDimSize(i + 1)
             << " of them";
  auto out = cast<RankedTensorType>(getOut().getType());
  RankedTensorType whole = overTime(state, out);
  bool packed = isa<IntegerType>(out.getElementType());
  if (packed ? !getThreshold() || getMultiSpike() ||
                   !isPacked(out, whole.getShape())
             : out.getElementType() != whole.getElementType() ||
                   failed(verifyCompatibleShape(out, whole)))
    return emitOpError("expects 'out' of ")
           << whole << ", or packed spikes of it that are 0 or 1, got " << out;
  if (out.getRank() != 5 ||
      failed(verifyCompatibleShape(out.getShape().take_front(2),
                                   indices.getShape().take_front(2))))
    return emitOpError("expects 'out' with the time and the batch of ")
           << indices << ", got " << out;
  if (getRecord() != static_cast<bool>(getPotentials()))
    return emitOpError("expects a result 'potentials' exactly with 'record', "
                       "got ")
           << (getRecord() ? "none" : "one without");
  if (getPotentials() && getPotentials().getType() != whole)
    return emitOpError("expects 'potentials' of ")
           << whole << ", got " << getPotentials().getType();
  return getBias() ? verifyParameter(*this, "bias", getBias(), state)
                   : success();
}

LogicalResult PoolOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType());
  auto output = cast<RankedTensorType>(getOutput().getType());
  for (ArrayRef<int64_t> values : {getWindow(), getStrides()})
    if (values.size() != 2 || values[0] < 1 || values[1] < 1)
      return emitOpError("expects a 'window' and 'strides' of two positive "
                         "numbers, got [")
             << getWindow() << "] and [" << getStrides() << "]";
  int64_t rank = output.getRank();
  SmallVector<int64_t> expected(output.getShape());
  for (int64_t i : {0, 1}) {
    if (rank < 3 || input.getRank() != rank || input.isDynamicDim(rank - 3 + i))
      return emitOpError("expects images of a static size, got ") << input;
    expected[rank - 3 + i] = input.getDimSize(rank - 3 + i);
    if (output.getDimSize(rank - 3 + i) !=
        (expected[rank - 3 + i] - getWindow()[i]) / getStrides()[i] + 1)
      return emitOpError("expects one element per window of ")
             << input << ", got " << output;
  }
  if (isa<IntegerType>(input.getElementType())
          ? !isPacked(input, expected)
          : input.getElementType() != output.getElementType() ||
                failed(verifyCompatibleShape(input.getShape(), expected)))
    return emitOpError("expects an input with the channels of ")
           << output << ", got " << input;
  return success();
}

LogicalResult DelayOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType());
  auto buffer = cast<RankedTensorType>(getBuffer().getType());
  if (buffer.getRank() != input.getRank() + 1 || buffer.isDynamicDim(0) ||
      buffer.getElementType() != input.getElementType() ||
      buffer.getShape().drop_front() != input.getShape())
    return emitOpError("expects a 'buffer' of a static number of ")
           << input << ", got " << buffer;
  if (!getSteps())
    return success();
  auto steps = cast<RankedTensorType>(getSteps().getType());
  if (!isSuffix(steps.getShape(), input.getShape()))
    return emitOpError(
               "expects 'steps' to have a shape that ends the shape of ")
           << input << ", got " << steps;
  return success();
}

/// A buffer of no steps: nothing to hold, the input passes.
LogicalResult DelayOp::fold(FoldAdaptor adaptor,
                            SmallVectorImpl<OpFoldResult> &results) {
  if (cast<RankedTensorType>(getBuffer().getType()).getDimSize(0) != 0)
    return failure();
  results.assign({getInput(), getBuffer()});
  return success();
}

#define GET_OP_CLASSES
#include "plait/Dialect/Spike/IR/SpikeOps.cpp.inc"
