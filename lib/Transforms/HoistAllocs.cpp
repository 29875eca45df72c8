//===- HoistAllocs.cpp - the buffers of loops, once -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace plait {
#define GEN_PASS_DEF_MEMREFHOISTALLOCS
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

constexpr int64_t alignment = 64;

/// The only deallocation of `alloc`, if it is in the same block.
memref::DeallocOp deallocOf(memref::AllocOp alloc) {
  memref::DeallocOp only;
  for (Operation *user : alloc->getUsers())
    if (auto dealloc = dyn_cast<memref::DeallocOp>(user)) {
      if (only || dealloc->getBlock() != alloc->getBlock())
        return nullptr;
      only = dealloc;
    }
  return only;
}

std::optional<int64_t> bytesOf(MemRefType type) {
  Type element = type.getElementType();
  if (!type.hasStaticShape() || !type.getLayout().isIdentity() ||
      !element.isIntOrFloat())
    return std::nullopt;
  return type.getNumElements() *
         llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

struct MemRefHoistAllocs
    : plait::impl::MemRefHoistAllocsBase<MemRefHoistAllocs> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    SmallVector<memref::AllocOp> allocs;
    function.walk([&](memref::AllocOp alloc) { allocs.push_back(alloc); });
    int64_t left = stackBytes;
    for (memref::AllocOp alloc : allocs) {
      memref::DeallocOp dealloc = deallocOf(alloc);
      if (!dealloc)
        continue;
      // Out of all loops in which the sizes do not change. The iterations of a
      // parallel loop need a buffer each.
      Operation *loop = nullptr;
      for (Operation *parent = alloc->getParentOp();
           isa<scf::ForOp, scf::WhileOp, scf::IfOp>(parent);
           parent = parent->getParentOp()) {
        if (llvm::any_of(alloc->getOperands(), [&](Value size) {
              return parent->isAncestor(size.getParentBlock()->getParentOp());
            }))
          break;
        if (!isa<scf::IfOp>(parent))
          loop = parent;
      }
      if (!loop)
        continue;
      ++numHoisted;
      auto bytes = bytesOf(alloc.getType());
      if (bytes && *bytes <= left && isa<func::FuncOp>(loop->getParentOp())) {
        left -= *bytes;
        OpBuilder builder(&function.getBody().front(),
                          function.getBody().front().begin());
        auto buffer =
            memref::AllocaOp::create(builder, alloc.getLoc(), alloc.getType(),
                                     builder.getI64IntegerAttr(alignment));
        alloc.replaceAllUsesWith(buffer.getResult());
        dealloc.erase();
        alloc.erase();
        continue;
      }
      alloc->moveBefore(loop);
      dealloc->moveAfter(loop);
    }
  }
};

} // namespace
