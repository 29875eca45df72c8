//===- Delay.cpp - delay lines as slices of their buffers -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace plait::spike;

namespace {

struct ConvertDelay : OpConversionPattern<DelayOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(DelayOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value input = adaptor.getInput(), buffer = adaptor.getBuffer();
    int64_t depth = cast<RankedTensorType>(buffer.getType()).getDimSize(0);
    if (depth == 0) {
      rewriter.replaceOp(op, {input, buffer});
      return success();
    }
    auto type = cast<RankedTensorType>(input.getType());
    // Slices of the buffer: its first steps, and all but its first.
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, input);
    SmallVector<OpFoldResult> front(type.getRank() + 1,
                                    rewriter.getIndexAttr(0));
    SmallVector<OpFoldResult> ones(type.getRank() + 1,
                                   rewriter.getIndexAttr(1));
    SmallVector<OpFoldResult> one(sizes), rest(sizes);
    one.insert(one.begin(), rewriter.getIndexAttr(1));
    rest.insert(rest.begin(), rewriter.getIndexAttr(depth - 1));
    SmallVector<OpFoldResult> second(front), last(front);
    second[0] = rewriter.getIndexAttr(1);
    last[0] = rewriter.getIndexAttr(depth - 1);

    Value output = adaptor.getSteps()
                       ? gather(rewriter, loc, adaptor, depth)
                       : tensor::ExtractSliceOp::create(
                             rewriter, loc, type, buffer, front, one, ones)
                             .getResult();
    Value next = createEmptyLike(rewriter, loc, buffer);
    if (depth > 1) {
      Value kept = tensor::ExtractSliceOp::create(rewriter, loc, buffer, second,
                                                  rest, ones);
      next = tensor::InsertSliceOp::create(rewriter, loc, kept, next, front,
                                           rest, ones);
    }
    next = tensor::InsertSliceOp::create(rewriter, loc, input, next, last, one,
                                         ones);
    rewriter.replaceOp(op, {output, next});
    return success();
  }

  /// Each element from its own place in the buffer: `depth - steps`, or the
  /// input where that is the buffer's end.
  static Value gather(OpBuilder &builder, Location loc, OpAdaptor adaptor,
                      int64_t depth) {
    Value out = createEmptyLike(builder, loc, adaptor.getInput());
    return createElementwise(
               builder, loc, {adaptor.getInput(), adaptor.getSteps()}, out,
               [&](OpBuilder &nested, ValueRange s) -> SmallVector<Value> {
                 ImplicitLocOpBuilder b(loc, nested);
                 auto i64 = [&](int64_t value) -> Value {
                   return arith::ConstantOp::create(b,
                                                    b.getI64IntegerAttr(value));
                 };
                 Value steps = arith::MinSIOp::create(b, s[1], i64(depth));
                 Value now = arith::CmpIOp::create(b, arith::CmpIPredicate::sle,
                                                   steps, i64(0));
                 // Reading a step of 0 or less would leave the buffer.
                 steps = arith::MaxSIOp::create(b, steps, i64(1));
                 Value place = arith::IndexCastOp::create(
                     b, b.getIndexType(),
                     arith::SubIOp::create(b, i64(depth), steps));
                 SmallVector<Value> indices{place};
                 auto rank =
                     cast<RankedTensorType>(adaptor.getInput().getType())
                         .getRank();
                 for (int64_t dim = 0; dim < rank; ++dim)
                   indices.push_back(linalg::IndexOp::create(b, dim));
                 Value old =
                     tensor::ExtractOp::create(b, adaptor.getBuffer(), indices);
                 return {arith::SelectOp::create(b, now, s[0], old)};
               })
        .getResult(0);
  }
};

} // namespace

void plait::spike::populateDelayPatterns(RewritePatternSet &patterns) {
  patterns.add<ConvertDelay>(patterns.getContext());
}
