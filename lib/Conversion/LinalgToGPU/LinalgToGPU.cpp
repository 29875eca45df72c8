//===- LinalgToGPU.cpp - linalg on tensors to GPU kernels -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"
#include "RowProgram.h"

#include "plait/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTLINALGTOGPU
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;

namespace {

/// Elements that a kernel can load and store.
bool isElement(Type type) {
  return type.isF32() || type.isF64() || type.isF16() || type.isBF16() ||
         type.isInteger(1) || type.isInteger(8) || type.isInteger(16) ||
         type.isInteger(32) || type.isInteger(64);
}

struct ConvertLinalgToGPU
    : plait::impl::ConvertLinalgToGPUBase<ConvertLinalgToGPU> {
  using Base::Base;

  LogicalResult checkBoundary(func::FuncOp function) {
    if (function.isDeclaration() || !function.getBody().hasOneBlock())
      return function.emitOpError("expects a body of one block");
    auto check = [&](TypeRange types) -> LogicalResult {
      for (Type type : types) {
        auto tensor = dyn_cast<RankedTensorType>(type);
        if (!tensor || !isElement(tensor.getElementType()))
          return function.emitOpError("has a boundary type without an NVPTX "
                                      "lowering: ")
                 << type;
      }
      return success();
    };
    return failure(failed(check(function.getArgumentTypes())) ||
                   failed(check(function.getResultTypes())));
  }

  /// Notes a `cf.assert` that compares sizes; no other op may have an effect.
  LogicalResult checkEffects(ShapeReader &shapes) {
    for (Operation &op :
         shapes.function.getBody().front().without_terminator()) {
      if (auto assertion = dyn_cast<cf::AssertOp>(op)) {
        auto compare = assertion.getArg().getDefiningOp<arith::CmpIOp>();
        if (!compare || compare.getPredicate() != arith::CmpIPredicate::eq)
          return shapes.fail(&op, "asserts what has no NVPTX lowering; "
                                  "expects equality of two sizes");
        FailureOr<AffineExpr> lhs = shapes.scalar(compare.getLhs());
        FailureOr<AffineExpr> rhs = shapes.scalar(compare.getRhs());
        if (failed(lhs) || failed(rhs) ||
            failed(shapes.require(*lhs, *rhs, assertion.getMsg(), &op)))
          return failure();
        continue;
      }
      if (!isMemoryEffectFree(&op))
        return shapes.fail(&op, "has no NVPTX lowering");
    }
    return success();
  }

  FailureOr<DictionaryAttr> convert(func::FuncOp function,
                                    gpu::GPUModuleOp kernels) {
    ShapeReader shapes(function);
    Builder b(function.getContext());
    SmallVector<Attribute> launches, results, checks, symbols;
    auto map = [&](ArrayRef<AffineExpr> exprs) {
      return AffineMapAttr::get(
          AffineMap::get(0, shapes.symbols().size(), exprs, b.getContext()));
    };
    if (failed(checkEffects(shapes))) {
      shapes.emitError();
      return failure();
    }
    auto terminator = function.getBody().front().getTerminator();
    for (OpOperand &result : terminator->getOpOperands()) {
      RowProgram program(shapes, result.get());
      if (failed(program.analyse())) {
        shapes.emitError();
        return failure();
      }
      unsigned number = result.getOperandNumber();
      std::string name = (function.getName() + "_kernel" + Twine(number)).str();
      FailureOr<DictionaryAttr> launch =
          emitKernel(kernels, name, number, program);
      if (failed(launch))
        return failure();
      launches.push_back(*launch);
      ArrayRef<AffineExpr> sizes(program.extents);
      results.push_back(map(sizes.take_front(
          cast<RankedTensorType>(result.get().getType()).getRank())));
    }
    for (const ShapeReader::Check &check : shapes.checks())
      checks.push_back(b.getDictionaryAttr(
          {b.getNamedAttr("equal", map({check.lhs, check.rhs})),
           b.getNamedAttr("message", b.getStringAttr(check.message))}));
    for (auto [argument, axis] : shapes.symbols())
      symbols.push_back(b.getDenseI64ArrayAttr({argument, axis}));
    return b.getDictionaryAttr(
        {b.getNamedAttr("name", function.getNameAttr()),
         b.getNamedAttr("type", TypeAttr::get(function.getFunctionType())),
         b.getNamedAttr("symbols", b.getArrayAttr(symbols)),
         b.getNamedAttr("kernels", b.getArrayAttr(launches)),
         b.getNamedAttr("results", b.getArrayAttr(results)),
         b.getNamedAttr("checks", b.getArrayAttr(checks))});
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    OpBuilder b(module.getBodyRegion());
    auto kernels = gpu::GPUModuleOp::create(b, module.getLoc(), "kernels");
    SmallVector<Attribute> entries;
    for (auto function :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      if (failed(checkBoundary(function)))
        return signalPassFailure();
      FailureOr<DictionaryAttr> entry = convert(function, kernels);
      if (failed(entry))
        return signalPassFailure();
      entries.push_back(*entry);
      function.erase();
    }
    module->setAttr("plait.entries", b.getArrayAttr(entries));
  }
};

} // namespace
