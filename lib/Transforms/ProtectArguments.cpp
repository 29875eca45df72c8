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
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (main && main.getNumArguments() < weights) {
      main.emitError("expects ")
          << weights.getValue() << " weights before other arguments, got "
          << main.getNumArguments() << " arguments";
      return signalPassFailure();
    }
    for (auto function : getOperation().getOps<func::FuncOp>())
      if ((function.isPublic() || function == main) &&
          failed(annotate(function, function == main)))
        return signalPassFailure();
  }

  /// Sets all arguments' attributes at once: one by one, each would copy those
  /// of all others.
  LogicalResult annotate(func::FuncOp function, bool isMain) {
    StringRef writable = bufferization::BufferizationDialect::kWritableAttrName;
    Builder b(&getContext());
    SmallVector<NamedAttrList> attributes;
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
      NamedAttrList &own = attributes.emplace_back(
          mlir::function_interface_impl::getArgAttrDict(function, i));
      if (function.isPublic() && !function.isDeclaration() &&
          isa<TensorType>(type))
        own.set(writable, b.getBoolAttr(false));
      if (isMain && i < weights)
        own.set("plait.weight", b.getUnitAttr());
    }
    for (auto [result, argument] : llvm::enumerate(updates)) {
      if (!isMain)
        break;
      bool fits = weights <= argument && argument < attributes.size() &&
                  result < function.getNumResults() &&
                  function.getArgumentTypes()[argument] ==
                      function.getResultTypes()[result];
      if (!fits || attributes[argument].get("plait.updated"))
        return function.emitError("expects result ")
               << result << " to be the new content of argument " << argument
               << ", of its type, and the only one";
      attributes[argument].erase(writable);
      attributes[argument].set("plait.updated", b.getIndexAttr(result));
    }
    SmallVector<DictionaryAttr> all;
    for (NamedAttrList &own : attributes)
      all.push_back(own.getDictionary(&getContext()));
    function.setAllArgAttrs(all);
    return success();
  }
};
} // namespace
