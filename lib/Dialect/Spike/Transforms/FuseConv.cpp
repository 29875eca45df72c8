//===- FuseConv.cpp - convolutions of events, in the neurons --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fronts write images as [batch, channels, height, width]. An event's weights
// lie side by side along the filters, so what is fused has channels last; what
// still reads an image with channels in front reads a transpose of it, and what
// is fused later reads the image behind the transpose.
//
//===----------------------------------------------------------------------===//

#include "Switch.h"
#include "plait/Dialect/Spike/Transforms/Dynamics.h"
#include "plait/Dialect/Spike/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

namespace plait::spike {
#define GEN_PASS_DEF_SPIKEFUSECONV
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"
} // namespace plait::spike

using namespace mlir;
using namespace plait::spike;

namespace {

bool isZeros(Value value) {
  auto fill = value.getDefiningOp<linalg::FillOp>();
  return fill && matchPattern(fill.getInputs()[0], m_PosZeroFloat());
}

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

Value transpose(ImplicitLocOpBuilder &b, Value value, ArrayRef<int64_t> order) {
  SmallVector<OpFoldResult> from = tensor::getMixedSizes(b, b.getLoc(), value),
                            to;
  for (int64_t dim : order)
    to.push_back(from[dim]);
  Value empty =
      tensor::EmptyOp::create(b, to, getElementTypeOrSelf(value.getType()));
  return linalg::TransposeOp::create(b, value, empty, order)->getResult(0);
}

/// The order of `rank` axes that puts the third last of them at the end, or
/// back.
SmallVector<int64_t> channelsOrder(int64_t rank, bool last) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  auto front = order.end() - 3;
  std::rotate(front, last ? front + 1 : front + 2, order.end());
  return order;
}

/// A scan's current as a convolution of a run of [T, B, C, H, W].
struct Convolution {
  Value run, weights, bias;
  linalg::Conv2DNchwFchwOp op;
  SmallVector<int64_t> strides, dilations, padding;
};

std::optional<Convolution> matchConvolution(ScanOp scan) {
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
  Convolution conv;
  Value product = expand.getSrc();
  if (auto add = product.getDefiningOp<linalg::AddOp>())
    for (unsigned i : {0, 1})
      if (auto spread =
              add.getDpsInputs()[i].getDefiningOp<linalg::BroadcastOp>();
          spread && spread.getDimensions() == ArrayRef<int64_t>{0, 2, 3}) {
        conv.bias = spread.getInput();
        product = add.getDpsInputs()[1 - i];
        break;
      }
  conv.op = product.getDefiningOp<linalg::Conv2DNchwFchwOp>();
  if (!conv.op || !product.hasOneUse() || !isZeros(conv.op.getDpsInits()[0]))
    return std::nullopt;
  conv.weights = conv.op.getDpsInputs()[1];
  conv.strides = llvm::to_vector(conv.op.getStrides().getValues<int64_t>());
  conv.dilations = llvm::to_vector(conv.op.getDilations().getValues<int64_t>());
  conv.padding = {0, 0};
  Value image = conv.op.getDpsInputs()[0];
  if (auto pad = image.getDefiningOp<tensor::PadOp>()) {
    Value fill = pad.getConstantPaddingValue();
    SmallVector<OpFoldResult> low = pad.getMixedLowPad();
    if (!fill || !matchPattern(fill, m_PosZeroFloat()) ||
        getConstantIntValue(low[0]) != 0 || getConstantIntValue(low[1]) != 0 ||
        getConstantIntValue(pad.getMixedHighPad()[0]) != 0 ||
        getConstantIntValue(pad.getMixedHighPad()[1]) != 0)
      return std::nullopt;
    for (int64_t i : {0, 1}) {
      std::optional<int64_t> rows = getConstantIntValue(low[i + 2]);
      if (!rows)
        return std::nullopt;
      conv.padding[i] = *rows;
    }
    image = pad.getSource();
  }
  conv.run = runBehind(image);
  auto weights = cast<RankedTensorType>(conv.weights.getType());
  if (!conv.run || !weights.hasStaticShape())
    return std::nullopt;
  auto run = cast<RankedTensorType>(conv.run.getType());
  Type element = state.getElementType();
  if (weights.getElementType() != element || run.getElementType() != element)
    return std::nullopt;
  for (int64_t i : {0, 1}) {
    int64_t size = run.getDimSize(i + 3), count = state.getDimSize(i + 2);
    int64_t reach = (weights.getDimSize(i + 2) - 1) * conv.dilations[i];
    if (ShapedType::isDynamic(size) || ShapedType::isDynamic(count) ||
        conv.padding[i] > reach ||
        (count - 1) * conv.strides[i] - conv.padding[i] >= size)
      return std::nullopt;
  }
  return conv;
}

class ConvFuser {
public:
  ConvFuser(double maxRate, bool switchHidden)
      : maxRate(maxRate), switchHidden(switchHidden) {}

