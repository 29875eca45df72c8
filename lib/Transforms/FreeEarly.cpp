//===- FreeEarly.cpp - buffers end with their last use -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace plait {
#define GEN_PASS_DEF_MEMREFFREEEARLY
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

/// The operation in the block of `alloc` that is the last to use it, under any
/// name. Null where the buffer may get a name that is no view of it (the result
/// of a loop, a branch or a call), or leave the block.
Operation *lastUseOf(memref::AllocOp alloc) {
  Operation *last = alloc;
  SmallVector<Value> names = {alloc};
  while (!names.empty())
    for (Operation *user : names.pop_back_val().getUsers()) {
      bool named = llvm::any_of(user->getResultTypes(), [](Type type) {
        return isa<BaseMemRefType, TensorType>(type);
      });
      if (isa<ViewLikeOpInterface>(user))
        llvm::append_range(names, user->getResults());
      else if (named || user->hasTrait<OpTrait::IsTerminator>() ||
               isa<memref::DeallocOp, memref::ExtractAlignedPointerAsIndexOp>(
                   user))
        return nullptr;
      Operation *here = alloc->getBlock()->findAncestorOpInBlock(*user);
      if (!here)
        return nullptr;
      if (last->isBeforeInBlock(here))
        last = here;
    }
  return last;
}

struct MemRefFreeEarly : plait::impl::MemRefFreeEarlyBase<MemRefFreeEarly> {
  using Base::Base;

  void runOnOperation() override {
    // All places before the first change: the order in blocks stays known.
    SmallVector<std::pair<memref::AllocOp, Operation *>> places;
    getOperation().walk([&](memref::AllocOp alloc) {
      if (Operation *last = lastUseOf(alloc))
        places.emplace_back(alloc, last);
    });
    // The deallocation pipeline leaves what says so to its owner.
    StringRef owned = bufferization::BufferizationDialect::kManualDeallocation;
    for (auto [alloc, last] : places) {
      OpBuilder builder(&getContext());
      builder.setInsertionPointAfter(last);
      auto dealloc = memref::DeallocOp::create(builder, alloc.getLoc(), alloc);
      for (Operation *op : {alloc.getOperation(), dealloc.getOperation()})
        op->setAttr(owned, builder.getUnitAttr());
      ++numFreed;
    }
  }
};

} // namespace
