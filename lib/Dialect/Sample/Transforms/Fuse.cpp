//===- Fuse.cpp - a chain as one op -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Sample/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Iterators.h"
#include "mlir/IR/TypeUtilities.h"

namespace plait::sample {
#define GEN_PASS_DEF_SAMPLEFUSE
#include "plait/Dialect/Sample/Transforms/Passes.h.inc"
} // namespace plait::sample

using namespace mlir;
using namespace plait::sample;

namespace {

/// The op that computes `logits`, if it is an `Op` without more operands than
/// a parameter per row and without a mode.
template <typename Op> Op plainProcessor(Value logits) {
  auto op = logits.getDefiningOp<Op>();
  return op && op->getNumOperands() == 2 && op->getAttrs().empty() ? op : Op();
}

/// Log-probabilities and margins of a pick.
ResultRange numbersOf(Operation *pick) {
  return pick->getResults().drop_front(2);
}

bool areUsed(ResultRange values) {
  return llvm::any_of(values, [](Value value) { return !value.use_empty(); });
}

/// Copies edits, the last first, into the op.
void takeIn(ArrayRef<Operation *> edits, Type logits, FusedOp fused,
            OpBuilder &builder) {
  if (edits.empty())
    return;
  OpBuilder::InsertionGuard guard(builder);
  Block *block =
      builder.createBlock(&fused.getEdits(), {}, {logits}, {fused.getLoc()});
  Value last = block->getArgument(0);
  DenseMap<Value, Value> counts;
  for (Operation *edit : llvm::reverse(edits)) {
    IRMapping mapping;
    mapping.map(edit->getOperand(0), last);
    for (CountOp count : countsOf(edit)) {
      Value &counted = counts[count.getTokens()];
      Type type = cast<ShapedType>(last.getType()).clone(builder.getI32Type());
      if (!counted)
        counted = CountOp::create(builder, count.getLoc(), type, last,
                                  count.getTokens());
      mapping.map(count.getResult(), counted);
    }
    last = builder.clone(*edit, mapping)->getResult(0);
  }
  YieldOp::create(builder, fused.getLoc(), last);
}

struct SampleFuse : plait::sample::impl::SampleFuseBase<SampleFuse> {
  using Base::Base;

  void fuse(Operation *pick, Value bits) {
    // From the pick upwards; what is not there leaves its place empty.
    Value logits = pick->getOperand(0), temperature, k, minP, p;
    auto takeMinP = [&] {
      if (auto op = minP ? MinPOp() : plainProcessor<MinPOp>(logits)) {
        minP = op->getOperand(1);
        logits = op.getLogits();
      }
    };
    takeMinP();
    bool minPLast = false, keepTies = false;
    if (auto op = plainProcessor<TopPOp>(logits)) {
      minPLast = bool(minP);
      p = op->getOperand(1);
      logits = op.getLogits();
    }
    takeMinP();
    if (auto op = logits.getDefiningOp<TopKOp>()) {
      k = op->getOperand(1);
      keepTies = op.getKeepTies();
      logits = op.getLogits();
    }
    if (auto op = plainProcessor<TemperatureOp>(logits)) {
      temperature = op->getOperand(1);
      logits = op.getLogits();
    }
    SmallVector<Operation *> edits;
    for (Operation *op; (op = logits.getDefiningOp()) && isEdit(op);) {
      edits.push_back(op);
      logits = op->getOperand(0);
    }
    Type wide = logits.getType();
    if (auto op = logits.getDefiningOp<arith::ExtFOp>())
      if (getElementTypeOrSelf(op.getIn()).getIntOrFloatBitWidth() == 16)
        logits = op.getIn();
    OpBuilder builder(pick);
    ResultRange numbers = numbersOf(pick);
    bool used = areUsed(numbers);
    auto fused = FusedOp::create(
        builder, pick->getLoc(), pick->getResult(0).getType(),
        pick->getResult(1).getType(), used ? numbers[0].getType() : Type(),
        used ? numbers[1].getType() : Type(), logits, temperature, k, minP, p,
        bits, keepTies, minPLast);
    takeIn(edits, wide, fused, builder);
    for (auto [from, to] : llvm::zip(pick->getResults(), fused->getResults()))
      from.replaceAllUsesWith(to);
    pick->erase();
    ++numFused;
  }

  void runOnOperation() override {
    SmallVector<Operation *> picks;
    getOperation()->walk([&](Operation *op) {
      if (isa<DrawOp, GreedyOp>(op))
        picks.push_back(op);
    });
    for (Operation *pick : picks) {
      auto draw = dyn_cast<DrawOp>(pick);
      fuse(pick, draw ? Value(draw.getBits()) : Value());
    }
    // What no pick needs any more.
    getOperation()->walk<WalkOrder::PostOrder, ReverseIterator>(
        [](Operation *op) {
          if (isOpTriviallyDead(op))
            op->erase();
        });
  }
};

} // namespace
