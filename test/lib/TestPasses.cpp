//===- TestPasses.cpp - passes that are wrong on purpose -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A plugin for `plait-opt --load-pass-plugin`, so that the tests can prove that
// `plait verify` finds the guilty pass.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

using namespace mlir;

namespace {
/// Turns every floating-point addition into a subtraction.
struct TestWrongAdd : PassWrapper<TestWrongAdd, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TestWrongAdd)

  StringRef getArgument() const override { return "test-wrong-add"; }
  StringRef getDescription() const override { return "miscompile additions"; }

  void runOnOperation() override {
    getOperation()->walk([](arith::AddFOp op) {
      OpBuilder builder(op);
      op.replaceAllUsesWith(
          arith::SubFOp::create(builder, op.getLoc(), op.getLhs(), op.getRhs())
              .getResult());
      op.erase();
    });
  }
};
} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "PlaitTestPasses", "0.1",
          [] { PassRegistration<TestWrongAdd>(); }};
}
