//===- UpdateArguments.cpp - results that replace arguments -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace plait {
#define GEN_PASS_DEF_FUNCUPDATEARGUMENTS
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

/// The buffer that `value` is a view of.
static Value rootOf(Value value) {
  while (auto view = value.getDefiningOp<ViewLikeOpInterface>())
    value = view.getViewSource();
  return value;
}

static Value buildCopy(OpBuilder &builder, Location loc, Value source) {
  auto type = cast<MemRefType>(source.getType());
  SmallVector<Value> sizes;
  for (int64_t dim : llvm::seq(type.getRank()))
    if (type.isDynamicDim(dim))
      sizes.push_back(memref::DimOp::create(builder, loc, source, dim));
  Value copy = memref::AllocOp::create(
      builder, loc, MemRefType::get(type.getShape(), type.getElementType()),
      sizes);
  memref::CopyOp::create(builder, loc, source, copy);
  return copy;
}

/// A result and the argument whose new content it is.
using Update = std::pair<unsigned, Value>;

/// Writes what `end` returns for the arguments to the arguments. Returns how
/// many had to be copied.
static unsigned updateArguments(func::ReturnOp end, ArrayRef<Update> updates) {
  // A result in its argument's own buffer has the argument's type: it is the
  // whole of it.
  SmallVector<Update> copies;
  for (auto [result, argument] : updates)
    if (rootOf(end.getOperand(result)) != argument)
      copies.push_back({result, argument});
  if (copies.empty())
    return 0;

  // A copy must not change what is still to be read: another argument's new
  // content, or a result that is an argument's old one.
  OpBuilder builder(end);
  for (OpOperand &operand : end->getOpOperands()) {
    Value root = rootOf(operand.get());
    bool isCopiedTo = llvm::any_of(
        copies, [&](const Update &copy) { return copy.second == root; });
    if (!root.getDefiningOp<memref::AllocOp>() &&
        (isCopiedTo || !isa<BlockArgument>(root)))
      operand.set(buildCopy(builder, end.getLoc(), operand.get()));
  }
  for (auto [result, argument] : copies)
    memref::CopyOp::create(builder, end.getLoc(), end.getOperand(result),
                           argument);
  return copies.size();
}

namespace {
struct FuncUpdateArguments
    : plait::impl::FuncUpdateArgumentsBase<FuncUpdateArguments> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isDeclaration())
        continue;
      SmallVector<Update> updates;
      BitVector dropped(function.getNumResults());
      for (BlockArgument argument : function.getArguments()) {
        auto result = function.getArgAttrOfType<IntegerAttr>(
            argument.getArgNumber(), "plait.updated");
        if (!result)
          continue;
        updates.push_back({result.getInt(), argument});
        dropped.set(result.getInt());
        function.removeArgAttr(argument.getArgNumber(), "plait.updated");
      }
      if (updates.empty())
        continue;
      function.walk([&](func::ReturnOp end) {
        numCopies += updateArguments(end, updates);
        end->eraseOperands(dropped);
      });
      if (failed(function.eraseResults(dropped)))
        return signalPassFailure();
    }
  }
};
} // namespace
