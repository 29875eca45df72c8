//===- SumEvents.cpp - synapses on events that no neuron reads ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Between a synapse and its neurons may lie a batch norm or a pooling. The
// synapse alone is a run of one step, from rest, of neurons that sum and never
// fire, with a sample for every row of spikes.
//
//===----------------------------------------------------------------------===//

#include "Switch.h"
#include "plait/Dialect/Spike/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace plait::spike {
#define GEN_PASS_DEF_SPIKESUMEVENTS
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"
} // namespace plait::spike

using namespace mlir;
using namespace plait::spike;

namespace {

/// Of a product of [R, C] and [C, F] the dense road takes R C F steps, and
/// events bring R (C + F) numbers to where they are needed, whatever fires. How
/// many times as many steps there must be.
constexpr int64_t leastWork = 96;

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
  auto zeros = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  if (!zeros || !matchPattern(zeros.getInputs()[0], m_PosZeroFloat()) ||
      !(element.isF32() || element.isF64()) ||
      input.getElementType() != element ||
      weights.getElementType() != element || !weights.hasStaticShape() ||
      ShapedType::isDynamicShape(input.getShape().drop_front()) ||
      ShapedType::isDynamicShape(sums.getShape().drop_front()))
    return false;
  int64_t channels = input.getDimSize(1), neurons = sums.getDimSize(1);
  if (channels * neurons < leastWork * (channels + neurons))
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
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), value);
  std::swap(sizes[1], sizes[2]);
  Value empty =
      tensor::EmptyOp::create(b, sizes, getElementTypeOrSelf(value.getType()));
  return linalg::TransposeOp::create(b, value, empty,
                                     ArrayRef<int64_t>{0, 2, 1})
      ->getResult(0);
}

struct SpikeSumEvents : plait::spike::impl::SpikeSumEventsBase<SpikeSumEvents> {
  using Base::Base;

  /// The events of `rows`, [R, C], as those of one step.
  ListEventsOp listRows(ImplicitLocOpBuilder &b, Value rows) {
    auto type = cast<RankedTensorType>(rows.getType());
    SmallVector<int64_t> shape{1, type.getDimSize(0), type.getDimSize(1)};
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, b.getLoc(), rows);
    sizes.insert(sizes.begin(), b.getIndexAttr(1));
    Value run = tensor::ExpandShapeOp::create(
        b, RankedTensorType::get(shape, type.getElementType()), rows,
        ArrayRef<ReassociationIndices>{{0, 1}, {2}}, sizes);
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
    Value empty = tensor::EmptyOp::create(
        b, ArrayRef<OpFoldResult>{size, neurons}, element);
    Value zero = arith::ConstantOp::create(b, b.getFloatAttr(element, 0));
    Value rest = linalg::FillOp::create(b, zero, empty).getResult(0);
    auto rows = cast<RankedTensorType>(rest.getType());
    auto none = Value();
    auto scan = ScanOp::create(
        b,
        RankedTensorType::get({1, rows.getDimSize(0), rows.getDimSize(1)},
                              element),
        rows, Type(), Type(), Type(), Type(), /*current=*/none,
        events.getIndices(), events.getCounts(), weights, /*recurrent=*/none,
        /*last=*/none, /*bias=*/none, rest, /*decay=*/none, /*tau=*/none,
        /*gain=*/none, /*leak=*/none, /*threshold=*/none,
        /*reset_value=*/none, /*minimum=*/none, /*refractory=*/none,
        /*left=*/none, IntegratorAttr::get(b.getContext(), Integrator::Impulse),
        CompareAttr(), ResetAttr(), MomentAttr(), UnitAttr(), UnitAttr(),
        EncodingAttr::get(b.getContext(), Encoding::Dense));
    Value flat = tensor::CollapseShapeOp::create(
        b, rows, scan.getOut(), ArrayRef<ReassociationIndices>{{0, 1}, {2}});
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

  void runOnOperation() override {
    if (failed(checkRate(getOperation(), maxRate)))
      return signalPassFailure();
    counts.clear();
    SmallVector<linalg::LinalgOp> products;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (isa<linalg::MatmulOp, linalg::Conv1DNcwFcwOp,
              linalg::Conv2DNchwFchwOp>(op) &&
          isProduct(op))
        products.push_back(op);
    });
    for (linalg::LinalgOp op : products) {
      Value input = op.getDpsInputOperand(0)->get();
      Operation *producer = findProducer(input);
      if (!producer)
        continue;
      Road road = chooseRoad(producer, maxRate, /*look=*/true);
      if (road == Road::Product)
        continue;
      ImplicitLocOpBuilder b(op.getLoc(), op);
      ListEventsOp events = count(b, input);
      Value sparse =
          isSparse(b, b.getLoc(), events.getInput(), events, maxRate);
      auto branch = scf::IfOp::create(
          b, sparse,
          [&](OpBuilder &inside, Location loc) {
            ImplicitLocOpBuilder nested(loc, inside);
            scf::YieldOp::create(nested, sum(nested, op, events));
          },
          [&](OpBuilder &inside, Location loc) {
            scf::YieldOp::create(inside, loc, inside.clone(*op)->getResults());
          });
      op->getResult(0).replaceAllUsesWith(branch.getResult(0));
      op.erase();
      ++numSums;
    }
  }

  /// The events of an input that several products read.
  DenseMap<Value, ListEventsOp> counts;
};

} // namespace
