//===- SumEvents.cpp - synapses on events that no neuron reads ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Between a synapse and its neurons may lie a batch norm or a pooling. The
// synapse alone is a run of one step, from rest, of neurons that sum and never
// fire, with a sample for every row of spikes, or for every image.
//
//===----------------------------------------------------------------------===//

#include "Convolutions.h"
#include "Switch.h"
#include "plait/Dialect/Spike/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace plait::spike {
#define GEN_PASS_DEF_SPIKESUMEVENTS
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"
} // namespace plait::spike

using namespace mlir;
using namespace plait::spike;

namespace {

/// Of a product of [R, C] and [C, F] the dense road takes R C F steps, for each
/// place of a window, and events bring R (C + F) numbers to where they are
/// needed, whatever fires. How many times as many steps there must be.
constexpr int64_t leastWork = 96;

bool isLarge(int64_t channels, int64_t neurons, int64_t places) {
  return channels * neurons * places >= leastWork * (channels + neurons);
}

bool allOnes(DenseIntElementsAttr numbers) {
  return llvm::all_of(numbers.getValues<int64_t>(),
                      [](int64_t number) { return number == 1; });
}

/// Whether `op` is a matrix product of rows, [R, C], or a convolution of
/// [R, C, ...] whose window is one place: a product of each of the places.
bool isProduct(linalg::LinalgOp op) {
  auto typeOf = [](OpOperand *operand) {
    return cast<RankedTensorType>(operand->get().getType());
  };
  RankedTensorType input = typeOf(op.getDpsInputOperand(0)),
                   weights = typeOf(op.getDpsInputOperand(1)),
                   sums = typeOf(op.getDpsInitOperand(0));
  Type element = sums.getElementType();
  if (!isZeros(op.getDpsInits()[0]) || !(element.isF32() || element.isF64()) ||
      input.getElementType() != element ||
      weights.getElementType() != element || !weights.hasStaticShape() ||
      ShapedType::isDynamicShape(input.getShape().drop_front()) ||
      ShapedType::isDynamicShape(sums.getShape().drop_front()))
    return false;
  if (!isLarge(input.getDimSize(1), sums.getDimSize(1), 1))
    return false;
  if (auto matmul = dyn_cast<linalg::MatmulOp>(*op))
    return !matmul.hasUserDefinedMaps();
  bool places = llvm::all_of(weights.getShape().drop_front(2),
                             [](int64_t size) { return size == 1; });
  if (auto conv = dyn_cast<linalg::Conv1DNcwFcwOp>(*op))
    return places && allOnes(conv.getStrides());
  if (auto conv = dyn_cast<linalg::Conv2DNchwFchwOp>(*op))
    return places && allOnes(conv.getStrides());
  return false;
}

/// The axes of `rank` in `parts`: the first, the second, and the rest.
SmallVector<ReassociationIndices> placesTogether(int64_t rank) {
  return {{0}, {1}, llvm::to_vector<2>(llvm::seq<int64_t>(2, rank))};
}

Value turnPlaces(ImplicitLocOpBuilder &b, Value value) {
  return transpose(b, value, {0, 2, 1});
}

/// Neurons at rest, of `sizes`.
Value makeRest(ImplicitLocOpBuilder &b, ArrayRef<OpFoldResult> sizes,
               Type element) {
  Value empty = tensor::EmptyOp::create(b, sizes, element);
  Value zero = arith::ConstantOp::create(b, b.getFloatAttr(element, 0));
  return linalg::FillOp::create(b, zero, empty).getResult(0);
}

/// The type of one step of `state`.
RankedTensorType stepOf(Value state) {
  auto type = cast<RankedTensorType>(state.getType());
  SmallVector<int64_t> shape{1};
  llvm::append_range(shape, type.getShape());
  return type.clone(shape);
}

/// The groups that join the time to the first of `rank` axes.
SmallVector<ReassociationIndices> timeAndRows(int64_t rank) {
  SmallVector<ReassociationIndices> groups{{0, 1}};
  for (int64_t dim = 2; dim <= rank; ++dim)
    groups.push_back({dim});
  return groups;
}

struct SpikeSumEvents : plait::spike::impl::SpikeSumEventsBase<SpikeSumEvents> {
  using Base::Base;

  /// The events of the last axis of `rows`, [R, ...], as those of one step.
  ListEventsOp listRows(ImplicitLocOpBuilder &b, Value rows) {
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, b.getLoc(), rows);
    SmallVector<ReassociationIndices> groups = timeAndRows(sizes.size());
    sizes.insert(sizes.begin(), b.getIndexAttr(1));
    Value run =
        tensor::ExpandShapeOp::create(b, stepOf(rows), rows, groups, sizes);
    return ListEventsOp::create(b, run);
  }

