//===- Neurons.cpp - steps and runs of populations as linalg --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"
#include "plait/Dialect/Spike/Transforms/Dynamics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace plait::spike;

namespace {

/// One step of a population: what it gives, and its next state.
struct PopulationStep {
  Value out, v, left;
};

/// `x` may be null.
PopulationStep createStep(OpBuilder &builder, Location loc,
                          const Dynamics &dynamics, Value x, Value v,
                          Value left, const Parameters &parameters) {
  SmallVector<Value> operands, inits;
  if (x)
    operands.push_back(x);
  for (Value parameter : parameters)
    if (parameter)
      operands.push_back(parameter);
  // A potential is its own destination: the loop's state stays in place.
  bool fires = parameters[Threshold] != nullptr;
  if (fires)
    inits.push_back(createEmptyLike(builder, loc, v));
  inits.push_back(v);
  if (left)
    inits.push_back(left);
  auto generic = createElementwise(
      builder, loc, operands, inits,
      [&](OpBuilder &nested, ValueRange s) -> SmallVector<Value> {
        ImplicitLocOpBuilder b(loc, nested);
        Value current = x ? s.front() : Value();
        s = s.drop_front(x != nullptr);
        Parameters scalars{};
        for (auto [scalar, parameter] : llvm::zip_equal(scalars, parameters))
          if (parameter) {
            scalar = s.front();
            s = s.drop_front();
          }
        s = s.drop_front(fires);
        Stepped stepped = emitStep(b, dynamics, current, s[0],
                                   left ? s[1] : Value(), scalars);
        SmallVector<Value> results;
        if (fires)
          results.push_back(stepped.out);
        results.push_back(stepped.v);
        if (left)
          results.push_back(stepped.left);
        return results;
      });
  return {generic.getResult(0), generic.getResult(fires),
          left ? generic.getResult(fires + 1) : Value()};
}

/// A tensor of zeros.
Value createZeros(OpBuilder &b, Location loc, Value empty) {
  Type element = cast<RankedTensorType>(empty.getType()).getElementType();
  Value zero = arith::ConstantOp::create(b, loc, b.getFloatAttr(element, 0));
  return linalg::FillOp::create(b, loc, zero, empty).getResult(0);
}

/// The slice of a step of `run`, which has one more axis than what it gives.
Value createTimeSlice(OpBuilder &b, Location loc, Value run, Value step) {
  auto type = cast<RankedTensorType>(run.getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, run);
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> ones(type.getRank(), b.getIndexAttr(1));
  offsets[0] = step;
  sizes[0] = b.getIndexAttr(1);
  auto slice = RankedTensorType::get(type.getShape().drop_front(),
                                     type.getElementType());
  return tensor::ExtractSliceOp::create(b, loc, slice, run, offsets, sizes,
                                        ones);
}

Value insertTimeSlice(OpBuilder &b, Location loc, Value value, Value run,
                      Value step) {
  auto type = cast<RankedTensorType>(run.getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, value);
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> ones(type.getRank(), b.getIndexAttr(1));
  offsets[0] = step;
  sizes.insert(sizes.begin(), b.getIndexAttr(1));
  return tensor::InsertSliceOp::create(b, loc, value, run, offsets, sizes,
                                       ones);
}

struct ConvertNeuron : OpConversionPattern<NeuronOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(NeuronOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    PopulationStep step = createStep(rewriter, op.getLoc(), Dynamics::of(op),
                                     adaptor.getCurrent(), adaptor.getV(),
                                     adaptor.getLeft(), parametersOf(adaptor));
    SmallVector<Value> results{step.out, step.v};
    if (step.left)
      results.push_back(step.left);
    rewriter.replaceOp(op, results);
    return success();
  }
};

