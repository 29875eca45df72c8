//===- FuseConv.cpp - convolutions of events, in the neurons --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is fused has channels last; what still reads an image with channels in
// front reads a transpose of it, and what is fused later reads the image behind
// the transpose.
//
//===----------------------------------------------------------------------===//

#include "Convolutions.h"
#include "Switch.h"
#include "plait/Dialect/Spike/Transforms/Dynamics.h"
#include "plait/Dialect/Spike/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace plait::spike {
#define GEN_PASS_DEF_SPIKEFUSECONV
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"
} // namespace plait::spike

using namespace mlir;
using namespace plait::spike;

namespace {

/// [T*B, ...] <-- [T, B, ...], the latter.
Value runBehind(Value flat) {
  auto collapse = flat.getDefiningOp<tensor::CollapseShapeOp>();
  if (!collapse)
    return {};
  auto groups = collapse.getReassociationIndices();
  bool batch = groups[0].size() == 2 && groups[0][0] == 0;
  for (const ReassociationIndices &group : ArrayRef(groups).drop_front())
    batch &= group.size() == 1;
  return batch ? collapse.getSrc() : Value();
}

/// The groups that join the first two of `rank` axes.
SmallVector<ReassociationIndices> timeAndBatch(int64_t rank) {
  SmallVector<ReassociationIndices> groups{{0, 1}};
  for (int64_t dim = 2; dim < rank; ++dim)
    groups.push_back({dim});
  return groups;
}

/// A scan's current as a convolution of a run of [T, B, C, H, W].
struct Synapse {
  Convolution conv;
  Value run, bias;
};

std::optional<Synapse> matchSynapse(ScanOp scan) {
  auto state = cast<RankedTensorType>(scan.getV().getType());
  if (!scan.getCurrent() || scan.getRecurrent() || scan.getIndices() ||
      state.getRank() != 4)
    return std::nullopt;
  for (Value parameter : parametersOf(scan))
    if (parameter) {
      int64_t rank = cast<RankedTensorType>(parameter.getType()).getRank();
      if (rank == 1 || rank == 2)
        return std::nullopt;
    }
  auto expand = scan.getCurrent().getDefiningOp<tensor::ExpandShapeOp>();
  if (!expand || expand.getReassociationIndices() != timeAndBatch(5))
    return std::nullopt;
  Value product = expand.getSrc(), bias;
  if (auto add = product.getDefiningOp<linalg::AddOp>())
    for (unsigned i : {0, 1})
      if (auto spread =
              add.getDpsInputs()[i].getDefiningOp<linalg::BroadcastOp>();
          spread && spread.getDimensions() == ArrayRef<int64_t>{0, 2, 3}) {
        bias = spread.getInput();
        product = add.getDpsInputs()[1 - i];
        break;
      }
  auto op = product.getDefiningOp<linalg::Conv2DNchwFchwOp>();
  if (!op || !product.hasOneUse())
    return std::nullopt;
  std::optional<Convolution> conv = Convolution::match(op);
  Value run = conv ? runBehind(conv->image) : Value();
  if (!run)
    return std::nullopt;
  return Synapse{*conv, run, bias};
}

class ConvFuser {
public:
  ConvFuser(double maxRate, bool switchHidden)
      : maxRate(maxRate), switchHidden(switchHidden) {}

  bool fuse(ScanOp scan) {
    std::optional<Synapse> synapse = matchSynapse(scan);
    if (!synapse)
      return false;
    Value known = images.lookup(synapse->run);
    Operation *producer = findProducer(known ? known : synapse->run);
    Road road = chooseRoad(producer, maxRate, switchHidden);
    if (road == Road::Product)
      return false;
    ImplicitLocOpBuilder b(scan.getLoc(), scan);
    Value image = channelsLast(b, synapse->run);
    ListEventsOp events = listRows(b, image);
    ScanOp turned = turn(b, scan);
    SmallVector<Value> results;
    if (road == Road::Events) {
      results = emitEvents(b, turned, *synapse, events);
    } else {
      Value sparse = isSparse(b, b.getLoc(), image, events, maxRate);
      results = scf::IfOp::create(
                    b, sparse,
                    [&](OpBuilder &inside, Location loc) {
                      ImplicitLocOpBuilder nested(loc, inside);
                      scf::YieldOp::create(
                          nested, emitEvents(nested, turned, *synapse, events));
                    },
                    [&](OpBuilder &inside, Location loc) {
                      ImplicitLocOpBuilder nested(loc, inside);
                      scf::YieldOp::create(
                          nested, emitDense(nested, turned, *synapse, image));
                    })
                    ->getResults();
    }
    turned.erase();
    for (auto [old, made] : llvm::zip_equal(scan->getResults(), results)) {
      if (old.use_empty())
        continue;
      int64_t rank = cast<RankedTensorType>(made.getType()).getRank();
      Value front = transpose(b, made, channelsOrder(rank, false));
      old.replaceAllUsesWith(front);
      if (rank == 5)
        images[front] = made;
    }
    scan.erase();
    return true;
  }