  /// The events of `input`, [R, C, ...], where they lie side by side: for
  /// places those of a channel, which are only counted.
  ListEventsOp count(ImplicitLocOpBuilder &b, Value input) {
    ListEventsOp &known = counts[input];
    if (known)
      return known;
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(input);
    Value rows = input;
    if (int64_t rank = cast<RankedTensorType>(input.getType()).getRank();
        rank > 2)
      rows = tensor::CollapseShapeOp::create(
          b, rows,
          ArrayRef<ReassociationIndices>{
              {0, 1}, llvm::to_vector<2>(llvm::seq<int64_t>(2, rank))});
    return known = listRows(b, rows);
  }

  /// The events of the channels of each place of `input`, [R, C, ...].
  ListEventsOp listPlaces(ImplicitLocOpBuilder &b, Value input) {
    if (int64_t rank = cast<RankedTensorType>(input.getType()).getRank();
        rank > 3)
      input = tensor::CollapseShapeOp::create(b, input, placesTogether(rank));
    Value rows = tensor::CollapseShapeOp::create(
        b, turnPlaces(b, input), ArrayRef<ReassociationIndices>{{0, 1}, {2}});
    return listRows(b, rows);
  }

  /// The sums of `op`, in its layout.
  Value sum(ImplicitLocOpBuilder &b, linalg::LinalgOp op, ListEventsOp events) {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    Type element = type.getElementType();
    int64_t rank = type.getRank();
    Value weights = op.getDpsInputOperand(1)->get();
    if (rank > 2) {
      events = listPlaces(b, op.getDpsInputOperand(0)->get());
      SmallVector<ReassociationIndices> groups{
          {0}, llvm::to_vector<2>(llvm::seq<int64_t>(1, rank))};
      Value flat = tensor::CollapseShapeOp::create(b, weights, groups);
      auto own = cast<RankedTensorType>(flat.getType());
      Value empty = tensor::EmptyOp::create(
          b, ArrayRef<int64_t>{own.getDimSize(1), own.getDimSize(0)}, element);
      weights =
          linalg::TransposeOp::create(b, flat, empty, ArrayRef<int64_t>{1, 0})
              ->getResult(0);
    }
    OpFoldResult size =
        tensor::getMixedSize(b, b.getLoc(), events.getCounts(), 1);
    OpFoldResult neurons = b.getIndexAttr(type.getDimSize(1));
    Value rest = makeRest(b, {size, neurons}, element);
    auto none = Value();
    auto scan = ScanOp::create(
        b, stepOf(rest), rest.getType(), Type(), Type(), Type(), Type(),
        /*current=*/none, events.getIndices(), events.getCounts(), weights,
        /*recurrent=*/none,
        /*last=*/none, /*bias=*/none, rest, /*decay=*/none, /*tau=*/none,
        /*gain=*/none, /*leak=*/none, /*threshold=*/none,
        /*reset_value=*/none, /*minimum=*/none, /*refractory=*/none,
        /*left=*/none, IntegratorAttr::get(b.getContext(), Integrator::Impulse),
        CompareAttr(), ResetAttr(), MomentAttr(), UnitAttr(), UnitAttr(),
        EncodingAttr::get(b.getContext(), Encoding::Dense));
    Value flat =
        tensor::CollapseShapeOp::create(b, scan.getOut(), timeAndRows(2));
    if (rank == 2)
      return flat;
    // [R * places, F] --> [R, places, F] --> [R, F, ...].
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, b.getLoc(), op.getDpsInits()[0]);
    int64_t places = ShapedType::getNumElements(type.getShape().drop_front(2));
    Value split = tensor::ExpandShapeOp::create(
        b,
        RankedTensorType::get({type.getDimSize(0), places, type.getDimSize(1)},
                              element),
        flat, ArrayRef<ReassociationIndices>{{0, 1}, {2}},
        ArrayRef<OpFoldResult>{sizes[0], b.getIndexAttr(places), neurons});
    Value turned = turnPlaces(b, split);
    if (rank == 3)
      return turned;
    return tensor::ExpandShapeOp::create(b, type, turned, placesTogether(rank),
                                         sizes);
  }

  /// An image of [R, C, H, W] with channels last, and the events of its rows.
  struct Image {
    Value rows;
    ListEventsOp events;
  };
  Image turnImage(ImplicitLocOpBuilder &b, Value image) {
    Image &known = images[image];
    if (known.rows)
      return known;
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(image);
    known.rows = transpose(b, image, channelsOrder(4, true));
    known.events =
        listRows(b, tensor::CollapseShapeOp::create(
                        b, known.rows,
                        ArrayRef<ReassociationIndices>{{0}, {1}, {2, 3}}));
    return known;
  }

  /// The sums of `conv`, channels last.
  Value sumWindows(ImplicitLocOpBuilder &b, const Convolution &conv,
                   const Image &image) {
    auto type = cast<RankedTensorType>(conv.op->getResultTypes()[0]);
    SmallVector<OpFoldResult> sizes{
        tensor::getMixedSize(b, b.getLoc(), image.rows, 0)};
    for (int64_t dim : {2, 3, 1})
      sizes.push_back(b.getIndexAttr(type.getDimSize(dim)));
    Value rest = makeRest(b, sizes, type.getElementType());
    auto none = Value();
    auto scan = ConvScanOp::create(
        b, stepOf(rest), rest.getType(), Type(), Type(),
        image.events->getResult(0), image.events->getResult(1),
        conv.turnFilters(b), b.getDenseI64ArrayAttr(conv.strides),
        b.getDenseI64ArrayAttr(conv.dilations),
        b.getDenseI64ArrayAttr(conv.padding), /*bias=*/none, rest,
        /*decay=*/none, /*tau=*/none, /*gain=*/none, /*leak=*/none,
        /*threshold=*/none, /*reset_value=*/none, /*minimum=*/none,
        /*refractory=*/none, /*left=*/none,
        IntegratorAttr::get(b.getContext(), Integrator::Impulse), CompareAttr(),
        ResetAttr(), MomentAttr(), UnitAttr(), UnitAttr());
    return tensor::CollapseShapeOp::create(b, scan.getOut(), timeAndRows(4));
  }

  /// The sums of `op` by one road or the other, as the spikes are when they
  /// come.
  Value choose(ImplicitLocOpBuilder &b, ListEventsOp events, double most,
               function_ref<Value(ImplicitLocOpBuilder &)> sparse,
               function_ref<Value(ImplicitLocOpBuilder &)> dense) {
    Value few = isSparse(b, b.getLoc(), events.getInput(), events, most);
    auto yield = [](function_ref<Value(ImplicitLocOpBuilder &)> make) {
      return [make](OpBuilder &inside, Location loc) {
        ImplicitLocOpBuilder nested(loc, inside);
        scf::YieldOp::create(nested, make(nested));
      };
    };
    ++numSums;
    return scf::IfOp::create(b, few, yield(sparse), yield(dense)).getResult(0);
  }

  /// Whether what fires `image` may be worth its events.
  bool mayBeFew(Value image, double most) {
    Operation *producer = findProducer(image);
    return producer &&
           chooseRoad(producer, most, /*look=*/true) != Road::Product;
  }

  bool sumProduct(linalg::LinalgOp op) {
    Value input = op.getDpsInputOperand(0)->get();
    if (!isProduct(op) || isSwitched(op) || !mayBeFew(input, maxRate))
      return false;
    ImplicitLocOpBuilder b(op.getLoc(), op);
    ListEventsOp events = count(b, input);
    Value sums = choose(
        b, events, maxRate,
        [&](ImplicitLocOpBuilder &b) { return sum(b, op, events); },
        [&](ImplicitLocOpBuilder &b) { return b.clone(*op)->getResult(0); });
    op->getResult(0).replaceAllUsesWith(sums);
    op.erase();
    return true;
  }

  void sumConvolution(linalg::Conv2DNchwFchwOp op) {
    std::optional<Convolution> conv = Convolution::match(op);
    if (!conv || !mayBeFew(conv->image, maxConvRate))
      return;
    auto weights = cast<RankedTensorType>(conv->weights.getType());
    if (!isLarge(weights.getDimSize(1), weights.getDimSize(0),
                 weights.getDimSize(2) * weights.getDimSize(3)))
      return;
    ImplicitLocOpBuilder b(op.getLoc(), op);
    Image image = turnImage(b, conv->image);
    Value sums = choose(
        b, image.events, maxConvRate,
        [&](ImplicitLocOpBuilder &b) { return sumWindows(b, *conv, image); },
        [&](ImplicitLocOpBuilder &b) { return conv->multiply(b, image.rows); });
    Value front = transpose(b, sums, channelsOrder(4, false));
    op->getResult(0).replaceAllUsesWith(front);
    op.erase();
  }

  void runOnOperation() override {
    if (failed(checkRate(getOperation(), "max-rate", maxRate)) ||
        failed(checkRate(getOperation(), "max-conv-rate", maxConvRate)))
      return signalPassFailure();
    counts.clear();
    images.clear();
    SmallVector<linalg::LinalgOp> synapses;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (isa<linalg::MatmulOp, linalg::Conv1DNcwFcwOp,
              linalg::Conv2DNchwFchwOp>(op))
        synapses.push_back(op);
    });
    for (linalg::LinalgOp op : synapses) {
      if (sumProduct(op))
        continue;
      if (auto conv = dyn_cast<linalg::Conv2DNchwFchwOp>(*op))
        sumConvolution(conv);
    }
  }

  /// Of an input that several synapses read: its events, or those of a
  /// convolution.
  DenseMap<Value, ListEventsOp> counts;
  DenseMap<Value, Image> images;
};

} // namespace
