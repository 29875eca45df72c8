//===- SpikeOps.cpp - verifiers and folders of the spike ops
//------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Spike/IR/Spike.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"

#include <cmath>

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

/// What every neuron checks: a positive step and parameters that fit `v`.
template <typename Op> static LogicalResult verifyNeuron(Op op) {
  double dt = op.getDt().convertToDouble();
  // Written so that a NaN fails.
  if (!(dt > 0.0) || std::isinf(dt))
    return op.emitOpError("expects a positive 'dt', got ") << dt;
  auto state = cast<RankedTensorType>(op.getV().getType());
  if (failed(verifyParameter(op, "tau", op.getTau(), state)) ||
      failed(verifyParameter(op, "r", op.getR(), state)))
    return failure();
  return verifyParameter(op, "v_leak", op.getVLeak(), state);
}

LogicalResult LiOp::verify() { return verifyNeuron(*this); }

LogicalResult LifOp::verify() {
  if (failed(verifyNeuron(*this)))
    return failure();
  auto state = cast<RankedTensorType>(getV().getType());
  if (failed(verifyParameter(*this, "v_threshold", getVThreshold(), state)))
    return failure();
  bool value = getReset() == Reset::Value;
  if (value != static_cast<bool>(getVReset()))
    return emitOpError("expects a 'v_reset' exactly where 'reset' is value, "
                       "got reset ")
           << stringifyReset(getReset()) << (value ? " without" : " with")
           << " a 'v_reset'";
  if (value && failed(verifyParameter(*this, "v_reset", getVReset(), state)))
    return failure();
  if (value && getResetAt() == Moment::Next)
    return emitOpError(
        "expects 'reset' subtract where 'reset_at' is next, got value");
  if (getMultiSpike() &&
      (value || getCompare() != Compare::Ge || getResetAt() != Moment::Now))
    return emitOpError("expects compare ge and reset subtract at now with "
                       "'multi_spike', got compare ")
           << stringifyCompare(getCompare()) << " and reset "
           << stringifyReset(getReset()) << " at "
           << stringifyMoment(getResetAt());
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