struct ConvertScan : OpConversionPattern<ScanOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(ScanOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    OpBuilder &b = rewriter;
    Value v = adaptor.getV();
    auto state = cast<RankedTensorType>(v.getType());
    auto out = cast<RankedTensorType>(op.getOut().getType());
    OpFoldResult time = b.getIndexAttr(out.getDimSize(0));
    if (out.isDynamicDim(0)) {
      Value run = op.getCurrent() ? adaptor.getCurrent() : adaptor.getCounts();
      if (!run)
        return rewriter.notifyMatchFailure(op, "the number of steps");
      time = tensor::getMixedSize(b, loc, run, 0);
    }
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, v);
    sizes.insert(sizes.begin(), time);
    // What the loop carries: the state, then what is recorded.
    SmallVector<Value> inits{v};
    if (op.getLeft())
      inits.push_back(adaptor.getLeft());
    if (op.getRecurrent())
      inits.push_back(adaptor.getLast());
    size_t records = inits.size();
    for (unsigned i = 0; i < (op.getRecord() ? 2u : 1u); ++i)
      inits.push_back(
          tensor::EmptyOp::create(b, loc, sizes, state.getElementType()));
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    Value end = getValueOrCreateConstantIndexOp(b, loc, time);
    auto loop = scf::ForOp::create(
        b, loc, zero, end, one, inits,
        [&](OpBuilder &nested, Location, Value t, ValueRange carried) {
          Value x = input(nested, loc, op, adaptor, t, carried);
          PopulationStep step = createStep(
              nested, loc, Dynamics::of(op), x, carried[0],
              op.getLeft() ? carried[1] : Value(), parametersOf(adaptor));
          SmallVector<Value> next{step.v};
          if (op.getLeft())
            next.push_back(step.left);
          if (op.getRecurrent())
            next.push_back(step.out);
          next.push_back(
              insertTimeSlice(nested, loc, step.out, carried[records], t));
          if (op.getRecord())
            next.push_back(
                insertTimeSlice(nested, loc, step.v, carried.back(), t));
          scf::YieldOp::create(nested, loc, next);
        });
    auto cast = [&](Value value, Value result) -> Value {
      if (value.getType() == result.getType())
        return value;
      return tensor::CastOp::create(b, loc, result.getType(), value);
    };
    Value spikes = loop.getResult(records), counts;
    if (op.getEncoding() == Encoding::Packed) {
      spikes = PackOp::create(b, loc, out, spikes);
    } else if (op.getEncoding() == Encoding::Events) {
      auto events = ListEventsOp::create(
          b, loc, out, op.getEventCounts().getType(),
          RankedTensorType::get({2}, b.getI64Type()), spikes);
      spikes = events.getIndices();
      counts = events.getCounts();
    }
    SmallVector<Value> results{cast(spikes, op.getOut()), loop.getResult(0)};
    if (op.getLeft())
      results.push_back(loop.getResult(1));
    if (op.getRecurrent())
      results.push_back(loop.getResult(records - 1));
    if (op.getRecord())
      results.push_back(cast(loop->getResults().back(), op.getPotentials()));
    if (counts)
      results.push_back(counts);
    rewriter.replaceOp(op, results);
    return success();
  }

  /// What comes in at step `t`.
  static Value input(OpBuilder &b, Location loc, ScanOp op, OpAdaptor adaptor,
                     Value t, ValueRange carried) {
    Value v = adaptor.getV();
    Value current = op.getCurrent()
                        ? createTimeSlice(b, loc, adaptor.getCurrent(), t)
                        : Value();
    Value spikes, weights;
    if (op.getRecurrent()) {
      spikes = carried[op.getLeft() ? 2 : 1];
      weights = adaptor.getRecurrent();
    } else if (op.getIndices()) {
      weights = adaptor.getWeights();
      spikes = scatter(b, loc, adaptor, t);
    } else {
      return current;
    }
    Value sum = linalg::MatmulOp::create(
                    b, loc, ValueRange{spikes, weights},
                    ValueRange{createZeros(b, loc, createEmptyLike(b, loc, v))})
                    .getResult(0);
    for (Value term : {adaptor.getBias(), current})
      if (term)
        sum =
            createElementwise(b, loc, {sum, term}, createEmptyLike(b, loc, v),
                              [&](OpBuilder &nested, ValueRange s) {
                                return SmallVector<Value>{arith::AddFOp::create(
                                    nested, loc, s[0], s[1])};
                              })
                .getResult(0);
    return sum;
  }

  /// The spikes of step `t` that the lists name, as 0 and 1.
  static Value scatter(OpBuilder &b, Location loc, OpAdaptor adaptor, Value t) {
    auto weights = cast<RankedTensorType>(adaptor.getWeights().getType());
    SmallVector<OpFoldResult> sizes{
        tensor::getMixedSize(b, loc, adaptor.getV(), 0),
        tensor::getMixedSize(b, loc, adaptor.getWeights(), 0)};
    Value dense = createZeros(
        b, loc,
        tensor::EmptyOp::create(b, loc, sizes, weights.getElementType()));
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    Value batch = getValueOrCreateConstantIndexOp(b, loc, sizes[0]);
    Value spike = arith::ConstantOp::create(
        b, loc, b.getFloatAttr(weights.getElementType(), 1));
    auto index = [&](OpBuilder &nested, Value tensor, ValueRange at) -> Value {
      return arith::IndexCastOp::create(
          nested, loc, nested.getIndexType(),
          tensor::ExtractOp::create(nested, loc, tensor, at));
    };
    return scf::ForOp::create(
               b, loc, zero, batch, one, dense,
               [&](OpBuilder &outer, Location, Value row, ValueRange rows) {
                 Value count = index(outer, adaptor.getCounts(), {t, row});
                 auto inner = scf::ForOp::create(
                     outer, loc, zero, count, one, rows,
                     [&](OpBuilder &nested, Location, Value i,
                         ValueRange carried) {
                       Value place =
                           index(nested, adaptor.getIndices(), {t, row, i});
                       Value next = tensor::InsertOp::create(
                           nested, loc, spike, carried[0],
                           ValueRange{row, place});
                       scf::YieldOp::create(nested, loc, next);
                     });
                 scf::YieldOp::create(outer, loc, inner.getResults());
               })
        .getResult(0);
  }
};

} // namespace

void plait::spike::populateNeuronPatterns(RewritePatternSet &patterns) {
  patterns.add<ConvertNeuron, ConvertScan>(patterns.getContext());
}