  bool fuse(ScanOp scan) {
    std::optional<Convolution> conv = matchConvolution(scan);
    if (!conv)
      return false;
    Value known = images.lookup(conv->run);
    Operation *producer = findProducer(known ? known : conv->run);
    Road road = chooseRoad(producer, maxRate, switchHidden);
    if (road == Road::Product)
      return false;
    ImplicitLocOpBuilder b(scan.getLoc(), scan);
    Value image = channelsLast(b, conv->run);
    ListEventsOp events = listRows(b, image);
    ScanOp turned = turn(b, scan);
    SmallVector<Value> results;
    if (road == Road::Events) {
      results = emitEvents(b, turned, *conv, events);
    } else {
      Value sparse = isSparse(b, b.getLoc(), image, events, maxRate);
      results = scf::IfOp::create(
                    b, sparse,
                    [&](OpBuilder &inside, Location loc) {
                      ImplicitLocOpBuilder nested(loc, inside);
                      scf::YieldOp::create(
                          nested, emitEvents(nested, turned, *conv, events));
                    },
                    [&](OpBuilder &inside, Location loc) {
                      ImplicitLocOpBuilder nested(loc, inside);
                      scf::YieldOp::create(
                          nested, emitDense(nested, turned, *conv, image));
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

  Value turnFilters(ImplicitLocOpBuilder &b, Convolution &conv) {
    return transpose(b, conv.weights, {2, 3, 1, 0});
  }

  SmallVector<Value> emitEvents(ImplicitLocOpBuilder &b, ScanOp scan,
                                Convolution &conv, ListEventsOp events) {
    auto typeOf = [](Value value) { return value ? value.getType() : Type(); };
    auto fused = ConvScanOp::create(
        b, scan.getOut().getType(), scan.getNextV().getType(),
        typeOf(scan.getNextLeft()), typeOf(scan.getPotentials()),
        events.getIndices(), events.getCounts(), turnFilters(b, conv),
        b.getDenseI64ArrayAttr(conv.strides),
        b.getDenseI64ArrayAttr(conv.dilations),
        b.getDenseI64ArrayAttr(conv.padding), conv.bias, scan.getV(),
        scan.getDecay(), scan.getTau(), scan.getGain(), scan.getLeak(),
        scan.getThreshold(), scan.getResetValue(), scan.getMinimum(),
        scan.getRefractory(), scan.getLeft(), scan.getIntegratorAttr(),
        scan.getCompareAttr(), scan.getResetAttr(), scan.getResetAtAttr(),
        scan.getMultiSpikeAttr(), scan.getRecordAttr());
    fused->setDiscardableAttrs(scan->getDiscardableAttrDictionary());
    return SmallVector<Value>(fused->getResults());
  }

  SmallVector<Value> emitDense(ImplicitLocOpBuilder &b, ScanOp scan,
                               Convolution &conv, Value image) {
    auto type = cast<RankedTensorType>(image.getType());
    auto flat = cast<RankedTensorType>(conv.op.getDpsInputs()[0].getType());
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, b.getLoc(), image);
    Value rows = tensor::CollapseShapeOp::create(
        b,
        RankedTensorType::get({flat.getDimSize(0), type.getDimSize(2),
                               type.getDimSize(3), type.getDimSize(4)},
                              type.getElementType()),
        image, timeAndBatch(5));
    if (auto pad = conv.op.getDpsInputs()[0].getDefiningOp<tensor::PadOp>()) {
      auto turn = [](SmallVector<OpFoldResult> sizes) {
        std::rotate(sizes.begin() + 1, sizes.begin() + 2, sizes.end());
        return sizes;
      };
      rows = tensor::PadOp::create(
          b,
          RankedTensorType::get({flat.getDimSize(0), flat.getDimSize(2),
                                 flat.getDimSize(3), flat.getDimSize(1)},
                                type.getElementType()),
          rows, turn(pad.getMixedLowPad()), turn(pad.getMixedHighPad()),
          pad.getConstantPaddingValue());
    }
    auto out = cast<RankedTensorType>(scan.getOut().getType());
    SmallVector<OpFoldResult> own = tensor::getMixedSizes(b, b.getLoc(), rows);
    for (int64_t dim : {1, 2, 3})
      own[dim] = b.getIndexAttr(out.getDimSize(dim + 1));
    Value empty = tensor::EmptyOp::create(b, own, type.getElementType());
    Value zero =
        arith::ConstantOp::create(b, b.getFloatAttr(type.getElementType(), 0));
    Value zeros = linalg::FillOp::create(b, zero, empty).getResult(0);
    Value sums = linalg::Conv2DNhwcHwcfOp::create(
                     b, zeros.getType(), ValueRange{rows, turnFilters(b, conv)},
                     zeros, conv.op.getStrides(), conv.op.getDilations())
                     .getResult(0);
    if (conv.bias) {
      Value spread = linalg::BroadcastOp::create(b, conv.bias, empty,
                                                 ArrayRef<int64_t>{0, 1, 2})
                         ->getResult(0);
      sums = linalg::AddOp::create(b, ValueRange{sums, spread}, empty)
                 .getResult(0);
    }
    own.erase(own.begin());
    own.insert(own.begin(), {sizes[0], sizes[1]});
    Value current =
        tensor::ExpandShapeOp::create(b, out, sums, timeAndBatch(5), own);
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
    if (failed(checkRate(getOperation(), maxRate)))
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
