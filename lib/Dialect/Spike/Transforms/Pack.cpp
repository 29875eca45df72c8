//===- Pack.cpp - spikes as bits ------------------------------------------===//
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
    if (!branch)
      return;
    unsigned number = cast<OpResult>(value).getResultNumber();
    for (scf::YieldOp yield : {branch.thenYield(), branch.elseYield()})
      pack(yield.getOperand(number), type);
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
          !llvm::all_of(train.getUsers(), [](Operation *user) {
            return isa<ListEventsOp>(user);
          }))
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
