//===- ChannelChain.cpp - scales and shifts per channel -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/ChannelChain.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace plait;

/// The operand of `op` that gives `argument` a value per channel, or null.
static OpOperand *channelOf(linalg::GenericOp op, Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != op.getBody() ||
      argument.getArgNumber() >= op.getNumDpsInputs())
    return nullptr;
  OpOperand *operand = op.getDpsInputOperand(argument.getArgNumber());
  AffineMap map = op.getMatchingIndexingMap(operand);
  if (!map.isProjectedPermutation(/*allowZeroInResults=*/true) ||
      map.getNumResults() == op.getNumLoops() || map.getNumResults() == 0)
    return nullptr;
  return operand;
}

ChannelChain ChannelChain::from(linalg::GenericOp op, OpOperand *input) {
  ChannelChain chain;
  chain.element = op.getMatchingBlockArgument(input);
  Value value = chain.element;
  while (value.hasOneUse()) {
    Operation *step = *value.getUsers().begin();
    if (!isa<arith::AddFOp, arith::SubFOp, arith::MulFOp>(step))
      break;
    bool isLeft = step->getOperand(0) == value;
    OpOperand *channel = channelOf(op, step->getOperand(isLeft));
    if (!channel || (isa<arith::SubFOp>(step) && !isLeft))
      break;
    AffineMap map = op.getMatchingIndexingMap(channel);
    if (chain.map && chain.map != map)
      break;
    chain.map = map;
    chain.ops.push_back(step);
    chain.steps.push_back({isa<arith::MulFOp>(step)   ? ChannelStep::Multiply
                           : isa<arith::AddFOp>(step) ? ChannelStep::Add
                                                      : ChannelStep::Subtract,
                           channel->get()});
    value = step->getResult(0);
  }
  return chain;
}

std::pair<Value, Value>
plait::createScaleAndShift(OpBuilder &b, Location loc,
                           ArrayRef<ChannelStep> steps) {
  SmallVector<Value> inputs;
  for (const ChannelStep &step : steps)
    inputs.push_back(step.by);
  auto tensor = cast<RankedTensorType>(inputs[0].getType());
  Type type = tensor.getElementType();
  Value empty = tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, inputs[0]), type);
  auto channelwise = linalg::GenericOp::create(
      b, loc, TypeRange{empty.getType(), empty.getType()}, inputs,
      ValueRange{empty, empty},
      SmallVector<AffineMap>(inputs.size() + 2,
                             b.getMultiDimIdentityMap(tensor.getRank())),
      SmallVector<utils::IteratorType>(tensor.getRank(),
                                       utils::IteratorType::parallel),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value scale, shift;
        for (auto [step, by] : llvm::zip(steps, args)) {
          switch (step.kind) {
          case ChannelStep::Multiply:
            scale = scale ? arith::MulFOp::create(b, loc, scale, by) : by;
            if (shift)
              shift = arith::MulFOp::create(b, loc, shift, by);
            break;
          case ChannelStep::Add:
            shift = shift ? arith::AddFOp::create(b, loc, shift, by) : by;
            break;
          case ChannelStep::Subtract:
            shift = shift ? arith::SubFOp::create(b, loc, shift, by).getResult()
                          : arith::NegFOp::create(b, loc, by).getResult();
            break;
          }
        }
        if (!scale)
          scale = arith::ConstantOp::create(b, loc, b.getFloatAttr(type, 1));
        if (!shift)
          shift = arith::ConstantOp::create(b, loc, b.getFloatAttr(type, 0));
        linalg::YieldOp::create(b, loc, ValueRange{scale, shift});
      });
  return {channelwise.getResult(0), channelwise.getResult(1)};
}
