//===- ScatterToSCF.cpp - stablehlo.scatter to loops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarRegion.h"
#include "plait/Conversion/Passes.h"
#include "plait/Dialect/Stablehlo/IR/Stablehlo.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTSTABLEHLOSCATTERTOSCF
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;

/// Loops from 0 to each of `sizes` that carry `tensors`; `body` gets the
/// counters and the tensors and returns the new tensors.
static SmallVector<Value>
buildLoops(OpBuilder &builder, Location loc, ArrayRef<Value> sizes,
           ValueRange tensors,
           function_ref<SmallVector<Value>(OpBuilder &, Location, ValueRange,
                                           ValueRange)>
               body) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  scf::LoopNest nest = scf::buildLoopNest(
      builder, loc, SmallVector<Value>(sizes.size(), zero), sizes,
      SmallVector<Value>(sizes.size(), one), tensors,
      [&](OpBuilder &b, Location l, ValueRange counters, ValueRange carried) {
        return scf::ValueVector(body(b, l, counters, carried));
      });
  return SmallVector<Value>(nest.results);
}

namespace {
struct ConvertScatter : OpRewritePattern<stablehlo::ScatterOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(stablehlo::ScatterOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto dims = op.getScatterDimensionNumbers();
    Value update = op.getUpdates().front();
    int64_t updateRank = cast<RankedTensorType>(update.getType()).getRank();
    SmallVector<int64_t> windowDims(dims.getUpdateWindowDims());
    llvm::sort(windowDims);
    SmallVector<int64_t> scatterDims;
    for (int64_t dim : llvm::seq(updateRank))
      if (!llvm::is_contained(windowDims, dim))
        scatterDims.push_back(dim);
    auto sizesOf = [&](ArrayRef<int64_t> wanted) {
      return llvm::map_to_vector(wanted, [&](int64_t dim) -> Value {
        return rewriter.createOrFold<tensor::DimOp>(loc, update, dim);
      });
    };
    SmallVector<Value> scatterSizes = sizesOf(scatterDims);
    SmallVector<Value> windowSizes = sizesOf(windowDims);

    SmallVector<Value> results = buildLoops(
        rewriter, loc, scatterSizes, op.getInputs(),
        [&](OpBuilder &b, Location l, ValueRange counters, ValueRange inputs) {
          SmallVector<Value> start = buildStart(b, l, op, counters);
          SmallVector<Value> window = buildWindow(b, l, op, windowSizes);
          Value inside = buildInside(b, l, op, start, window);
          auto guard =
              scf::IfOp::create(b, l, inputs.getTypes(), inside,
                                /*addThenBlock=*/true, /*addElseBlock=*/true);
          OpBuilder then = guard.getThenBodyBuilder();
          scf::YieldOp::create(
              then, l,
              buildLoops(then, l, windowSizes, inputs,
                         [&](OpBuilder &b, Location l, ValueRange offsets,
                             ValueRange inputs) {
                           return buildUpdate(b, l, op, start, scatterDims,
                                              counters, windowDims, offsets,
                                              inputs);
                         }));
          OpBuilder otherwise = guard.getElseBodyBuilder();
          scf::YieldOp::create(otherwise, l, inputs);
          return SmallVector<Value>(guard.getResults());
        });
    rewriter.replaceOp(op, results);
    return success();
  }

private:
  /// For every dimension of the input, `inWindow` says which dimension of the
  /// window runs along it, or -1.
  static SmallVector<int64_t> windowOf(stablehlo::ScatterOp op) {
    auto dims = op.getScatterDimensionNumbers();
    SmallVector<int64_t> inWindow;
    int64_t next = 0;
    for (int64_t dim : llvm::seq(rankOf(op)))
      inWindow.push_back(
          llvm::is_contained(dims.getInsertedWindowDims(), dim) ||
                  llvm::is_contained(dims.getInputBatchingDims(), dim)
              ? -1
              : next++);
    return inWindow;
  }

  static int64_t rankOf(stablehlo::ScatterOp op) {
    return cast<RankedTensorType>(op.getInputs().front().getType()).getRank();
  }

