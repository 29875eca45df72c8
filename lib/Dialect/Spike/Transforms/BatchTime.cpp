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

class TimeBatcher {
public:
  explicit TimeBatcher(scf::ForOp loop)
      : loop(loop), b(loop.getLoc(), OpBuilder(loop)),
        time(getAsOpFoldResult(loop.getUpperBound())) {}

  /// Returns how many populations became scans.
  unsigned run() {
    if (getConstantIntValue(loop.getLowerBound()) != 0 ||
        getConstantIntValue(loop.getStep()) != 1)
      return 0;
    if (std::optional<int64_t> steps = getConstantIntValue(time))
      time = b.getIndexAttr(*steps);
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

  /// The type of a run of `type`, and of a batch of all steps.
  RankedTensorType runType(Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape{
        getConstantIntValue(time).value_or(ShapedType::kDynamic)};
    llvm::append_range(shape, type.getShape());
    return RankedTensorType::get(shape, type.getElementType());
  }
  RankedTensorType flatType(Type type) {
    auto step = cast<RankedTensorType>(type);
    SmallVector<int64_t> shape(step.getShape());
    std::optional<int64_t> steps = getConstantIntValue(time);
    shape[0] = steps && !ShapedType::isDynamic(shape[0]) ? *steps * shape[0]
                                                         : ShapedType::kDynamic;
    return RankedTensorType::get(shape, step.getElementType());
  }
  OpFoldResult times(OpFoldResult size) {
    std::optional<int64_t> l = getConstantIntValue(time),
                           r = getConstantIntValue(size);
    if (l && r)
      return b.getIndexAttr(*l * *r);
    return arith::MulIOp::create(
               b, getValueOrCreateConstantIndexOp(b, b.getLoc(), time),
               getValueOrCreateConstantIndexOp(b, b.getLoc(), size))
        .getResult();
  }

  /// `value` where it is the same in every step, ahead of the loop.
  Value invariant(Value value) {
    if (loop.isDefinedOutsideOfLoop(value))
      return value;
    Operation *op = value.getDefiningOp();
    if (!op || op->getNumRegions() || !isPure(op))
      return {};
    IRMapping mapping;
    for (Value operand : op->getOperands()) {
      Value outside = invariant(operand);
      if (!outside)
        return {};
      mapping.map(operand, outside);
    }
    return b.clone(*op, mapping)
        ->getResult(cast<OpResult>(value).getResultNumber());
  }

  /// [T, B, ...] --> [T*B, ...] and back.
  Value flatten(Value value) {
    Value &flat = flats[value];
    if (flat)
      return flat;
    Value run = runs.lookup(value);
    SmallVector<ReassociationIndices> groups{{0, 1}};
    for (int64_t dim = 2; dim < cast<RankedTensorType>(run.getType()).getRank();
         ++dim)
      groups.push_back({dim});
    return flat = tensor::CollapseShapeOp::create(b, flatType(value.getType()),
                                                  run, groups);
  }
  Value unflatten(Value value) {
    Value &run = runs[value];
    if (run)
      return run;
    Value flat = flats.lookup(value);
    RankedTensorType type = runType(value);
    SmallVector<ReassociationIndices> groups{{0, 1}};
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, b.getLoc(), flat);
    for (int64_t dim = 2; dim < type.getRank(); ++dim)
      groups.push_back({dim});
    OpFoldResult batch = b.getIndexAttr(type.getDimSize(1));
    if (type.isDynamicDim(1))
      batch = arith::DivUIOp::create(
                  b, getValueOrCreateConstantIndexOp(b, b.getLoc(), sizes[0]),
                  getValueOrCreateConstantIndexOp(b, b.getLoc(), time))
                  .getResult();
    sizes[0] = batch;
    sizes.insert(sizes.begin(), time);
    return run = tensor::ExpandShapeOp::create(b, type, flat, groups, sizes);
  }
  bool isTimed(Value value) { return runs.count(value) || flats.count(value); }
  Value runOf(Value value) {
    return isTimed(value) ? unflatten(value) : Value();
  }

