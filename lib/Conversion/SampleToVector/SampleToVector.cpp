//===- SampleToVector.cpp - fused sampling chains to vector code -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"
#include "plait/Dialect/Sample/Transforms/Passes.h"
#include "plait/Target/VectorBits.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace plait::sample {
#define GEN_PASS_DEF_CONVERTSAMPLETOVECTOR
#include "plait/Dialect/Sample/Transforms/Passes.h.inc"
} // namespace plait::sample

using namespace mlir;
using namespace plait;
using namespace plait::sample;

namespace {

struct ConvertSampleToVector
    : plait::sample::impl::ConvertSampleToVectorBase<ConvertSampleToVector> {
  using Base::Base;

  /// Calls the op's function with buffers of its operands and results.
  void convert(FusedOp op, func::FuncOp rows) {
    ImplicitLocOpBuilder b(op.getLoc(), op);
    SmallVector<Value> arguments;
    ArrayRef<Type> types = rows.getArgumentTypes();
    auto pass = [&](Value buffer) {
      Type type = types[arguments.size()];
      arguments.push_back(
          buffer.getType() == type
              ? buffer
              : memref::CastOp::create(b, type, buffer).getResult());
    };
    for (Value operand : op->getOperands()) {
      auto tensor = cast<RankedTensorType>(operand.getType());
      auto type = MemRefType::get(tensor.getShape(), tensor.getElementType());
      pass(bufferization::ToBufferOp::create(b, type, operand,
                                             /*read_only=*/true));
    }
    SmallVector<Value> results;
    for (Value result : op->getResults()) {
      auto tensor = cast<RankedTensorType>(result.getType());
      auto type = MemRefType::get(tensor.getShape(), tensor.getElementType());
      SmallVector<Value> sizes;
      if (tensor.isDynamicDim(0))
        sizes.push_back(tensor::DimOp::create(b, op.getLogits(), 0));
      Value buffer = memref::AllocOp::create(b, type, sizes);
      pass(buffer);
      results.push_back(buffer);
    }
    func::CallOp::create(b, rows, arguments);
    for (auto [result, buffer] : llvm::zip_equal(op->getResults(), results))
      result.replaceAllUsesWith(bufferization::ToTensorOp::create(
          b, result.getType(), buffer, /*restrict=*/true, /*writable=*/true));
    op->erase();
  }

  void runOnOperation() override {
    FailureOr<int64_t> bits = vectorBitsOf(vectorBits, getOperation());
    if (failed(bits))
      return signalPassFailure();
    SymbolTable symbols(getOperation());
    SmallVector<FusedOp> ops;
    getOperation()->walk([&](FusedOp op) { ops.push_back(op); });
    // One function for all ops of the same form.
    using Form = std::tuple<Type, Attribute, unsigned>;
    SmallVector<std::pair<Form, func::FuncOp>> known;
    for (FusedOp op : ops) {
      Form form = {op.getLogits().getType().getElementType(),
                   op->getAttrDictionary(), op->getNumResults()};
      auto *found = llvm::find_if(
          known, [&](auto &entry) { return entry.first == form; });
      if (found == known.end()) {
        func::FuncOp rows = plait::sampling::Kernel(op, symbols, *bits).emit();
        known.push_back({form, rows});
        found = &known.back();
      }
      convert(op, found->second);
    }
  }
};

} // namespace