  /// A sum or an average over windows of spikes.
  void fuse(linalg::PoolingNchwSumOp op) {
    Value run = runBehind(op.getDpsInputs()[0]);
    Value image = run ? images.lookup(run) : Value();
    if (!image || !isZeros(op.getDpsInits()[0]) ||
        !llvm::all_of(op.getDilations().getValues<int64_t>(),
                      [](int64_t dilation) { return dilation == 1; }))
      return;
    auto window = cast<RankedTensorType>(op.getDpsInputs()[1].getType());
    auto type = cast<RankedTensorType>(op.getResult(0).getType());
    auto from = cast<RankedTensorType>(image.getType());
    if (!window.hasStaticShape() || type.isDynamicDim(2) ||
        type.isDynamicDim(3))
      return;
    // An average divides by the size of the window.
    Operation *last = op;
    FloatAttr divisor;
    ImplicitLocOpBuilder b(op.getLoc(), op);
    if (op->hasOneUse())
      if (auto div = dyn_cast<linalg::DivOp>(*op->user_begin()))
        if (auto fill = div.getDpsInputs()[1].getDefiningOp<linalg::FillOp>())
          if (matchPattern(fill.getInputs()[0], m_Constant(&divisor)))
            last = div;
    b.setInsertionPoint(last);
    SmallVector<int64_t> shape(from.getShape());
    shape[2] = type.getDimSize(2);
    shape[3] = type.getDimSize(3);
    Value pooled = PoolOp::create(
        b, RankedTensorType::get(shape, from.getElementType()), image,
        window.getShape(),
        llvm::to_vector(op.getStrides().getValues<int64_t>()),
        last == op ? FloatAttr()
                   : b.getF64FloatAttr(divisor.getValueAsDouble()));
    Value front = transpose(b, pooled, channelsOrder(5, false));
    images[front] = pooled;
    Value flat = tensor::CollapseShapeOp::create(
        b, cast<RankedTensorType>(last->getResult(0).getType()), front,
        timeAndBatch(5));
    last->getResult(0).replaceAllUsesWith(flat);
    last->erase();
    if (last != op)
      op.erase();
  }

  /// A product of flattened images: the weights' rows change places.
  void fuse(linalg::MatmulOp op) {
    auto flatten =
        op.getDpsInputs()[0].getDefiningOp<tensor::CollapseShapeOp>();
    if (!flatten || op.hasUserDefinedMaps())
      return;
    Value run;
    auto groups = flatten.getReassociationIndices();
    auto same = [&](ArrayRef<ReassociationIndices> other) {
      return ArrayRef(groups) == other;
    };
    if (same({{0, 1}, {2, 3, 4}}))
      run = flatten.getSrc();
    else if (same({{0}, {1, 2, 3}}))
      run = runBehind(flatten.getSrc());
    Value image = run ? images.lookup(run) : Value();
    if (!image)
      return;
    auto type = cast<RankedTensorType>(image.getType());
    auto weights = cast<RankedTensorType>(op.getDpsInputs()[1].getType());
    ArrayRef<int64_t> shape = type.getShape();
    if (ShapedType::isDynamicShape(shape.drop_front(2)) ||
        !weights.hasStaticShape())
      return;
    ImplicitLocOpBuilder b(op.getLoc(), op);
    auto places = [&](ArrayRef<int64_t> sizes) {
      return RankedTensorType::get(sizes, weights.getElementType());
    };
    int64_t columns = weights.getDimSize(1);
    Value split = tensor::ExpandShapeOp::create(
        b, places({shape[4], shape[2], shape[3], columns}),
        op.getDpsInputs()[1], ArrayRef<ReassociationIndices>{{0, 1, 2}, {3}});
    Value turned = tensor::CollapseShapeOp::create(
        b, weights, transpose(b, split, {1, 2, 0, 3}),
        ArrayRef<ReassociationIndices>{{0, 1, 2}, {3}});
    Value rows = tensor::CollapseShapeOp::create(
        b,
        RankedTensorType::get({shape[0], shape[1], weights.getDimSize(0)},
                              type.getElementType()),
        image, ArrayRef<ReassociationIndices>{{0}, {1}, {2, 3, 4}});
    Value flat = tensor::CollapseShapeOp::create(
        b, cast<RankedTensorType>(op.getDpsInputs()[0].getType()), rows,
        ArrayRef<ReassociationIndices>{{0, 1}, {2}});
    op->setOperand(0, flat);
    op->setOperand(1, turned);
  }

private:
  /// A run of [T, B, C, H, W] with the channels last.
  Value channelsLast(ImplicitLocOpBuilder &b, Value run) {
    Value &image = images[run];
    if (!image) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointAfterValue(run);
      image = transpose(b, run, channelsOrder(5, true));
    }
    return image;
  }

