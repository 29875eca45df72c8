//===- BatchTime.cpp - layers that see all of time at once ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a loop over time computes without what later layers leave behind is
// computed ahead of it for all steps: a value of [B, ...] gets a run of
// [T, B, ...]. Ops without state are made again with a batch of T*B, a neuron
// becomes a scan, a value of the step before becomes its run shifted by one.
// Ops are tried until none is left that can go.
//
//===----------------------------------------------------------------------===//

#include "Runs.h"
#include "plait/Dialect/Spike/Transforms/Dynamics.h"
#include "plait/Dialect/Spike/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"

namespace plait::spike {
#define GEN_PASS_DEF_SPIKEBATCHTIME
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"
} // namespace plait::spike

using namespace mlir;
using namespace plait::spike;

namespace {

class TimeBatcher : Runs {
public:
  using Runs::Runs;

  /// Returns how many populations became scans.
  unsigned run() {
    if (getConstantIntValue(loop.getLowerBound()) != 0 ||
        getConstantIntValue(loop.getStep()) != 1)
      return 0;
    unsigned scans = 0;
    for (bool changed = true; changed;) {
      changed = false;
      for (BlockArgument argument : loop.getRegionIterArgs())
        changed |= shift(argument);
      for (Operation &op : loop.getBody()->without_terminator()) {
        if (hoisted.contains(&op) || !hoist(&op))
          continue;
        hoisted.insert(&op);
        scans += isa<NeuronOp>(op);
        changed = true;
      }
    }
    if (scans)
      replace();
    return scans;
  }

private:
  Value yielded(BlockArgument argument) {
    return loop.getTiedLoopYieldedValue(argument)->get();
  }
  BlockArgument carried(Value value) {
    auto argument = dyn_cast_or_null<BlockArgument>(value);
    if (!argument || argument.getOwner() != loop.getBody() ||
        argument == loop.getInductionVar())
      return {};
    return argument;
  }

  /// A value of the step before.
  bool shift(BlockArgument argument) {
    if (runs.count(argument) || ends.count(argument) || argument.use_empty() ||
        argument == yielded(argument) || !runOf(yielded(argument)))
      return false;
    Value init = loop.getTiedLoopInit(argument)->get();
    Value whole = joined(init, runOf(yielded(argument)), 1);
    runs[argument] = slice(whole, b.getIndexAttr(0), time, runType(argument));
    ends[argument] = slice(whole, time, b.getIndexAttr(1),
                           cast<RankedTensorType>(argument.getType()));
    return true;
  }

  bool hoist(Operation *op) {
    if (auto extract = dyn_cast<tensor::ExtractSliceOp>(op))
      return hoistInput(extract);
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
      return hoistOutput(insert);
    if (auto neuron = dyn_cast<NeuronOp>(op))
      return hoistNeuron(neuron);
    if (auto delay = dyn_cast<DelayOp>(op))
      return hoistDelay(delay);
    if (llvm::none_of(op->getOperands(),
                      [&](Value operand) { return isTimed(operand); }))
      return false;
    Operation *made = clone(op);
    if (!made)
      return false;
    for (auto [old, flat] :
         llvm::zip_equal(op->getResults(), made->getResults()))
      flats[old] = flat;
    return true;
  }

  /// Whether a slice is one whole step of a run.
  bool isStep(OffsetSizeAndStrideOpInterface slice, RankedTensorType whole,
              RankedTensorType step) {
    SmallVector<OpFoldResult> offsets = slice.getMixedOffsets();
    if (whole.getRank() != step.getRank() + 1 || !slice.hasUnitStride() ||
        offsets[0] != OpFoldResult(loop.getInductionVar()) ||
        getConstantIntValue(slice.getMixedSizes()[0]) != 1 ||
        whole.getShape().drop_front() != step.getShape())
      return false;
    return llvm::all_of(ArrayRef(offsets).drop_front(), [](OpFoldResult at) {
      return getConstantIntValue(at) == 0;
    });
  }

  bool hoistInput(tensor::ExtractSliceOp op) {
    Value source = op.getSource();
    if (!loop.isDefinedOutsideOfLoop(source) ||
        !isStep(op, op.getSourceType(), op.getType()))
      return false;
    bool whole = getConstantIntValue(time) == op.getSourceType().getDimSize(0);
    if (auto steps = dyn_cast<Value>(time))
      if (auto dim = steps.getDefiningOp<tensor::DimOp>())
        whole = dim.getSource() == source && dim.getConstantIndex() == 0;
    runs[op.getResult()] =
        whole ? source
              : slice(source, b.getIndexAttr(0), time, runType(op.getResult()));
    return true;
  }

