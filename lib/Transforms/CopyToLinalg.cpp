//===- CopyToLinalg.cpp - strided copies to loops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Builders.h"

namespace plait {
#define GEN_PASS_DEF_MEMREFCOPYTOLINALG
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {
struct MemRefCopyToLinalg
    : plait::impl::MemRefCopyToLinalgBase<MemRefCopyToLinalg> {
  using Base::Base;

  void runOnOperation() override {
    getOperation()->walk([](memref::CopyOp op) {
      auto isContiguous = [](Value value) {
        auto type = dyn_cast<MemRefType>(value.getType());
        return type && type.getLayout().isIdentity();
      };
      if (isContiguous(op.getSource()) && isContiguous(op.getTarget()))
        return;
      OpBuilder builder(op);
      linalg::CopyOp::create(builder, op.getLoc(), op.getSource(),
                             op.getTarget());
      op.erase();
    });
  }
};
} // namespace
