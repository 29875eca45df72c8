//===- Quantize.cpp - weights of few bits ---------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Synapses.h"
#include "plait/Dialect/Spike/IR/Spike.h"
#include "plait/Dialect/Spike/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace plait::spike {
#define GEN_PASS_DEF_SPIKEQUANTIZE
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"
} // namespace plait::spike

using namespace mlir;
using namespace plait::spike;

namespace {

struct SpikeQuantize : plait::spike::impl::SpikeQuantizeBase<SpikeQuantize> {
  using Base::Base;

  /// Whether `value` is computed from weights alone.
  bool isWeight(Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return argument.getOwner() == &getOperation().getBody().front() &&
             argument.getArgNumber() < weights;
    Operation *op = value.getDefiningOp();
    return !isa<NeuronOp, ScanOp, DelayOp>(op) && isPure(op) &&
           llvm::all_of(op->getOperands(),
                        [&](Value operand) { return isWeight(operand); });
  }

  /// The nearest representable weights; `channel` is the axis of the neurons.
  Value quantize(Value value, std::optional<unsigned> channel) {
    ImplicitLocOpBuilder b(value.getLoc(), &getContext());
    b.setInsertionPointAfterValue(value);
    auto type = cast<RankedTensorType>(value.getType());
    auto element = cast<FloatType>(type.getElementType());
    int64_t rank = type.getRank();
    auto constant = [&](OpBuilder &inside, Location loc, double number) {
      return arith::ConstantOp::create(inside, loc,
                                       b.getFloatAttr(element, number))
          .getResult();
    };
    SmallVector<utils::IteratorType> parallel(rank,
                                              utils::IteratorType::parallel),
        sums(rank, utils::IteratorType::reduction);
    AffineMap whole = b.getMultiDimIdentityMap(rank);
    AffineMap own = AffineMap::get(rank, 0, b.getContext());
    SmallVector<OpFoldResult> sizes;
    if (channel) {
      own = AffineMap::get(rank, 0, b.getAffineDimExpr(*channel));
      sums[*channel] = utils::IteratorType::parallel;
      sizes.push_back(tensor::getMixedSize(b, b.getLoc(), value, *channel));
    }
    Value none = linalg::FillOp::create(
                     b, constant(b, b.getLoc(), 0),
                     tensor::EmptyOp::create(b, sizes, element).getResult())
                     .getResult(0);
    Value largest =
        linalg::GenericOp::create(
            b, none.getType(), value, none, {whole, own}, sums,
            [&](OpBuilder &inside, Location loc, ValueRange s) {
              Value size = math::AbsFOp::create(inside, loc, s[0]);
              Value most = arith::MaximumFOp::create(inside, loc, size, s[1]);
              linalg::YieldOp::create(inside, loc, most);
            })
            .getResult(0);
    Value empty = tensor::EmptyOp::create(
        b, tensor::getMixedSizes(b, b.getLoc(), value), element);
    return linalg::GenericOp::create(
               b, type, ValueRange{value, largest}, empty, {whole, own, whole},
               parallel,
               [&](OpBuilder &inside, Location loc, ValueRange s) {
                 ImplicitLocOpBuilder e(loc, inside);
                 double most =
                     static_cast<double>((int64_t(1) << (bits - 1)) - 1);
                 Value step =
                     arith::DivFOp::create(e, s[1], constant(e, loc, most));
                 Value q = math::RoundEvenOp::create(
                     e, arith::DivFOp::create(e, s[0], step));
                 // Weights that are all zero, or too small for a step, stay.
                 Value some = arith::CmpFOp::create(
                     e, arith::CmpFPredicate::OGT, step, constant(e, loc, 0));
                 Value near = arith::MulFOp::create(e, q, step);
                 linalg::YieldOp::create(
                     e,
                     arith::SelectOp::create(e, some, near, s[0]).getResult());
               })
        .getResult(0);
  }

  void runOnOperation() override {
    if (bits < 2 || bits > 16) {
      getOperation().emitError("expects 'bits' from 2 to 16, got ")
          << static_cast<int64_t>(bits);
      return signalPassFailure();
    }
    // Each use of weights, and the axis of the neurons.
    SmallVector<std::pair<OpOperand *, std::optional<unsigned>>> uses;
    getOperation().walk([&](Operation *op) {
      if (auto synapse = dyn_cast<linalg::LinalgOp>(op)) {
        if (isSynapse(synapse))
          uses.push_back({&weightsOf(synapse),
                          channelAxisOfWeights(synapse, channelAxis(synapse))});
      } else if (auto scan = dyn_cast<ScanOp>(op)) {
        if (scan.getWeights())
          uses.push_back({&scan.getWeightsMutable()[0], 1});
        if (scan.getRecurrent())
          uses.push_back({&scan.getRecurrentMutable()[0], 1});
      }
    });
    DenseMap<std::pair<Value, unsigned>, Value> known;
    for (auto [use, channel] : uses) {
      if (!isWeight(use->get()))
        continue;
      if (!perChannel)
        channel.reset();
      Value &made = known[{use->get(), channel ? *channel + 1 : 0}];
      if (!made)
        made = quantize(use->get(), channel);
      use->set(made);
      ++numQuantized;
    }
    if (uses.empty() || numQuantized)
      return;
    uses[0].first->getOwner()->emitError(
        "expects constant weights or 'weights', got ")
        << static_cast<int64_t>(weights) << " weights among the arguments";
    signalPassFailure();
  }
};

} // namespace
