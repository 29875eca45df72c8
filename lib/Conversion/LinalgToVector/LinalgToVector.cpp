//===- LinalgToVector.cpp - linalg on buffers to vector loops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "VectorLoops.h"

#include "plait/Conversion/Passes.h"
#include "plait/Target/VectorBits.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringSwitch.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTLINALGCONTRACTIONSTOVECTOR
#define GEN_PASS_DEF_CONVERTLINALGTOVECTOR
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;
using namespace plait::contraction;

namespace {

/// What the option `dots` says, if it can be understood.
std::optional<Dots> dotsOf(StringRef option) {
  if (option == "host") {
    llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
    return Dots{features.lookup("avx512bf16"), features.lookup("avx512vnni")};
  }
  return llvm::StringSwitch<std::optional<Dots>>(option)
      .Case("bf16", Dots{true, false})
      .Case("i8", Dots{false, true})
      .Case("bf16,i8", Dots{true, true})
      .Case("none", Dots())
      .Default(std::nullopt);
}

struct ConvertLinalgContractionsToVector
    : plait::impl::ConvertLinalgContractionsToVectorBase<
          ConvertLinalgContractionsToVector> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<int64_t> bits = vectorBitsOf(vectorBits, getOperation());
    std::optional<Dots> known = dotsOf(dots);
    if (!known)
      getOperation()->emitError(
          "expects 'dots' of 'bf16', 'i8', 'bf16,i8', 'none' or 'host', got '")
          << dots << "'";
    if (failed(bits) || !known)
      return signalPassFailure();
    // First of all: lowering one takes other ops away.
    std::vector<Contraction> contractions;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (auto contraction = Contraction::match(op))
        contractions.push_back(std::move(*contraction));
    });
    for (Contraction &contraction : contractions)
      Lowering(std::move(contraction), *bits, *known).lower();
  }
};

struct ConvertLinalgToVector
    : plait::impl::ConvertLinalgToVectorBase<ConvertLinalgToVector> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<int64_t> bits = vectorBitsOf(vectorBits, getOperation());
    if (failed(bits))
      return signalPassFailure();
    SmallVector<Block *> blocks;
    getOperation()->walk([&](Block *block) { blocks.push_back(block); });
    for (Block *block : blocks)
      mergeIntoReductions(*block);
    SmallVector<linalg::GenericOp> ops;
    getOperation()->walk([&](linalg::GenericOp op) { ops.push_back(op); });
    for (linalg::GenericOp op : ops) {
      if (succeeded(VectorLoops(op, *bits).lower()))
        ++numVectorized;
      else
        ++numLeft;
    }
  }
};

} // namespace
