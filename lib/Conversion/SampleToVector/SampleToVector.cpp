//===- SampleToVector.cpp - fused sampling chains to vector code -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../SampleToLinalg/Emitter.h"
#include "Edits.h"
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
#include "llvm/ADT/SetVector.h"

namespace plait::sample {
#define GEN_PASS_DEF_CONVERTSAMPLETOVECTOR
#include "plait/Dialect/Sample/Transforms/Passes.h.inc"
} // namespace plait::sample

using namespace mlir;
using namespace plait;
using namespace plait::sample;
using plait::sampling::EditRun;
using plait::sampling::Edits;
using plait::sampling::findEdits;
using plait::sampling::Kernel;
using plait::sampling::operandsOf;

namespace {

struct ConvertSampleToVector
    : plait::sample::impl::ConvertSampleToVectorBase<ConvertSampleToVector> {
  using Base::Base;

  /// Calls a function with buffers of `operands`, and with new ones that become
  /// `results`.
  void callOnBuffers(func::FuncOp function, ImplicitLocOpBuilder &b,
                     ValueRange operands, ValueRange results) {
    SmallVector<Value> arguments, buffers;
    ArrayRef<Type> types = function.getArgumentTypes();
    auto pass = [&](Value buffer) {
      Type type = types[arguments.size()];
      arguments.push_back(
          buffer.getType() == type
              ? buffer
              : memref::CastOp::create(b, type, buffer).getResult());
    };
    for (Value operand : operands) {
      auto tensor = cast<RankedTensorType>(operand.getType());
      auto type = MemRefType::get(tensor.getShape(), tensor.getElementType());
      pass(bufferization::ToBufferOp::create(b, type, operand,
                                             /*read_only=*/true));
    }
    for (Value result : results) {
      auto tensor = cast<RankedTensorType>(result.getType());
      auto type = MemRefType::get(tensor.getShape(), tensor.getElementType());
      SmallVector<Value> sizes;
      for (int64_t i = 0; i < tensor.getRank(); ++i)
        if (tensor.isDynamicDim(i))
          sizes.push_back(tensor::DimOp::create(b, operands.front(), i));
      buffers.push_back(memref::AllocOp::create(b, type, sizes));
      pass(buffers.back());
    }
    func::CallOp::create(b, function, arguments);
    for (auto [result, buffer] : llvm::zip_equal(results, buffers))
      result.replaceAllUsesWith(bufferization::ToTensorOp::create(
          b, result.getType(), buffer, /*restrict=*/true, /*writable=*/true));
  }

  void convert(EditRun run, SymbolTable &symbols, int64_t bits) {
    func::FuncOp edit = Edits(run, symbols, bits).emit();
    Operation *last = run.ops.back();
    sample::Emitter b(last->getLoc(), last);
    for (Operation *op : run.ops)
      checkShapes(b, op, run.logits());
    SmallVector<Value> operands = {run.logits()};
    llvm::append_range(operands, run.operands());
    callOnBuffers(edit, b, operands, last->getResults());
    for (Operation *op : llvm::reverse(run.ops)) {
      SmallVector<CountOp> counts = countsOf(op);
      op->erase();
      for (CountOp count :
           llvm::SmallSetVector<CountOp, 2>(counts.begin(), counts.end()))
        if (count->use_empty())
          count->erase();
    }
  }

  void convert(FusedOp op, func::FuncOp rows) {
    sample::Emitter b(op.getLoc(), op);
    checkShapes(b, op, op.getLogits());
    SmallVector<Value> operands(op->getOperands());
    for (Region &part : op->getRegions())
      for (Operation *each : chainOf(part)) {
        checkShapes(b, each, op.getLogits());
        llvm::append_range(operands, operandsOf(each));
      }
    callOnBuffers(rows, b, operands, op->getResults());
    op->erase();
  }

  void runOnOperation() override {
    FailureOr<int64_t> bits = vectorBitsOf(vectorBits, getOperation());
    if (failed(bits))
      return signalPassFailure();
    SymbolTable symbols(getOperation());
    for (const EditRun &run : findEdits(getOperation()))
      convert(run, symbols, *bits);
    SmallVector<FusedOp> ops;
    getOperation()->walk([&](FusedOp op) { ops.push_back(op); });
    // One function for all ops of the same form that have no parts.
    using Form = std::tuple<Type, Attribute, unsigned>;
    SmallVector<std::pair<Form, func::FuncOp>> known;
    for (FusedOp op : ops) {
      Form form = {op.getLogits().getType().getElementType(),
                   op->getAttrDictionary(), op->getNumResults()};
      auto *found = llvm::find_if(
          known, [&](auto &entry) { return entry.first == form; });
      bool isPlain = op.getEdits().empty() && op.getRest().empty();
      if (found != known.end() && isPlain) {
        convert(op, found->second);
        continue;
      }
      func::FuncOp rows = Kernel(op, symbols, *bits).emit();
      if (isPlain)
        known.push_back({form, rows});
      convert(op, rows);
    }
  }
};

} // namespace
