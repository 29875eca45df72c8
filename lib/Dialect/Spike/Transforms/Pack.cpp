//===- Pack.cpp - spikes as bits or as lists of events --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Spike/Transforms/Passes.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

namespace plait::spike {
#define GEN_PASS_DEF_SPIKEPACK
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"
} // namespace plait::spike

using namespace mlir;
using namespace plait::spike;

namespace {

struct SpikePack : plait::spike::impl::SpikePackBase<SpikePack> {
  /// Whether `value` is the spikes of one scan in every branch.
  bool isPackable(Value value) {
    if (auto scan = value.getDefiningOp<ScanOp>())
      return value == scan.getOut() && scan.getThreshold() &&
             !scan.getMultiSpike() &&
             isa<FloatType>(getElementTypeOrSelf(value.getType()));
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
      value.getDefiningOp<ScanOp>().setEncoding(Encoding::Packed);
      return;
    }
    unsigned number = cast<OpResult>(value).getResultNumber();
    for (scf::YieldOp yield : {branch.thenYield(), branch.elseYield()})
      pack(yield.getOperand(number), type);
  }

  /// A recurrent population lists its own spikes for its next step, so that
  /// its lists are there already.
  bool list(Value train) {
    auto scan = train.getDefiningOp<ScanOp>();
    if (!scan || !scan.getRecurrent() ||
        !llvm::all_of(train.getUsers(), [](Operation *user) {
          return cast<ListEventsOp>(user).getStatistics().use_empty();
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
    SmallVector<Value> trains;
    getOperation().walk([&](ListEventsOp list) {
      Value input = list.getInput();
      if (!llvm::is_contained(trains, input))
        trains.push_back(input);
    });
    for (Value train : trains) {
      auto type = cast<RankedTensorType>(train.getType());
      if (!isPackable(train) || ShapedType::isDynamic(type.getShape().back()) ||
          !llvm::all_of(
              train.getUsers(),
              [](Operation *user) { return isa<ListEventsOp>(user); }) ||
          list(train))
        continue;
      int64_t size = type.getShape().back();
      unsigned width = size <= 16 ? 16 : size <= 32 ? 32 : 64;
      SmallVector<int64_t> shape(type.getShape());
      shape.back() = llvm::divideCeil(size, width);
      pack(train, RankedTensorType::get(
                      shape, IntegerType::get(&getContext(), width)));
      ++numPacked;
    }
  }
};

} // namespace
