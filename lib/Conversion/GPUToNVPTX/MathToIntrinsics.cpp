//===- MathToIntrinsics.cpp - math as LLVM intrinsics -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTMATHTOINTRINSICS
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

struct ConvertMathToIntrinsics
    : plait::impl::ConvertMathToIntrinsicsBase<ConvertMathToIntrinsics> {
  using Base::Base;

  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      StringRef name =
          llvm::TypeSwitch<Operation *, StringRef>(op)
              .Case([](arith::MaxNumFOp) { return "llvm.maxnum"; })
              .Case([](arith::MinNumFOp) { return "llvm.minnum"; })
              .Case([](math::AbsFOp) { return "llvm.fabs"; })
              .Case([](math::CeilOp) { return "llvm.ceil"; })
              .Case([](math::CopySignOp) { return "llvm.copysign"; })
              .Case([](math::FloorOp) { return "llvm.floor"; })
              .Case([](math::FmaOp) { return "llvm.fma"; })
              .Case([](math::RoundEvenOp) { return "llvm.roundeven"; })
              .Case([](math::SqrtOp) { return "llvm.sqrt"; })
              .Case([](math::TruncOp) { return "llvm.trunc"; })
              .Default([](Operation *) { return ""; });
      if (name.empty() || !isa<FloatType>(op->getResult(0).getType()))
        return;
      OpBuilder b(op);
      Type type = op->getResult(0).getType();
      std::string intrinsic;
      llvm::raw_string_ostream(intrinsic) << name << "." << type;
      auto call = LLVM::CallIntrinsicOp::create(
          b, op->getLoc(), type, b.getStringAttr(intrinsic), op->getOperands());
      op->replaceAllUsesWith(call->getResults());
      op->erase();
    });
  }
};

} // namespace
