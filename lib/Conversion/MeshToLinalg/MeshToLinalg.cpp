//===- MeshToLinalg.cpp - the reference meaning of mesh
//---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Conversion/Passes.h"
#include "plait/Dialect/Mesh/IR/Mesh.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTMESHTOLINALG
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait::mesh;

namespace {
struct ConvertMeshToLinalg
    : plait::impl::ConvertMeshToLinalgBase<ConvertMeshToLinalg> {
  using Base::Base;

  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      if (!isa<PlaceOp, RedistributeOp>(op))
        return;
      op->getResult(0).replaceAllUsesWith(op->getOperand(0));
      op->erase();
    });
    for (auto grid :
         llvm::make_early_inc_range(getOperation().getOps<GridOp>()))
      grid.erase();
  }
};
} // namespace
