//===- CheckImport.cpp - the contract of the import stage -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

namespace plait {
#define GEN_PASS_DEF_CHECKIMPORT
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {
struct CheckImport : plait::impl::CheckImportBase<CheckImport> {
  using Base::Base;

  void runOnOperation() override {
    bool bad = false;
    getOperation().walk([&](Operation *op) {
      if (!op->isRegistered()) {
        op->emitError("no lowering for '") << op->getName() << "'";
        bad = true;
      }
      if (auto call = dyn_cast<func::CallOp>(op)) {
        auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
            call, call.getCalleeAttr());
        if (callee && callee.isExternal()) {
          auto error = call.emitError("expects a function with a body, got '@")
                       << callee.getName() << "'";
          if (auto why = callee->getAttrOfType<StringAttr>("plait.missing"))
            error << ": " << why.getValue();
          bad = true;
        }
      }
      auto function = dyn_cast<func::FuncOp>(op);
      if (!function || !function.isPublic())
        return;
      auto check = [&](StringRef what, TypeRange types) {
        for (auto [index, type] : llvm::enumerate(types))
          if (!isa<RankedTensorType>(type)) {
            function.emitError("expects a ranked tensor as ")
                << what << " " << index << " of '" << function.getName()
                << "', got " << type;
            bad = true;
          }
      };
      check("argument", function.getArgumentTypes());
      check("result", function.getResultTypes());
    });
    if (bad)
      signalPassFailure();
  }
};
} // namespace
