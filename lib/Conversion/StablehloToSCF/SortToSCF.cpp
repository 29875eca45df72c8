//===- SortToSCF.cpp - stablehlo.sort to a merge sort in loops -===//
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
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTSTABLEHLOSORTTOSCF
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;

namespace {
/// Builds the bottom-up merge sort of one `stablehlo.sort`. A line is sorted in
/// two buffers per input; runs of `width` are merged from the first to the
/// second, then runs of twice that back, so every tensor is updated in place.
class SortBuilder {
public:
  SortBuilder(OpBuilder &builder, stablehlo::SortOp op)
      : b(op.getLoc(), builder), op(op), count(op.getInputs().size()) {
    auto type = cast<RankedTensorType>(op.getInputs().front().getType());
    dimension = op.getDimension();
    dimension += dimension < 0 ? type.getRank() : 0;
    zero = index(0);
    one = index(1);
    for (int64_t dim : llvm::seq(type.getRank()))
      sizes.push_back(
          b.createOrFold<tensor::DimOp>(op.getInputs().front(), dim));
    length = sizes[dimension];
  }

  SmallVector<Value> build() {
    // The results and both buffers of every input travel through the loops.
    SmallVector<Value> state(op.getInputs());
    for (int64_t buffer = 0; buffer < 2; ++buffer)
      for (Value input : op.getInputs()) {
        auto type = cast<RankedTensorType>(input.getType());
        int64_t size = type.getDimSize(dimension);
        state.push_back(tensor::EmptyOp::create(
            b, ArrayRef<int64_t>{size}, type.getElementType(),
            ShapedType::isDynamic(size) ? ValueRange(length) : ValueRange()));
      }
    SmallVector<Value> lines(sizes);
    lines[dimension] = one;
    scf::LoopNest nest = scf::buildLoopNest(
        b, b.getLoc(), SmallVector<Value>(lines.size(), zero), lines,
        SmallVector<Value>(lines.size(), one), state,
        [&](OpBuilder &, Location, ValueRange line, ValueRange state) {
          return buildLine(line, state);
        });
    return SmallVector<Value>(ValueRange(nest.results).take_front(count));
  }

private:
  using Body = function_ref<SmallVector<Value>(Value, ValueRange)>;

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value min(Value x, Value y) { return arith::MinSIOp::create(b, x, y); }
  Value less(Value x, Value y) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, x, y);
  }
  Value load(Value tensor, ValueRange at) {
    return tensor::ExtractOp::create(b, tensor, at);
  }
  Value store(Value element, Value tensor, ValueRange at) {
    return tensor::InsertOp::create(b, element, tensor, at);
  }

  SmallVector<Value> loop(Value from, Value to, Value step, ValueRange carried,
                          Body body) {
    auto op = scf::ForOp::create(b, from, to, step, carried);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(op.getBody());
    SmallVector<Value> next =
        body(op.getInductionVar(), op.getRegionIterArgs());
    scf::YieldOp::create(b, next);
    return SmallVector<Value>(op.getResults());
  }

  /// Sorts the line of the results at `line`.
  SmallVector<Value> buildLine(ValueRange line, ValueRange state) {
    SmallVector<Value> results(state.take_front(count));
    SmallVector<Value> buffers(state.drop_front(count));
    auto placed = [&](Value at) {
      SmallVector<Value> place(line);
      place[dimension] = at;
      return place;
    };
    auto first = MutableArrayRef(buffers).take_front(count);
    llvm::copy(
        loop(zero, length, one, first,
             [&](Value i, ValueRange into) {
               SmallVector<Value> next;
               for (auto [result, buffer] : llvm::zip_equal(results, into))
                 next.push_back(store(load(result, placed(i)), buffer, i));
               return next;
             }),
        first.begin());
    buffers = buildPasses(buffers);
    SmallVector<Value> sorted(ValueRange(buffers).take_front(count));
    results = loop(zero, length, one, results, [&](Value i, ValueRange into) {
      SmallVector<Value> next;
      for (auto [buffer, result] : llvm::zip_equal(sorted, into))
        next.push_back(store(load(buffer, i), result, placed(i)));
      return next;
    });
    results.append(buffers);
    return results;
  }

  /// width = 1, 4, 16, ... while width < length: merge runs of `width` there
  /// and runs of 2 * `width` back.
  SmallVector<Value> buildPasses(ValueRange buffers) {
    SmallVector<Value> state{one};
    llvm::append_range(state, buffers);
    auto passes = scf::WhileOp::create(
        b, ValueRange(state).getTypes(), state,
        [&](OpBuilder &, Location, ValueRange state) {
          scf::ConditionOp::create(b, less(state.front(), length), state);
        },
        [&](OpBuilder &, Location, ValueRange state) {
          Value width = state.front(), twice = add(width, width);
          ValueRange first = state.slice(1, count);
          ValueRange second = state.slice(1 + count, count);
          SmallVector<Value> merged = buildPass(width, first, second);
          SmallVector<Value> next{add(twice, twice)};
          llvm::append_range(next, buildPass(twice, merged, first));
          llvm::append_range(next, merged);
          scf::YieldOp::create(b, next);
        });
    return SmallVector<Value>(passes.getResults().drop_front());
  }

  /// Merges neighbouring runs of `width` of `source` into `target`.
  SmallVector<Value> buildPass(Value width, ValueRange source,
                               ValueRange target) {
    Value twice = add(width, width);
    return loop(zero, length, twice, target, [&](Value low, ValueRange target) {
      Value middle = min(add(low, width), length);
      Value high = min(add(low, twice), length);
      SmallVector<Value> state{low, middle};
      llvm::append_range(state, target);
      SmallVector<Value> next =
          loop(low, high, one, state, [&](Value at, ValueRange state) {
            return buildStep(at, middle, high, source, state);
          });
      return SmallVector<Value>(ValueRange(next).drop_front(2));
    });
  }

  /// Takes the next element from the left or the right run. `state` is where
  /// both stand, then the targets. Equal elements come from the left, so the
  /// sort is stable.
  SmallVector<Value> buildStep(Value at, Value middle, Value high,
                               ValueRange source, ValueRange state) {
    Value left = state[0], right = state[1];
    Value last = arith::SubIOp::create(b, length, one);
    Value safeLeft = min(left, last), safeRight = min(right, last);
    SmallVector<Value> arguments;
    for (Value tensor : source)
      arguments.append({load(tensor, safeRight), load(tensor, safeLeft)});
    Value before = inlineOnScalars(b, op.getComparator(), arguments).front();
    Value leftDone =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sge, left, middle);
    Value takeRight = arith::AndIOp::create(
        b, less(right, high), arith::OrIOp::create(b, leftDone, before));
    Value from = arith::SelectOp::create(b, takeRight, safeRight, safeLeft);
    SmallVector<Value> next{
        arith::SelectOp::create(b, takeRight, left, add(left, one)),
        arith::SelectOp::create(b, takeRight, add(right, one), right)};
    for (auto [tensor, target] : llvm::zip_equal(source, state.drop_front(2)))
      next.push_back(store(load(tensor, from), target, at));
    return next;
  }

  ImplicitLocOpBuilder b;
  stablehlo::SortOp op;
  size_t count;
  int64_t dimension;
  Value zero, one, length;
  SmallVector<Value> sizes;
};

struct ConvertSort : OpRewritePattern<stablehlo::SortOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(stablehlo::SortOp op,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, SortBuilder(rewriter, op).build());
    return success();
  }
};

struct ConvertStablehloSortToSCF
    : plait::impl::ConvertStablehloSortToSCFBase<ConvertStablehloSortToSCF> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ConvertSort>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
