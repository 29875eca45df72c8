//===- SplitEmpty.cpp - one tensor.empty for every use -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgShapes.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace plait {
#define GEN_PASS_DEF_TENSORSPLITEMPTY
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {
struct TensorSplitEmpty : plait::impl::TensorSplitEmptyBase<TensorSplitEmpty> {
  void runOnOperation() override {
    // Only what is written over: a fill that is only read may be shared.
    getOperation()->walk([](linalg::LinalgOp op) {
      if (op->getNumResults() != 1 || !plait::filledWith(op->getResult(0)))
        return;
      for (OpOperand &use : llvm::make_early_inc_range(op->getUses())) {
        auto reader = dyn_cast<linalg::LinalgOp>(use.getOwner());
        if (!op->hasOneUse() && reader && reader.isDpsInit(&use)) {
          OpBuilder builder(reader);
          use.set(builder.clone(*op)->getResult(0));
        }
      }
    });
    getOperation()->walk([](tensor::EmptyOp empty) {
      OpBuilder builder(empty);
      for (OpOperand &use : llvm::make_early_inc_range(empty->getUses()))
        if (!empty->hasOneUse())
          use.set(builder.clone(*empty)->getResult(0));
    });
  }
};
} // namespace