  bool hoistOutput(tensor::InsertSliceOp op) {
    BlockArgument buffer = carried(op.getDest());
    if (!buffer || !buffer.hasOneUse() || yielded(buffer) != op.getResult() ||
        !op->hasOneUse() || !isStep(op, op.getDestType(), op.getSourceType()))
      return false;
    // Every step of the result must be written.
    Value init = loop.getTiedLoopInit(buffer)->get();
    if (getConstantIntValue(time) != op.getDestType().getDimSize(0)) {
      auto empty = init.getDefiningOp<tensor::EmptyOp>();
      if (!empty || empty.getMixedSizes()[0] != time)
        return false;
    }
    Value run = runOf(op.getSource());
    if (!run)
      return false;
    ends[buffer] = run.getType() == buffer.getType()
                       ? run
                       : tensor::CastOp::create(b, buffer.getType(), run);
    return true;
  }

  /// Whether a loop carries `value` for `op` alone, and `next` behind it.
  bool isState(Value value, Value next) {
    BlockArgument argument = carried(value);
    return argument && argument.hasOneUse() && yielded(argument) == next;
  }

  /// A matrix product of the population's last spikes, and what is added.
  struct Recurrence {
    Value current, weights, bias;
    BlockArgument last;
    /// Whether nobody else reads the product, its sums or the last spikes.
    bool alone;
  };
  std::optional<Recurrence> matchRecurrence(NeuronOp op) {
    // The two terms of a sum, in both orders, or the value alone.
    auto terms = [](Value value) {
      SmallVector<std::pair<Value, Value>> pairs{{value, Value()}};
      if (auto add = value.getDefiningOp<linalg::AddOp>()) {
        Value l = add.getDpsInputs()[0], r = add.getDpsInputs()[1];
        pairs.append({{l, r}, {r, l}});
      }
      return pairs;
    };
    for (auto [sum, current] : terms(op.getCurrent())) {
      if (current && !isTimed(current))
        continue;
      for (auto [product, term] : terms(sum)) {
        auto matmul = product.getDefiningOp<linalg::MatmulOp>();
        if (!matmul || matmul.hasUserDefinedMaps())
          continue;
        BlockArgument last = carried(matmul.getDpsInputs()[0]);
        Value weights = invariant(matmul.getDpsInputs()[1]);
        auto fill = matmul.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
        if (!last || yielded(last) != op.getOut() || !weights || !fill ||
            !matchPattern(fill.getInputs()[0], m_PosZeroFloat()))
          continue;
        Value bias;
        if (term) {
          auto spread = term.getDefiningOp<linalg::BroadcastOp>();
          if (!spread || !(bias = invariant(spread.getInput())))
            continue;
        }
        bool alone =
            llvm::all_of(ArrayRef<Value>{last, product, sum, op.getCurrent()},
                         [](Value value) { return value.hasOneUse(); });
        return Recurrence{current, weights, bias, last, alone};
      }
    }
    return std::nullopt;
  }

  bool hoistNeuron(NeuronOp op) {
    if (!isState(op.getV(), op.getNextV()) ||
        (op.getLeft() && !isState(op.getLeft(), op.getNextLeft())))
      return false;
    Parameters parameters = parametersOf(op);
    for (Value &parameter : parameters)
      if (parameter && !(parameter = invariant(parameter)))
        return false;
    std::optional<Recurrence> recurrence;
    Value current = runOf(op.getCurrent());
    if (!current) {
      recurrence = matchRecurrence(op);
      if (!recurrence)
        return false;
      current = recurrence->current ? runOf(recurrence->current) : Value();
      if (!current && !getConstantIntValue(time))
        return false;
    }
    auto init = [&](Value argument) {
      return argument
                 ? loop.getTiedLoopInit(cast<BlockArgument>(argument))->get()
                 : Value();
    };
    bool record = op.getThreshold() && !op.getNextV().hasOneUse();
    auto state = [&](Value value) { return value ? value.getType() : Type(); };
    Type run = runType(op.getOut());
    auto scan = ScanOp::create(
        b, run, op.getV().getType(), state(op.getLeft()),
        recurrence ? state(recurrence->last) : Type(), record ? run : Type(),
        /*event_counts=*/Type(), current, Value(), Value(), Value(),
        recurrence ? recurrence->weights : Value(),
        recurrence ? init(recurrence->last) : Value(),
        recurrence ? recurrence->bias : Value(), init(op.getV()),
        parameters[Decay], parameters[Tau], parameters[Gain], parameters[Leak],
        parameters[Threshold], parameters[ResetValue], parameters[Minimum],
        parameters[Refractory], init(op.getLeft()), op.getIntegratorAttr(),
        op.getCompareAttr(), op.getResetAttr(), op.getResetAtAttr(),
        op.getMultiSpikeAttr(), record ? b.getUnitAttr() : UnitAttr(),
        EncodingAttr::get(b.getContext(), Encoding::Dense));
    scan->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    runs[op.getOut()] = scan.getOut();
    runs[op.getNextV()] = record ? scan.getPotentials() : scan.getOut();
    ends[op.getV()] = scan.getNextV();
    if (op.getLeft())
      ends[op.getLeft()] = scan.getNextLeft();
    if (recurrence) {
      BlockArgument last = recurrence->last;
      if (!recurrence->alone)
        runs[last] = slice(joined(init(last), scan.getOut(), 1),
                           b.getIndexAttr(0), time, runType(last));
      ends[last] = scan.getNextLast();
    }
    return true;
  }

