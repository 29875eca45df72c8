//===- LinalgToVector.cpp - contractions to vector loops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "plait/Conversion/Passes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/TargetParser/Host.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTLINALGCONTRACTIONSTOVECTOR
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait::contraction;

namespace {

struct ConvertLinalgContractionsToVector
    : plait::impl::ConvertLinalgContractionsToVectorBase<
          ConvertLinalgContractionsToVector> {
  using Base::Base;

  static int64_t hostVectorBits() {
    llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
    return features.lookup("avx512f") ? 512
           : features.lookup("avx2")  ? 256
                                      : 128;
  }

  void runOnOperation() override {
    int64_t bits = vectorBits == 0 ? hostVectorBits() : vectorBits.getValue();
    if (bits != 128 && bits != 256 && bits != 512) {
      getOperation()->emitError(
          "expects 'vector-bits' of 128, 256 or 512, got ")
          << bits;
      return signalPassFailure();
    }
    SmallVector<linalg::GenericOp> ops;
    getOperation()->walk([&](linalg::GenericOp op) { ops.push_back(op); });
    for (linalg::GenericOp op : ops)
      if (auto contraction = Contraction::match(op))
        Lowering(std::move(*contraction), bits).lower();
  }
};

} // namespace
