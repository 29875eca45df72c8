//===- WidenI1.cpp - one byte per boolean -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"

namespace plait {
#define GEN_PASS_DEF_MEMREFWIDENI1
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

bool isI1(Type type) { return type.isInteger(1); }

/// `type` with i8 for i1 where it is a memref, at any depth of a function type.
Type widen(Type type) {
  if (auto memref = dyn_cast<BaseMemRefType>(type))
    if (isI1(memref.getElementType()))
      return memref.cloneWith(std::nullopt,
                              IntegerType::get(type.getContext(), 8));
  if (auto function = dyn_cast<FunctionType>(type)) {
    auto map = [](TypeRange types) {
      return llvm::map_to_vector(types, widen);
    };
    return FunctionType::get(type.getContext(), map(function.getInputs()),
                             map(function.getResults()));
  }
  return type;
}

/// A dense i1 initial value as i8.
Attribute widenInitialValue(Attribute value) {
  auto dense = dyn_cast_or_null<DenseElementsAttr>(value);
  if (!dense || !isI1(dense.getElementType()))
    return value;
  return dense.mapValues(IntegerType::get(value.getContext(), 8),
                         [](const APInt &bit) { return bit.zext(8); });
}

struct MemRefWidenI1 : plait::impl::MemRefWidenI1Base<MemRefWidenI1> {
  using Base::Base;

  /// Gives the value that `op` reads its old i1 type again.
  void narrowResult(Operation *op) {
    Value result = op->getResult(0);
    Type narrow = result.getType();
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfter(op);
    Type i8 = builder.getI8Type();
    auto vector = dyn_cast<VectorType>(narrow);
    result.setType(vector ? Type(vector.cloneWith(std::nullopt, i8)) : i8);
    auto trunc = arith::TruncIOp::create(builder, op->getLoc(), narrow, result);
    result.replaceAllUsesExcept(trunc, trunc);
  }

  /// Extends the value that `op` writes.
  void widenOperand(Operation *op, OpOperand &operand) {
    OpBuilder builder(op);
    Type i8 = builder.getI8Type();
    auto vector = dyn_cast<VectorType>(operand.get().getType());
    operand.set(arith::ExtUIOp::create(
        builder, op->getLoc(),
        vector ? Type(vector.cloneWith(std::nullopt, i8)) : i8, operand.get()));
  }

  /// The body of a linalg op reads and yields bytes where it has i1 buffers.
  void widenBody(linalg::GenericOp op) {
    Block &body = *op.getBody();
    OpBuilder builder = OpBuilder::atBlockBegin(&body);
    Type i8 = builder.getI8Type();
    auto isI1Buffer = [](Value operand) {
      auto type = dyn_cast<MemRefType>(operand.getType());
      return type && isI1(type.getElementType());
    };
    for (auto [argument, operand] :
         llvm::zip(body.getArguments(), op->getOperands())) {
      if (!isI1Buffer(operand))
        continue;
      argument.setType(i8);
      if (argument.use_empty())
        continue;
      auto trunc = arith::TruncIOp::create(builder, op.getLoc(),
                                           builder.getI1Type(), argument);
      argument.replaceAllUsesExcept(trunc, trunc);
    }
    for (auto [operand, init] :
         llvm::zip(body.getTerminator()->getOpOperands(), op.getDpsInits()))
      if (isI1Buffer(init))
        widenOperand(body.getTerminator(), operand);
  }

  void runOnOperation() override {
    getOperation().walk([&](linalg::GenericOp op) { widenBody(op); });
    getOperation().walk([&](Operation *op) {
      if (isa<memref::LoadOp, vector::LoadOp, vector::TransferReadOp>(op) &&
          isI1(getElementTypeOrSelf(op->getResult(0).getType()))) {
        if (auto read = dyn_cast<vector::TransferReadOp>(op))
          widenOperand(op, read.getPaddingMutable());
        narrowResult(op);
      } else if (isa<memref::StoreOp, vector::StoreOp, vector::TransferWriteOp>(
                     op) &&
                 isI1(getElementTypeOrSelf(op->getOperand(0).getType()))) {
        widenOperand(op, op->getOpOperand(0));
      } else {
        for (Value result : op->getResults())
          result.setType(widen(result.getType()));
      }
      for (Region &region : op->getRegions())
        for (Block &block : region)
          for (BlockArgument argument : block.getArguments())
            argument.setType(widen(argument.getType()));
      for (NamedAttribute attribute : op->getAttrs())
        if (auto type = dyn_cast<TypeAttr>(attribute.getValue()))
          op->setAttr(attribute.getName(),
                      TypeAttr::get(widen(type.getValue())));
      if (auto global = dyn_cast<memref::GlobalOp>(op))
        if (global.getInitialValueAttr())
          global.setInitialValueAttr(
              widenInitialValue(global.getInitialValueAttr()));
    });
  }
};

} // namespace
