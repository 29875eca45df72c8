//===- ExpandShapeToReinterpretCast.cpp - dynamic expand_shape -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Builders.h"

namespace plait {
#define GEN_PASS_DEF_MEMREFEXPANDSHAPETOREINTERPRETCAST
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

struct MemRefExpandShapeToReinterpretCast
    : plait::impl::MemRefExpandShapeToReinterpretCastBase<
          MemRefExpandShapeToReinterpretCast> {
  using Base::Base;

  static bool hasAmbiguousGroup(memref::ExpandShapeOp op) {
    return llvm::any_of(op.getReassociationIndices(), [&](auto &group) {
      return llvm::count_if(group, [&](int64_t dim) {
               return op.getResultType().isDynamicDim(dim);
             }) > 1;
    });
  }

  void runOnOperation() override {
    SmallVector<memref::ExpandShapeOp> ops;
    getOperation()->walk([&](memref::ExpandShapeOp op) {
      if (hasAmbiguousGroup(op))
        ops.push_back(op);
    });
    for (memref::ExpandShapeOp op : ops) {
      if (!op.getSrcType().getLayout().isIdentity()) {
        op.emitError("expects a source of identity layout to expand several "
                     "dynamic sizes, got ")
            << op.getSrcType();
        return signalPassFailure();
      }
      OpBuilder builder(op);
      SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
      SmallVector<OpFoldResult> strides(sizes.size());
      OpFoldResult stride = builder.getIndexAttr(1);
      for (int64_t dim = sizes.size() - 1; dim >= 0; --dim) {
        strides[dim] = stride;
        if (dim == 0)
          break;
        auto staticStride = getConstantIntValue(stride);
        auto staticSize = getConstantIntValue(sizes[dim]);
        if (staticStride && staticSize)
          stride = builder.getIndexAttr(*staticStride * *staticSize);
        else
          stride =
              arith::MulIOp::create(
                  builder, op.getLoc(),
                  getValueOrCreateConstantIndexOp(builder, op.getLoc(), stride),
                  getValueOrCreateConstantIndexOp(builder, op.getLoc(),
                                                  sizes[dim]))
                  .getResult();
      }
      auto cast = memref::ReinterpretCastOp::create(
          builder, op.getLoc(), op.getResultType(), op.getSrc(),
          builder.getIndexAttr(0), sizes, strides);
      op.replaceAllUsesWith(cast.getResult());
      op.erase();
    }
  }
};

} // namespace
