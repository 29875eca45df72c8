//===- ProtectArguments.cpp - arguments are the user's arrays -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"

namespace plait {
#define GEN_PASS_DEF_FUNCPROTECTARGUMENTS
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {
struct FuncProtectArguments
    : plait::impl::FuncProtectArgumentsBase<FuncProtectArguments> {
  using Base::Base;

  void runOnOperation() override {
    auto no = BoolAttr::get(&getContext(), false);
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isDeclaration())
        for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
          if (isa<TensorType>(function.getArgument(i).getType()))
            function.setArgAttr(
                i, bufferization::BufferizationDialect::kWritableAttrName, no);
    if (weights == 0)
      return;
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main || main.getNumArguments() < weights) {
      getOperation().emitError("expects a function @main with ")
          << weights << " weights";
      return signalPassFailure();
    }
    for (unsigned i = 0; i < weights; ++i)
      main.setArgAttr(i, "plait.weight", UnitAttr::get(&getContext()));
  }
};
} // namespace
