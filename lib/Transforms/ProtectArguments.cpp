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
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    if (main.getNumArguments() < weights) {
      main.emitError("expects ")
          << weights.getValue() << " weights before other arguments, got "
          << main.getNumArguments() << " arguments";
      return signalPassFailure();
    }
    for (unsigned i = 0; i < weights; ++i)
      main.setArgAttr(i, "plait.weight", UnitAttr::get(&getContext()));
    for (auto [result, argument] : llvm::enumerate(updates)) {
      bool fits =
          weights <= argument && argument < main.getNumArguments() &&
          result < main.getNumResults() &&
          main.getArgumentTypes()[argument] == main.getResultTypes()[result];
      if (!fits || main.getArgAttr(argument, "plait.updated")) {
        main.emitError("expects result ")
            << result << " to be the new content of argument " << argument
            << ", of its type, and the only one";
        return signalPassFailure();
      }
      main.removeArgAttr(
          argument, bufferization::BufferizationDialect::kWritableAttrName);
      main.setArgAttr(argument, "plait.updated",
                      Builder(&getContext()).getIndexAttr(result));
    }
  }
};
} // namespace
