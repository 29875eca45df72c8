//===- Pack.cpp - spikes as bits or as lists of events --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Spike/Transforms/Passes.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

namespace plait::spike {
#define GEN_PASS_DEF_SPIKEPACK
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"
} // namespace plait::spike

using namespace mlir;
using namespace plait::spike;

namespace {

struct SpikePack : plait::spike::impl::SpikePackBase<SpikePack> {
  template <typename Op> bool isTrain(Op scan, Value value) {
    return value == scan.getOut() && scan.getThreshold() &&
           !scan.getMultiSpike() &&
           isa<FloatType>(getElementTypeOrSelf(value.getType()));
  }

  /// Whether `value` is the spikes of one scan in every branch.
  bool isPackable(Value value) {
    if (auto scan = value.getDefiningOp<ScanOp>())
      return isTrain(scan, value);
    if (auto scan = value.getDefiningOp<ConvScanOp>())
      return isTrain(scan, value);
    auto branch = value.getDefiningOp<scf::IfOp>();
    if (!branch)
      return false;
    unsigned number = cast<OpResult>(value).getResultNumber();
    return llvm::all_of(
        ArrayRef<scf::YieldOp>{branch.thenYield(), branch.elseYield()},
        [&](scf::YieldOp yield) {
          Value inner = yield.getOperand(number);
          return inner.hasOneUse() && isPackable(inner);
        });
  }

  void pack(Value value, RankedTensorType type) {
    value.setType(type);
    auto branch = value.getDefiningOp<scf::IfOp>();
    if (!branch) {
      if (auto scan = value.getDefiningOp<ScanOp>())
        scan.setEncoding(Encoding::Packed);
      return;
    }
    unsigned number = cast<OpResult>(value).getResultNumber();
    for (scf::YieldOp yield : {branch.thenYield(), branch.elseYield()})
      pack(yield.getOperand(number), type);
  }

  /// Whether nobody but readers of words of `width` bits reads `train`, of
  /// [..., neurons].
  bool wantsWords(Value train, int64_t width) {
    return llvm::all_of(train.getUsers(), [&](Operation *user) {
      if (isa<ListEventsOp, PoolOp>(user))
        return true;
      // Rows of whole words.
      auto collapse = dyn_cast<tensor::CollapseShapeOp>(user);
      return collapse &&
             cast<RankedTensorType>(train.getType()).getShape().back() %
                     width ==
                 0 &&
             llvm::all_of(collapse->getUsers(), [](Operation *reader) {
               return isa<ListEventsOp>(reader);
             });
    });
  }

  /// The type of words of `width` bits for `type`.
  RankedTensorType wordsOf(RankedTensorType type, unsigned width) {
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = llvm::divideCeil(shape.back(), width);
    return RankedTensorType::get(shape, IntegerType::get(&getContext(), width));
  }

  /// A recurrent population lists its own spikes for its next step, so that
  /// its lists are there already.
  bool list(Value train) {
    auto scan = train.getDefiningOp<ScanOp>();
    if (!scan || !scan.getRecurrent() ||
        !llvm::all_of(train.getUsers(), [](Operation *user) {
          auto events = dyn_cast<ListEventsOp>(user);
          return events && events.getStatistics().use_empty();
        }))
      return false;
    auto first = cast<ListEventsOp>(*train.getUsers().begin());
    OpBuilder b(scan);
    auto type = [](Value value) { return value ? value.getType() : Type(); };
    auto listed = ScanOp::create(
        b, scan.getLoc(), first.getIndices().getType(), type(scan.getNextV()),
        type(scan.getNextLeft()), type(scan.getNextLast()),
        type(scan.getPotentials()), first.getCounts().getType(),
        scan.getCurrent(), scan.getIndices(), scan.getCounts(),
        scan.getWeights(), scan.getRecurrent(), scan.getLast(), scan.getBias(),
        scan.getV(), scan.getDecay(), scan.getTau(), scan.getGain(),
        scan.getLeak(), scan.getThreshold(), scan.getResetValue(),
        scan.getMinimum(), scan.getRefractory(), scan.getLeft(),
        scan.getIntegratorAttr(), scan.getCompareAttr(), scan.getResetAttr(),
        scan.getResetAtAttr(), scan.getMultiSpikeAttr(), scan.getRecordAttr(),
        EncodingAttr::get(&getContext(), Encoding::Events));
    listed->setDiscardableAttrs(scan->getDiscardableAttrDictionary());
    for (Operation *user : llvm::make_early_inc_range(train.getUsers())) {
      auto events = cast<ListEventsOp>(user);
      events.getIndices().replaceAllUsesWith(listed.getOut());
      events.getCounts().replaceAllUsesWith(listed.getEventCounts());
      events.erase();
    }
    unsigned same = scan->getNumResults() - 1;
    for (unsigned i = 1; i <= same; ++i)
      scan->getResult(i).replaceAllUsesWith(listed->getResult(i));
    scan.erase();
    ++numListed;
    return true;
  }

  void runOnOperation() override {
    llvm::SetVector<Value> trains;
    auto reads = [&](Value input) {
      auto collapse = input.getDefiningOp<tensor::CollapseShapeOp>();
      trains.insert(collapse ? collapse.getSrc() : input);
    };
    getOperation().walk([&](Operation *op) {
      if (auto list = dyn_cast<ListEventsOp>(op))
        reads(list.getInput());
      else if (auto pool = dyn_cast<PoolOp>(op))
        reads(pool.getInput());
    });
    for (Value train : trains) {
      auto type = cast<RankedTensorType>(train.getType());
      int64_t size = type.getShape().back();
      unsigned width = size <= 16 ? 16 : size <= 32 ? 32 : 64;
      if (!isPackable(train) || ShapedType::isDynamic(size) ||
          !wantsWords(train, width) || list(train))
        continue;
      for (Operation *user : train.getUsers())
        if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(user))
          collapse.getResult().setType(
              wordsOf(collapse.getResultType(), width));
      pack(train, wordsOf(type, width));
      ++numPacked;
    }
  }
};

} // namespace
