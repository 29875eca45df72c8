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

/// A chain, from its first logits to its pick: op `i` makes `values[i + 1]` of
/// `values[i]`.
struct Chain {
  SmallVector<Operation *> ops;
  SmallVector<Value> values;

  explicit Chain(Value logits) {
    values.push_back(logits);
    for (Operation *op;
         (op = values.back().getDefiningOp()) && isProcessor(op);) {
      ops.push_back(op);
      values.push_back(op->getOperand(0));
    }
    std::reverse(ops.begin(), ops.end());
    std::reverse(values.begin(), values.end());
  }

  /// The place of a value, if the chain has it.
  std::optional<size_t> placeOf(Value value) const {
    const Value *found = llvm::find(values, value);
    if (found == values.end())
      return std::nullopt;
    return found - values.begin();
  }

  /// What computes a temperature of this chain's logits.
  DynamicTemperatureOp dynamicOf(Operation *op) const {
    auto temperature = dyn_cast<TemperatureOp>(op);
    auto dynamic =
        temperature
            ? temperature.getTemperature().getDefiningOp<DynamicTemperatureOp>()
            : DynamicTemperatureOp();
    return dynamic && placeOf(dynamic.getLogits()) ? dynamic
                                                   : DynamicTemperatureOp();
  }

  /// The place of the earlier logits that an op looks at, or its own.
  size_t lookedAt(size_t i) const {
    std::optional<size_t> place;
    if (auto dynamic = dynamicOf(ops[i]))
      place = placeOf(dynamic.getLogits());
    else if (auto topP = dyn_cast<TopPOp>(ops[i]))
      if (topP.getFull())
        place = placeOf(topP.getFull());
    return place.value_or(i);
  }
};

/// What the op has places for: the beginning of a chain, in its order. What is
/// not there leaves its place empty.
struct Head {
  size_t edits = 0, end = 0;
  Value temperature, k, minP, p;
  bool keepTies = false, minPLast = false, fullMass = false;

  /// Of the first `limit` ops.
  Head(const Chain &chain, size_t limit) {
    auto take = [&](auto type, Value &place) {
      using Op = decltype(type);
      auto op = end < limit ? dyn_cast<Op>(chain.ops[end]) : Op();
      if (op) {
        place = op->getOperand(1);
        ++end;
      }
      return op;
    };
    while (end < limit && isEdit(chain.ops[end]))
      ++end;
    edits = end;
    if (end < limit && !chain.dynamicOf(chain.ops[end]))
      take(TemperatureOp(), temperature);
    size_t whole = end;
    if (TopKOp op = take(TopKOp(), k))
      keepTies = op.getKeepTies();
    take(MinPOp(), minP);
    auto topP = end < limit ? dyn_cast<TopPOp>(chain.ops[end]) : TopPOp();
    if (!topP || topP.getKeepTies())
      return;
    Value full = topP.getFull();
    bool isOwn = !full || full == chain.values[end];
    if (!isOwn && full != chain.values[whole])
      return;
    fullMass = !isOwn;
    take(TopPOp(), p);
    if (!minP)
      minPLast = bool(take(MinPOp(), minP));
  }
};

/// The most that leaves behind itself all that the rest looks at.
Head headOf(const Chain &chain) {
  size_t limit = chain.ops.size();
  while (true) {
    Head head(chain, limit);
    limit = head.end;
    for (size_t i = head.end; i < chain.ops.size(); ++i)
      limit = std::min(limit, chain.lookedAt(i));
    if (limit == head.end)
      return head;
  }
}

/// Log-probabilities and margins of a pick.
ResultRange numbersOf(Operation *pick) {
  return pick->getResults().drop_front(2);
}

bool areUsed(ResultRange values) {
  return llvm::any_of(values, [](Value value) { return !value.use_empty(); });
}

