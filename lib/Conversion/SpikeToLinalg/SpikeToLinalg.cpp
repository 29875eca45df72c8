//===- SpikeToLinalg.cpp - the reference meaning of spike -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Conversion/Passes.h"
#include "plait/Dialect/Spike/IR/Spike.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/DialectConversion.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTSPIKETOLINALG
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait::spike;

/// The map of an operand whose shape ends the shape of a `rank`-d state.
static AffineMap getSuffixMap(Value operand, int64_t rank, Builder &b) {
  int64_t own = cast<RankedTensorType>(operand.getType()).getRank();
  SmallVector<AffineExpr> dims;
  for (int64_t dim = rank - own; dim < rank; ++dim)
    dims.push_back(b.getAffineDimExpr(dim));
  return AffineMap::get(rank, 0, dims, b.getContext());
}

/// An elementwise computation over `operands`, whose shapes end the shape of
/// `inits`; the body gets the operands' scalars, then those of `inits`.
static linalg::GenericOp createElementwise(
    OpBuilder &b, Location loc, ValueRange operands, ValueRange inits,
    function_ref<SmallVector<Value>(OpBuilder &, ValueRange)> body) {
  auto type = cast<RankedTensorType>(inits.front().getType());
  SmallVector<AffineMap> maps;
  for (ValueRange range : {operands, inits})
    for (Value operand : range)
      maps.push_back(getSuffixMap(operand, type.getRank(), b));
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
      b, loc, TypeRange(inits), operands, inits, maps, iterators,
      [&](OpBuilder &nested, Location at, ValueRange scalars) {
        linalg::YieldOp::create(nested, at, body(nested, scalars));
      });
}

static Value createEmptyLike(OpBuilder &b, Location loc, Value tensor) {
  return tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, tensor),
      cast<RankedTensorType>(tensor.getType()).getElementType());
}

/// The scalars of one neuron.
namespace {
struct Membrane {
  Value x, v, tau, r, leak;
};
} // namespace

/// The potential after one step, before any reset.
static Value integrate(ImplicitLocOpBuilder &b, const Membrane &m,
                       Integrator integrator, double dt) {
  auto add = [&](Value l, Value r) -> Value {
    return arith::AddFOp::create(b, l, r);
  };
  auto sub = [&](Value l, Value r) -> Value {
    return arith::SubFOp::create(b, l, r);
  };
  auto mul = [&](Value l, Value r) -> Value {
    return arith::MulFOp::create(b, l, r);
  };
  auto type = cast<FloatType>(m.v.getType());
  Value step = arith::ConstantOp::create(b, b.getFloatAttr(type, dt));
  Value ratio = arith::DivFOp::create(b, step, m.tau);
  Value drive = mul(m.r, m.x);
  if (integrator == Integrator::Euler)
    return add(m.v, mul(ratio, add(sub(m.leak, m.v), drive)));
  Value decay = math::ExpOp::create(b, arith::NegFOp::create(b, ratio));
  if (integrator == Integrator::Impulse)
    return add(add(m.leak, mul(decay, sub(m.v, m.leak))), mul(ratio, drive));
  Value rest = add(m.leak, drive);
  return add(rest, mul(decay, sub(m.v, rest)));
}

namespace {
struct ConvertLi : OpConversionPattern<LiOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(LiOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    // The potential is its own destination: the loop's state stays in place.
    auto generic = createElementwise(
        rewriter, op.getLoc(),
        {adaptor.getCurrent(), adaptor.getTau(), adaptor.getR(),
         adaptor.getVLeak()},
        adaptor.getV(), [&](OpBuilder &nested, ValueRange s) {
          ImplicitLocOpBuilder b(op.getLoc(), nested);
          Membrane m{s[0], s[4], s[1], s[2], s[3]};
          return SmallVector<Value>{integrate(b, m, op.getIntegrator(),
                                              op.getDt().convertToDouble())};
        });
    rewriter.replaceOp(op, generic);
    return success();
  }
};

struct ConvertLif : OpConversionPattern<LifOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(LifOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Value> operands{adaptor.getCurrent(), adaptor.getTau(),
                                adaptor.getR(), adaptor.getVLeak(),
                                adaptor.getVThreshold()};
    if (adaptor.getVReset())
      operands.push_back(adaptor.getVReset());
    Value spikes = createEmptyLike(rewriter, op.getLoc(), adaptor.getV());
    auto generic = createElementwise(
        rewriter, op.getLoc(), operands, {spikes, adaptor.getV()},
        [&](OpBuilder &nested, ValueRange s) {
          ImplicitLocOpBuilder b(op.getLoc(), nested);
          Membrane m{s[0], s.back(), s[1], s[2], s[3]};
          return step(b, op, m, s[4], s[5]);
        });
    rewriter.replaceOp(op, generic);
    return success();
  }

  /// Spikes and next potential of one neuron; `reset` is read only where the
  /// op has a `v_reset`.
  static SmallVector<Value> step(ImplicitLocOpBuilder &b, LifOp op,
                                 const Membrane &m, Value threshold,
                                 Value reset) {
    auto predicate = op.getCompare() == Compare::Gt ? arith::CmpFPredicate::OGT
                                                    : arith::CmpFPredicate::OGE;
    auto fires = [&](Value v) -> Value {
      return arith::CmpFOp::create(b, predicate, v, threshold);
    };
    auto toFloat = [&](Value bit) -> Value {
      return arith::UIToFPOp::create(b, m.v.getType(), bit);
    };
    auto subtract = [&](Value v, Value count) -> Value {
      return arith::SubFOp::create(b, v,
                                   arith::MulFOp::create(b, count, threshold));
    };
    Value u = integrate(b, m, op.getIntegrator(), op.getDt().convertToDouble());
    if (op.getResetAt() == Moment::Next) {
      Value w = subtract(u, toFloat(fires(m.v)));
      return {toFloat(fires(w)), w};
    }
    Value fired = fires(u);
    Value count = toFloat(fired);
    if (op.getReset() == Reset::Value)
      return {count, arith::SelectOp::create(b, fired, reset, u)};
    if (op.getMultiSpike()) {
      Value often =
          math::FloorOp::create(b, arith::DivFOp::create(b, u, threshold));
      count = arith::SelectOp::create(b, fired, often, count);
    }
    return {count, subtract(u, count)};
  }
};

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

struct ConvertSpikeToLinalg
    : plait::impl::ConvertSpikeToLinalgBase<ConvertSpikeToLinalg> {
  void runOnOperation() override {
    ConversionTarget target(getContext());
    target.addIllegalDialect<SpikeDialect>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    RewritePatternSet patterns(&getContext());
    patterns.add<ConvertDelay, ConvertLi, ConvertLif>(&getContext());
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
