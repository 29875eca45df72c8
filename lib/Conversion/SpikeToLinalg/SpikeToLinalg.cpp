//===- SpikeToLinalg.cpp - the reference meaning of spike -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Conversion/Passes.h"
#include "plait/Dialect/Spike/IR/Spike.h"
#include "plait/Dialect/Spike/Transforms/Dynamics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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

/// One step of a population: what it gives, and its next state.
struct PopulationStep {
  Value out, v, left;
};

/// `x` may be null.
static PopulationStep createStep(OpBuilder &builder, Location loc,
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
static Value createZeros(OpBuilder &b, Location loc, Value empty) {
  Type element = cast<RankedTensorType>(empty.getType()).getElementType();
  Value zero = arith::ConstantOp::create(b, loc, b.getFloatAttr(element, 0));
  return linalg::FillOp::create(b, loc, zero, empty).getResult(0);
}

/// The slice of a step of `run`, which has one more axis than what it gives.
static Value createTimeSlice(OpBuilder &b, Location loc, Value run,
                             Value step) {
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

static Value insertTimeSlice(OpBuilder &b, Location loc, Value value, Value run,
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
    Value spikes = loop.getResult(records);
    if (isa<IntegerType>(out.getElementType()))
      spikes = PackOp::create(b, loc, out, spikes);
    SmallVector<Value> results{cast(spikes, op.getOut()), loop.getResult(0)};
    if (op.getLeft())
      results.push_back(loop.getResult(1));
    if (op.getRecurrent())
      results.push_back(loop.getResult(records - 1));
    if (op.getRecord())
      results.push_back(cast(loop->getResults().back(), op.getPotentials()));
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

/// The body's indices, the last of which is changed by `last`.
template <typename Change>
static SmallVector<Value> indicesWithLast(OpBuilder &b, Location loc,
                                          int64_t rank, Change last) {
  SmallVector<Value> indices;
  for (int64_t dim = 0; dim < rank; ++dim)
    indices.push_back(linalg::IndexOp::create(b, loc, dim));
  indices.back() = last(indices.back());
  return indices;
}

struct ConvertPack : OpConversionPattern<PackOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(PackOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value input = adaptor.getInput();
    auto type = cast<RankedTensorType>(input.getType());
    auto words = cast<RankedTensorType>(op.getOutput().getType());
    unsigned width = words.getElementTypeBitWidth();
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, input);
    sizes.back() = rewriter.getIndexAttr(words.getShape().back());
    Value out =
        tensor::EmptyOp::create(rewriter, loc, sizes, words.getElementType());
    auto generic = createElementwise(
        rewriter, loc, {}, out, [&](OpBuilder &nested, ValueRange) {
          ImplicitLocOpBuilder b(loc, nested);
          Value first;
          SmallVector<Value> indices =
              indicesWithLast(b, loc, type.getRank(), [&](Value word) -> Value {
                first = arith::MulIOp::create(
                    b, word, arith::ConstantIndexOp::create(b, width));
                return first;
              });
          Value size =
              arith::ConstantIndexOp::create(b, type.getShape().back());
          Value end = arith::MinSIOp::create(
              b, size,
              arith::AddIOp::create(b, first,
                                    arith::ConstantIndexOp::create(b, width)));
          Value zero = arith::ConstantOp::create(
              b, rewriter.getIntegerAttr(words.getElementType(), 0));
          Value none = arith::ConstantOp::create(
              b, rewriter.getFloatAttr(type.getElementType(), 0));
          auto loop = scf::ForOp::create(
              b, loc, first, end, arith::ConstantIndexOp::create(b, 1), zero,
              [&](OpBuilder &body, Location, Value i, ValueRange carried) {
                ImplicitLocOpBuilder c(loc, body);
                SmallVector<Value> at(indices);
                at.back() = i;
                Value element = tensor::ExtractOp::create(c, input, at);
                Value set = arith::CmpFOp::create(c, arith::CmpFPredicate::UNE,
                                                  element, none);
                Value bit =
                    arith::ExtUIOp::create(c, words.getElementType(), set);
                Value place = arith::IndexCastOp::create(
                    c, words.getElementType(),
                    arith::SubIOp::create(c, i, first));
                Value next = arith::OrIOp::create(
                    c, carried[0], arith::ShLIOp::create(c, bit, place));
                scf::YieldOp::create(c, next);
              });
          return SmallVector<Value>{loop.getResult(0)};
        });
    rewriter.replaceOp(op, generic);
    return success();
  }
};

struct ConvertUnpack : OpConversionPattern<UnpackOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(UnpackOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value input = adaptor.getInput();
    auto type = cast<RankedTensorType>(op.getOutput().getType());
    Type word = cast<RankedTensorType>(input.getType()).getElementType();
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, input);
    sizes.back() = rewriter.getIndexAttr(type.getShape().back());
    Value out =
        tensor::EmptyOp::create(rewriter, loc, sizes, type.getElementType());
    auto generic = createElementwise(
        rewriter, loc, {}, out, [&](OpBuilder &nested, ValueRange) {
          ImplicitLocOpBuilder b(loc, nested);
          Value width =
              arith::ConstantIndexOp::create(b, word.getIntOrFloatBitWidth());
          Value place;
          SmallVector<Value> indices =
              indicesWithLast(b, loc, type.getRank(), [&](Value i) -> Value {
                place = arith::IndexCastOp::create(
                    b, word, arith::RemUIOp::create(b, i, width));
                return arith::DivUIOp::create(b, i, width);
              });
          Value bits = tensor::ExtractOp::create(b, input, indices);
          Value bit = arith::TruncIOp::create(
              b, b.getI1Type(), arith::ShRUIOp::create(b, bits, place));
          return SmallVector<Value>{
              arith::UIToFPOp::create(b, type.getElementType(), bit)};
        });
    rewriter.replaceOp(op, generic);
    return success();
  }
};