  /// Where the window of this scatter index begins in the input.
  static SmallVector<Value> buildStart(OpBuilder &b, Location loc,
                                       stablehlo::ScatterOp op,
                                       ValueRange counters) {
    auto dims = op.getScatterDimensionNumbers();
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    SmallVector<Value> start(rankOf(op), zero);
    int64_t indexDim = dims.getIndexVectorDim();
    int64_t indicesRank = op.getScatterIndices().getType().getRank();
    for (auto [component, dim] :
         llvm::enumerate(dims.getScatterDimsToOperandDims())) {
      SmallVector<Value> at(counters);
      if (indexDim < indicesRank)
        at.insert(at.begin() + indexDim,
                  arith::ConstantIndexOp::create(b, loc, component));
      Value index =
          tensor::ExtractOp::create(b, loc, op.getScatterIndices(), at);
      if (!index.getType().isIndex())
        index = arith::IndexCastOp::create(b, loc, b.getIndexType(), index);
      start[dim] = index;
    }
    for (auto [inputDim, indicesDim] : llvm::zip_equal(
             dims.getInputBatchingDims(), dims.getScatterIndicesBatchingDims()))
      start[inputDim] = counters[indicesDim - (indicesDim > indexDim)];
    return start;
  }

  /// The size of the window along every dimension of the input.
  static SmallVector<Value> buildWindow(OpBuilder &b, Location loc,
                                        stablehlo::ScatterOp op,
                                        ArrayRef<Value> windowSizes) {
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    return llvm::map_to_vector(windowOf(op), [&](int64_t dim) {
      return dim < 0 ? one : windowSizes[dim];
    });
  }

  /// Whether the whole window lies in the input.
  static Value buildInside(OpBuilder &b, Location loc, stablehlo::ScatterOp op,
                           ArrayRef<Value> start, ArrayRef<Value> window) {
    Value inside = arith::ConstantIntOp::create(b, loc, 1, 1);
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    for (auto [dim, begin, size] : llvm::enumerate(start, window)) {
      Value length = b.createOrFold<tensor::DimOp>(loc, op.getInputs().front(),
                                                   int64_t(dim));
      Value last = arith::SubIOp::create(b, loc, length, size);
      for (auto [low, high] : {std::pair(zero, begin), std::pair(begin, last)})
        inside = arith::AndIOp::create(
            b, loc, inside,
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, low,
                                  high));
    }
    return inside;
  }

  /// Combines one element of every update into its input.
  static SmallVector<Value>
  buildUpdate(OpBuilder &b, Location loc, stablehlo::ScatterOp op,
              ArrayRef<Value> start, ArrayRef<int64_t> scatterDims,
              ValueRange counters, ArrayRef<int64_t> windowDims,
              ValueRange offsets, ValueRange inputs) {
    SmallVector<Value> from(scatterDims.size() + windowDims.size());
    for (auto [dim, counter] : llvm::zip_equal(scatterDims, counters))
      from[dim] = counter;
    for (auto [dim, offset] : llvm::zip_equal(windowDims, offsets))
      from[dim] = offset;
    SmallVector<Value> to;
    for (auto [begin, dim] : llvm::zip_equal(start, windowOf(op)))
      to.push_back(
          dim < 0
              ? begin
              : arith::AddIOp::create(b, loc, begin, offsets[dim]).getResult());
    SmallVector<Value> arguments;
    for (Value input : inputs)
      arguments.push_back(tensor::ExtractOp::create(b, loc, input, to));
    for (Value update : op.getUpdates())
      arguments.push_back(tensor::ExtractOp::create(b, loc, update, from));
    SmallVector<Value> results;
    for (auto [element, input] : llvm::zip_equal(
             inlineOnScalars(b, op.getUpdateComputation(), arguments), inputs))
      results.push_back(tensor::InsertOp::create(b, loc, element, input, to));
    return results;
  }
};

struct ConvertStablehloScatterToSCF
    : plait::impl::ConvertStablehloScatterToSCFBase<
          ConvertStablehloScatterToSCF> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ConvertScatter>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