  ListEventsOp listRows(ImplicitLocOpBuilder &b, Value image) {
    ListEventsOp &known = lists[image];
    if (known)
      return known;
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(image);
    Value rows = tensor::CollapseShapeOp::create(
        b, image, ArrayRef<ReassociationIndices>{{0}, {1}, {2}, {3, 4}});
    return known = ListEventsOp::create(b, rows);
  }

  /// The dynamics of `scan` for neurons with channels last: a scan of nothing,
  /// which stands for them.
  ScanOp turn(ImplicitLocOpBuilder &b, ScanOp scan) {
    auto turned = cast<ScanOp>(b.clone(*scan));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(turned);
    auto turnType = [](Type type) -> Type {
      auto tensor = cast<RankedTensorType>(type);
      SmallVector<int64_t> shape;
      for (int64_t dim : channelsOrder(tensor.getRank(), true))
        shape.push_back(tensor.getDimSize(dim));
      return tensor.clone(shape);
    };
    for (OpOperand &operand : turned->getOpOperands()) {
      auto type = cast<RankedTensorType>(operand.get().getType());
      if (type.getRank() >= 3 && operand.get() != scan.getCurrent())
        operand.set(
            transpose(b, operand.get(), channelsOrder(type.getRank(), true)));
    }
    for (OpResult result : turned->getResults())
      result.setType(turnType(result.getType()));
    return turned;
  }

  SmallVector<Value> emitEvents(ImplicitLocOpBuilder &b, ScanOp scan,
                                const Synapse &synapse, ListEventsOp events) {
    const Convolution &conv = synapse.conv;
    auto typeOf = [](Value value) { return value ? value.getType() : Type(); };
    auto fused = ConvScanOp::create(
        b, scan.getOut().getType(), scan.getNextV().getType(),
        typeOf(scan.getNextLeft()), typeOf(scan.getPotentials()),
        events.getIndices(), events.getCounts(), conv.turnFilters(b),
        b.getDenseI64ArrayAttr(conv.strides),
        b.getDenseI64ArrayAttr(conv.dilations),
        b.getDenseI64ArrayAttr(conv.padding), synapse.bias, scan.getV(),
        scan.getDecay(), scan.getTau(), scan.getGain(), scan.getLeak(),
        scan.getThreshold(), scan.getResetValue(), scan.getMinimum(),
        scan.getRefractory(), scan.getLeft(), scan.getIntegratorAttr(),
        scan.getCompareAttr(), scan.getResetAttr(), scan.getResetAtAttr(),
        scan.getMultiSpikeAttr(), scan.getRecordAttr());
    fused->setDiscardableAttrs(scan->getDiscardableAttrDictionary());
    return SmallVector<Value>(fused->getResults());
  }

  SmallVector<Value> emitDense(ImplicitLocOpBuilder &b, ScanOp scan,
                               const Synapse &synapse, Value image) {
    Value rows = tensor::CollapseShapeOp::create(b, image, timeAndBatch(5));
    Value sums = synapse.conv.multiply(b, rows);
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, b.getLoc(), sums);
    if (synapse.bias) {
      Value empty = tensor::EmptyOp::create(
          b, sizes, getElementTypeOrSelf(sums.getType()));
      Value spread = linalg::BroadcastOp::create(b, synapse.bias, empty,
                                                 ArrayRef<int64_t>{0, 1, 2})
                         ->getResult(0);
      sums = linalg::AddOp::create(b, ValueRange{sums, spread}, empty)
                 .getResult(0);
    }
    sizes.erase(sizes.begin());
    sizes.insert(sizes.begin(),
                 {tensor::getMixedSize(b, b.getLoc(), image, 0),
                  tensor::getMixedSize(b, b.getLoc(), image, 1)});
    Value current = tensor::ExpandShapeOp::create(b, scan.getOut().getType(),
                                                  sums, timeAndBatch(5), sizes);
    auto dense = cast<ScanOp>(b.clone(*scan));
    dense.getCurrentMutable().assign(current);
    return SmallVector<Value>(dense->getResults());
  }

  double maxRate;
  bool switchHidden;
  /// A run with channels in front --> the same with channels last.
  DenseMap<Value, Value> images;
  DenseMap<Value, ListEventsOp> lists;
};

struct SpikeFuseConv : plait::spike::impl::SpikeFuseConvBase<SpikeFuseConv> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(checkRate(getOperation(), "max-rate", maxRate)))
      return signalPassFailure();
    ConvFuser fuser(maxRate, switchHidden);
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<ScanOp, linalg::PoolingNchwSumOp, linalg::MatmulOp>(op))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      if (auto scan = dyn_cast<ScanOp>(op))
        numFused += fuser.fuse(scan);
      else if (auto pool = dyn_cast<linalg::PoolingNchwSumOp>(op))
        fuser.fuse(pool);
      else
        fuser.fuse(cast<linalg::MatmulOp>(op));
    }
  }
};

} // namespace