  /// `value`, of [B, ...], for a batch of all steps.
  Value batched(Value value) {
    if (flats.count(value))
      return flats.lookup(value);
    if (runs.count(value))
      return flatten(value);
    // A destination is the same in every step.
    Operation *op = value.getDefiningOp();
    if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(op)) {
      SmallVector<OpFoldResult> sizes = empty.getMixedSizes();
      if (sizes.empty())
        return {};
      for (OpFoldResult &size : sizes)
        if (auto dynamic = dyn_cast<Value>(size))
          if (!(size = invariant(dynamic)))
            return {};
      sizes[0] = times(sizes[0]);
      return tensor::EmptyOp::create(b, sizes,
                                     empty.getType().getElementType());
    }
    if (!op || !isa<linalg::FillOp, linalg::BroadcastOp, linalg::GenericOp>(op))
      return {};
    Operation *made = clone(op);
    return made ? made->getResult(cast<OpResult>(value).getResultNumber())
                : Value();
  }

  /// `op` again, for a batch of all steps.
  Operation *clone(Operation *op) {
    SmallVector<Value> operands;
    SmallVector<Type> types;
    auto take = [&](Value value) {
      operands.push_back(value);
      return static_cast<bool>(value);
    };
    for (Type type : op->getResultTypes()) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor || tensor.getRank() == 0)
        return nullptr;
      types.push_back(flatType(type));
    }
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
      if (!isBatchwise(linalgOp))
        return nullptr;
      for (OpOperand &operand : op->getOpOperands()) {
        AffineMap map = linalgOp.getMatchingIndexingMap(&operand);
        bool rows =
            map.getNumResults() && map.getResult(0) == batchDim(linalgOp);
        if (!take(rows ? batched(operand.get()) : invariant(operand.get())))
          return nullptr;
      }
    } else if (OpTrait::hasElementwiseMappableTraits(op)) {
      for (Value operand : op->getOperands())
        if (!take(isa<RankedTensorType>(operand.getType())
                      ? batched(operand)
                      : invariant(operand)))
          return nullptr;
    } else if (auto pad = dyn_cast<tensor::PadOp>(op)) {
      if (getConstantIntValue(pad.getMixedLowPad()[0]) != 0 ||
          getConstantIntValue(pad.getMixedHighPad()[0]) != 0)
        return nullptr;
      for (Value operand : op->getOperands())
        if (!take(operand == pad.getSource() ? batched(operand)
                                             : invariant(operand)))
          return nullptr;
    } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
      if (collapse.getReassociationIndices()[0].size() != 1 ||
          !take(batched(collapse.getSrc())))
        return nullptr;
    } else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
      if (expand.getReassociationIndices()[0].size() != 1)
        return nullptr;
      Value source = batched(expand.getSrc());
      if (!source)
        return nullptr;
      SmallVector<OpFoldResult> sizes = expand.getMixedOutputShape();
      for (OpFoldResult &size : llvm::drop_begin(sizes))
        if (auto dynamic = dyn_cast<Value>(size))
          if (!(size = invariant(dynamic)))
            return nullptr;
      sizes[0] = tensor::getMixedSize(b, b.getLoc(), source, 0);
      return tensor::ExpandShapeOp::create(
          b, cast<RankedTensorType>(types[0]), source,
          expand.getReassociationIndices(), sizes);
    } else {
      return nullptr;
    }
    // Bodies may read what is the same in every step.
    IRMapping mapping;
    bool known = true;
    for (Region &region : op->getRegions())
      region.walk([&](Operation *inner) {
        for (Value operand : inner->getOperands())
          if (!op->isAncestor(operand.getParentBlock()->getParentOp())) {
            Value outside = invariant(operand);
            known &= static_cast<bool>(outside);
            mapping.map(operand, outside);
          }
      });
    if (!known)
      return nullptr;
    Operation *made = b.clone(*op, mapping);
    made->setOperands(operands);
    for (auto [result, type] : llvm::zip_equal(made->getResults(), types))
      result.setType(type);
    return made;
  }

  AffineExpr batchDim(linalg::LinalgOp op) {
    return op.getMatchingIndexingMap(op.getDpsInitOperand(0)).getResult(0);
  }

  /// Whether the first dimension of all results is a loop over independent
  /// samples, which operands either have in front or do not have at all.
  bool isBatchwise(linalg::LinalgOp op) {
    if (!op.hasPureTensorSemantics())
      return false;
    for (OpOperand &init : op.getDpsInitsMutable())
      if (op.getMatchingIndexingMap(&init).getNumResults() == 0 ||
          op.getMatchingIndexingMap(&init).getResult(0) != batchDim(op))
        return false;
    auto dim = dyn_cast<AffineDimExpr>(batchDim(op));
    if (!dim)
      return false;
    for (OpOperand &operand : op->getOpOperands())
      for (auto [i, expr] :
           llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
        if (expr.isFunctionOfDim(dim.getPosition()) && (i > 0 || expr != dim))
          return false;
    bool independent = true;
    op->walk([&](linalg::IndexOp index) {
      independent &= index.getDim() != dim.getPosition();
    });
    return independent;
  }

  /// A run of an axis of `extra` more steps: `first`, [extra, B, ...] or
  /// [B, ...], and `run` behind it.
  Value joined(Value first, Value run, int64_t extra) {
    auto type = cast<RankedTensorType>(run.getType());
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), run);
    SmallVector<OpFoldResult> all(sizes), head(sizes);
    std::optional<int64_t> steps = getConstantIntValue(time);
    all[0] =
        steps ? OpFoldResult(b.getIndexAttr(*steps + extra))
              : arith::AddIOp::create(b, cast<Value>(time),
                                      arith::ConstantIndexOp::create(b, extra))
                    .getResult();
    head[0] = b.getIndexAttr(extra);
    SmallVector<OpFoldResult> zeros(type.getRank(), b.getIndexAttr(0)),
        ones(type.getRank(), b.getIndexAttr(1)), behind(zeros);
    behind[0] = b.getIndexAttr(extra);
    Value whole = tensor::EmptyOp::create(b, all, type.getElementType());
    whole = tensor::InsertSliceOp::create(b, first, whole, zeros, head, ones);
    return tensor::InsertSliceOp::create(b, run, whole, behind, sizes, ones);
  }
  Value slice(Value whole, OpFoldResult from, OpFoldResult size,
              RankedTensorType type) {
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, b.getLoc(), whole);
    SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
        ones(sizes.size(), b.getIndexAttr(1));
    offsets[0] = from;
    sizes[0] = size;
    return tensor::ExtractSliceOp::create(b, type, whole, offsets, sizes, ones);
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
        if (!last || !last.hasOneUse() || yielded(last) != op.getOut() ||
            !weights || !fill ||
            !matchPattern(fill.getInputs()[0], m_PosZeroFloat()))
          continue;
        Value bias;
        if (term) {
          auto spread = term.getDefiningOp<linalg::BroadcastOp>();
          if (!spread || !(bias = invariant(spread.getInput())))
            continue;
        }
        return Recurrence{current, weights, bias, last};
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
    if (recurrence)
      ends[recurrence->last] = scan.getNextLast();
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
    // Operands of a recurrence are read by nobody else.
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

  scf::ForOp loop;
  ImplicitLocOpBuilder b;
  OpFoldResult time;
  /// A value of a step --> all steps of it, as [T, B, ...] and [T*B, ...].
  DenseMap<Value, Value> runs, flats;
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