struct ConvertListEvents : OpConversionPattern<ListEventsOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(ListEventsOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    OpBuilder &outside = rewriter;
    auto lists = cast<RankedTensorType>(op.getIndices().getType());
    int64_t rank = lists.getRank();
    // Words become numbers first: one loop for both.
    Value input = adaptor.getInput();
    auto type = cast<RankedTensorType>(input.getType());
    if (isa<IntegerType>(type.getElementType())) {
      type = RankedTensorType::get(lists.getShape(), outside.getF32Type());
      input = UnpackOp::create(outside, loc, type, input);
    }
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(outside, loc, input);
    Type i32 = outside.getI32Type(), i64 = outside.getI64Type();
    Value indices = tensor::EmptyOp::create(outside, loc, sizes, i32);
    Value counts =
        tensor::EmptyOp::create(outside, loc, ArrayRef(sizes).drop_back(), i32);
    Value zero = arith::ConstantIndexOp::create(outside, loc, 0);
    Value one = arith::ConstantIndexOp::create(outside, loc, 1);
    Value none =
        arith::ConstantOp::create(outside, loc, outside.getI64IntegerAttr(0));
    // A nest of loops over the rows that carries lists, counts, statistics.
    SmallVector<Value> at, carried{indices, counts, none, none};
    SmallVector<scf::ForOp> loops;
    ImplicitLocOpBuilder b(loc, outside);
    for (int64_t dim = 0; dim + 1 < rank; ++dim) {
      Value end = getValueOrCreateConstantIndexOp(b, loc, sizes[dim]);
      auto loop = scf::ForOp::create(b, zero, end, one, carried);
      at.push_back(loop.getInductionVar());
      carried.assign(loop.getRegionIterArgs().begin(),
                     loop.getRegionIterArgs().end());
      loops.push_back(loop);
      b.setInsertionPointToStart(loop.getBody());
    }
    SmallVector<Value> inits{carried[0], carried[2], carried[3], zero};
    Value end = getValueOrCreateConstantIndexOp(b, loc, sizes.back());
    auto row = scf::ForOp::create(
        b, loc, zero, end, one, inits,
        [&](OpBuilder &nested, Location, Value i, ValueRange state) {
          ImplicitLocOpBuilder c(loc, nested);
          SmallVector<Value> place(at), slot(at);
          place.push_back(i);
          slot.push_back(state[3]);
          Value element = tensor::ExtractOp::create(c, input, place);
          auto differs = [&](double value) -> Value {
            return arith::CmpFOp::create(
                c, arith::CmpFPredicate::UNE, element,
                arith::ConstantOp::create(
                    c, c.getFloatAttr(type.getElementType(), value)));
          };
          Value event = differs(0);
          Value graded = arith::AndIOp::create(c, event, differs(1));
          // The slot behind the last event takes what is none, too: it is
          // overwritten, or undefined.
          Value list = tensor::InsertOp::create(
              c, arith::IndexCastOp::create(c, i32, i), state[0], slot);
          auto count = [&](Value sum, Value bit) -> Value {
            return arith::AddIOp::create(c, sum,
                                         arith::ExtUIOp::create(c, i64, bit));
          };
          Value next = arith::AddIOp::create(
              c, state[3],
              arith::IndexCastUIOp::create(c, c.getIndexType(), event));
          scf::YieldOp::create(c, ValueRange{list, count(state[1], event),
                                             count(state[2], graded), next});
        });
    Value counted = tensor::InsertOp::create(
        b, arith::IndexCastOp::create(b, i32, row.getResult(3)), carried[1],
        at);
    SmallVector<Value> results{row.getResult(0), counted, row.getResult(1),
                               row.getResult(2)};
    for (scf::ForOp loop : llvm::reverse(loops)) {
      b.setInsertionPointToEnd(loop.getBody());
      scf::YieldOp::create(b, results);
      results.assign(loop.getResults().begin(), loop.getResults().end());
    }
    b.setInsertionPoint(op);
    Value statistics =
        tensor::FromElementsOp::create(b, ValueRange{results[2], results[3]});
    rewriter.replaceOp(op, {results[0], results[1], statistics});
    return success();
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
    patterns.add<ConvertDelay, ConvertLi, ConvertLif, ConvertListEvents,
                 ConvertNeuron, ConvertPack, ConvertScan, ConvertUnpack>(
        &getContext());
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