  bool hoistDelay(DelayOp op) {
    Value run = runOf(op.getInput());
    if (!run || op.getSteps() || !isState(op.getBuffer(), op.getNextBuffer()))
      return false;
    auto line = cast<RankedTensorType>(op.getBuffer().getType());
    Value init =
        loop.getTiedLoopInit(cast<BlockArgument>(op.getBuffer()))->get();
    Value whole = joined(init, run, line.getDimSize(0));
    runs[op.getOutput()] =
        slice(whole, b.getIndexAttr(0), time, runType(op.getOutput()));
    ends[op.getBuffer()] =
        slice(whole, time, b.getIndexAttr(line.getDimSize(0)), line);
    return true;
  }

  /// Takes what was hoisted out of the loop, and gives the rest of the loop its
  /// steps of the runs.
  void replace() {
    auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
    for (auto [argument, end] : ends) {
      BlockArgument own = cast<BlockArgument>(argument);
      loop.getTiedLoopYieldedValue(own)->set(own);
      loop.getTiedLoopResult(own).replaceAllUsesWith(end);
    }
    // Operands of a recurrence that nobody else reads.
    for (bool changed = true; changed;) {
      changed = false;
      for (Operation &op : *loop.getBody())
        if (!hoisted.contains(&op) && &op != yield && isPure(&op) &&
            llvm::all_of(op.getUsers(), [&](Operation *user) {
              return hoisted.contains(user);
            })) {
          hoisted.insert(&op);
          changed = true;
        }
    }
    OpBuilder inside = OpBuilder::atBlockBegin(loop.getBody());
    SmallVector<Value> timed;
    for (Value argument : loop.getRegionIterArgs())
      timed.push_back(argument);
    for (Operation &op : *loop.getBody())
      llvm::append_range(timed, op.getResults());
    for (Value value : timed) {
      auto remains = [&](OpOperand &use) {
        Operation *owner = use.getOwner();
        return !hoisted.contains(
                   loop.getBody()->findAncestorOpInBlock(*owner)) &&
               !(owner == yield && use.get() == value && carried(value));
      };
      if (!isTimed(value) || llvm::none_of(value.getUses(), remains))
        continue;
      Value run = unflatten(value);
      SmallVector<OpFoldResult> sizes =
          tensor::getMixedSizes(b, b.getLoc(), run);
      SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
          ones(sizes.size(), b.getIndexAttr(1));
      offsets[0] = loop.getInductionVar();
      sizes[0] = b.getIndexAttr(1);
      Value step = tensor::ExtractSliceOp::create(
          inside, loop.getLoc(), cast<RankedTensorType>(value.getType()), run,
          offsets, sizes, ones);
      value.replaceUsesWithIf(step, remains);
    }
    SmallVector<Operation *> body;
    for (Operation &op : *loop.getBody())
      if (hoisted.contains(&op))
        body.push_back(&op);
    for (Operation *op : llvm::reverse(body))
      op->erase();
  }

  /// What the loop carries --> what it is after the last step.
  llvm::MapVector<Value, Value> ends;
  DenseSet<Operation *> hoisted;
};

struct SpikeBatchTime : plait::spike::impl::SpikeBatchTimeBase<SpikeBatchTime> {
  void runOnOperation() override {
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) {
      if (!loop.getBody()->getOps<NeuronOp>().empty())
        loops.push_back(loop);
    });
    for (scf::ForOp loop : loops)
      numScans += TimeBatcher(loop).run();
  }
};

} // namespace