/// Counts of a list that are beside a table are a table, too. They are to need
/// no more of the chain than the shape of its first logits.
void countAtStart(const Chain &chain, Operation *op, OpBuilder &builder,
                  IRMapping &mapping) {
  if (!isPenalty(op) || !countsOf(op).empty())
    return;
  Value logits = chain.values.front();
  Type type = cast<ShapedType>(logits.getType()).clone(builder.getI32Type());
  for (Value table : op->getOperands().drop_front(2))
    if (auto count = table.getDefiningOp<CountOp>())
      mapping.map(table, CountOp::create(builder, count.getLoc(), type, logits,
                                         count.getTokens()));
}

/// Copies ops of a chain into a region.
void takeIn(const Chain &chain, size_t from, size_t to, Region &region,
            OpBuilder &builder) {
  if (from == to)
    return;
  OpBuilder::InsertionGuard guard(builder);
  Location loc = chain.ops[from]->getLoc();
  Type type = chain.values[from].getType();
  Block *block = builder.createBlock(&region, {}, {type}, {loc});
  Value last = block->getArgument(0);
  IRMapping mapping;
  DenseMap<Value, Value> counts;
  for (size_t i = from; i < to; ++i) {
    mapping.map(chain.values[i], last);
    for (Operation *op : chain.ops) {
      DynamicTemperatureOp dynamic = chain.dynamicOf(op);
      if (dynamic && dynamic.getLogits() == chain.values[i] &&
          !mapping.contains(dynamic.getResult()))
        builder.clone(*dynamic, mapping);
    }
    Operation *op = chain.ops[i];
    IRMapping own = mapping;
    OpBuilder outside(region.getParentOp());
    countAtStart(chain, op, outside, own);
    for (CountOp count : countsOf(op)) {
      Value &counted = counts[count.getTokens()];
      Type type = cast<ShapedType>(last.getType()).clone(builder.getI32Type());
      if (!counted)
        counted = CountOp::create(builder, count.getLoc(), type, last,
                                  count.getTokens());
      own.map(count.getResult(), counted);
    }
    last = builder.clone(*op, own)->getResult(0);
  }
  YieldOp::create(builder, loc, last);
}

struct SampleFuse : plait::sample::impl::SampleFuseBase<SampleFuse> {
  using Base::Base;

  void fuse(Operation *pick) {
    Chain chain(pick->getOperand(0));
    Head head = headOf(chain);
    Value logits = chain.values.front();
    if (auto op = logits.getDefiningOp<arith::ExtFOp>())
      if (getElementTypeOrSelf(op.getIn()).getIntOrFloatBitWidth() == 16)
        logits = op.getIn();
    auto draw = dyn_cast<DrawOp>(pick);
    auto gumbel = dyn_cast<GumbelOp>(pick);
    auto keyAt = [&](unsigned i) {
      return gumbel ? gumbel->getOperand(i) : Value();
    };
    OpBuilder builder(pick);
    ResultRange numbers = numbersOf(pick);
    bool used = areUsed(numbers);
    auto fused = FusedOp::create(
        builder, pick->getLoc(), pick->getResult(0).getType(),
        pick->getResult(1).getType(), used ? numbers[0].getType() : Type(),
        used ? numbers[1].getType() : Type(), logits, head.temperature, head.k,
        head.minP, head.p, draw ? draw.getBits() : Value(), keyAt(1), keyAt(2),
        keyAt(3), keyAt(4), gumbel ? gumbel.getGeneratorAttr() : nullptr,
        head.keepTies, head.minPLast, head.fullMass);
    takeIn(chain, 0, head.edits, fused.getEdits(), builder);
    takeIn(chain, head.end, chain.ops.size(), fused.getRest(), builder);
    for (auto [from, to] : llvm::zip(pick->getResults(), fused->getResults()))
      from.replaceAllUsesWith(to);
    pick->erase();
    ++numFused;
  }

  void runOnOperation() override {
    SmallVector<Operation *> picks;
    getOperation()->walk([&](Operation *op) {
      if (isa<DrawOp, GreedyOp, GumbelOp>(op))
        picks.push_back(op);
    });
    for (Operation *pick : picks)
      fuse(pick);
    // What no pick needs any more.
    getOperation()->walk<WalkOrder::PostOrder, ReverseIterator>(
        [](Operation *op) {
          if (isOpTriviallyDead(op))
            op->erase();
        });
  }
};

} // namespace
