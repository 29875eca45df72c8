//===- PruneNeurons.cpp - neurons that change nothing ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Neurons, or the channels of images, are taken out of a population, out of the
// weights that lead to it and out of those that read it. What lies between the
// populations is made again with a shorter axis.
//
//===----------------------------------------------------------------------===//

#include "Silence.h"
#include "Synapses.h"
#include "plait/Dialect/Spike/IR/Spike.h"
#include "plait/Dialect/Spike/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"

namespace plait::spike {
#define GEN_PASS_DEF_SPIKEPRUNENEURONS
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"
} // namespace plait::spike

using namespace mlir;
using namespace plait::spike;

namespace {

using Indices = SmallVector<int64_t>;

RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

RankedTensorType withSize(RankedTensorType type, int64_t axis, int64_t size) {
  Indices shape(type.getShape());
  shape[axis] = size;
  return RankedTensorType::get(shape, type.getElementType());
}

/// The group of `groups` that has `axis`.
int64_t groupOf(ArrayRef<ReassociationIndices> groups, int64_t axis) {
  for (auto [i, group] : llvm::enumerate(groups))
    if (llvm::is_contained(group, axis))
      return i;
  llvm_unreachable("every axis is in a group");
}

/// Whether the loop `dim` of `op` is an axis, and nothing else, of whatever
/// operand it has a part in.
bool isPlainDim(linalg::LinalgOp op, unsigned dim) {
  for (AffineMap map : op.getIndexingMapsArray()) {
    unsigned uses = 0;
    for (AffineExpr expr : map.getResults()) {
      if (expr.isFunctionOfDim(dim) && !isa<AffineDimExpr>(expr))
        return false;
      uses += expr.isFunctionOfDim(dim);
    }
    if (uses > 1)
      return false;
  }
  bool free = true;
  op->walk([&](linalg::IndexOp index) { free &= index.getDim() != dim; });
  return free;
}

std::optional<int64_t> axisOf(linalg::LinalgOp op, OpOperand &operand,
                              unsigned dim) {
  for (auto [i, expr] :
       llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
    if (expr.isFunctionOfDim(dim))
      return i;
  return std::nullopt;
}

std::optional<unsigned> dimOf(linalg::LinalgOp op, OpOperand &operand,
                              int64_t axis) {
  auto dim = dyn_cast<AffineDimExpr>(
      op.getMatchingIndexingMap(&operand).getResult(axis));
  if (!dim || !isPlainDim(op, dim.getPosition()))
    return std::nullopt;
  return dim.getPosition();
}

/// `op` with other operands, and along `dim` a loop of `size` steps.
Operation *cloneWith(OpBuilder &b, linalg::LinalgOp op, ValueRange operands,
                     unsigned dim, int64_t size) {
  Operation *made = b.clone(*op);
  made->setOperands(operands);
  for (auto [result, init] :
       llvm::zip_equal(made->getResults(), op.getDpsInitsMutable()))
    if (std::optional<int64_t> axis = axisOf(op, init, dim))
      result.setType(withSize(typeOf(result), *axis, size));
  return made;
}

/// `value` with the indices of `axis` that `keep` names, computed anew; null
/// where it is not known how.
Value narrowed(Value value, int64_t axis, ArrayRef<int64_t> keep) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return {};
  ImplicitLocOpBuilder b(op->getLoc(), op);
  int64_t size = keep.size();
  DenseElementsAttr elements;
  if (matchPattern(value, m_Constant(&elements))) {
    RankedTensorType type = typeOf(value);
    RankedTensorType made = withSize(type, axis, size);
    if (elements.isSplat())
      return arith::ConstantOp::create(b, elements.resizeSplat(made));
    auto numbers = elements.getValues<Attribute>();
    int64_t inner = 1, outer = 1;
    for (int64_t i = 0; i < type.getRank(); ++i)
      (i < axis   ? outer
       : i > axis ? inner
                  : size) *= i == axis ? 1 : type.getDimSize(i);
    SmallVector<Attribute> kept;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t k : keep)
        for (int64_t i = 0; i < inner; ++i)
          kept.push_back(numbers[(o * type.getDimSize(axis) + k) * inner + i]);
    return arith::ConstantOp::create(b, DenseElementsAttr::get(made, kept));
  }
  if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
    SmallVector<OpFoldResult> sizes = empty.getMixedSizes();
    sizes[axis] = b.getIndexAttr(size);
    return tensor::EmptyOp::create(b, sizes, empty.getType().getElementType());
  }
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    auto groups = collapse.getReassociationIndices();
    if (groups[axis].size() != 1)
      return {};
    Value source = narrowed(collapse.getSrc(), groups[axis][0], keep);
    return source
               ? tensor::CollapseShapeOp::create(b, source, groups).getResult()
               : Value();
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    auto groups = expand.getReassociationIndices();
    int64_t group = groupOf(groups, axis);
    if (groups[group].size() != 1)
      return {};
    Value source = narrowed(expand.getSrc(), group, keep);
    if (!source)
      return {};
    SmallVector<OpFoldResult> sizes = expand.getMixedOutputShape();
    sizes[axis] = b.getIndexAttr(size);
    return tensor::ExpandShapeOp::create(b, withSize(typeOf(value), axis, size),
                                         source, groups, sizes);
  }
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || !linalgOp.hasPureTensorSemantics())
    return {};
  unsigned number = cast<OpResult>(value).getResultNumber();
  std::optional<unsigned> dim =
      dimOf(linalgOp, *linalgOp.getDpsInitOperand(number), axis);
  if (!dim)
    return {};
  SmallVector<Value> operands;
  for (OpOperand &operand : op->getOpOperands()) {
    std::optional<int64_t> own = axisOf(linalgOp, operand, *dim);
    operands.push_back(own ? narrowed(operand.get(), *own, keep)
                           : operand.get());
    if (!operands.back())
      return {};
  }
  return cloneWith(b, linalgOp, operands, *dim, size)->getResult(number);
}

/// Whether `value`, in the body of `op`, is at most zero, and with `exact` zero,
/// where the element of `use` is.
bool isZero(Value value, linalg::LinalgOp op, OpOperand &use,
            bool exact = true) {
  FloatAttr number;
  auto fits = [&](double x) { return exact ? x == 0 : x <= 0; };
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    OpOperand *operand = op.getMatchingOpOperand(argument);
    auto fill = operand->get().getDefiningOp<linalg::FillOp>();
    return operand == &use ||
           (fill && matchPattern(fill.getInputs()[0], m_Constant(&number)) &&
            fits(number.getValueAsDouble()));
  }
  if (matchPattern(value, m_Constant(&number)))
    return fits(number.getValueAsDouble());
  Operation *made = value.getDefiningOp();
  auto zero = [&](unsigned i) { return isZero(made->getOperand(i), op, use); };
  if (isa<arith::MulFOp>(made))
    return zero(0) || zero(1);
  if (isa<arith::AddFOp, arith::SubFOp>(made))
    return zero(0) && zero(1);
  if (isa<arith::MaximumFOp, arith::MaxNumFOp>(made))
    return (zero(0) && isZero(made->getOperand(1), op, use, false)) ||
           (zero(1) && isZero(made->getOperand(0), op, use, false));
  return isa<arith::DivFOp, arith::NegFOp, arith::ExtFOp, arith::TruncFOp>(
             made) &&
         zero(0);
}

/// Where the neurons of `axis` go by one use: on to a value, each of them
/// `spread` elements wide, or into the sums of a synapse.
struct Way {
  Operation *op;
  OpOperand *use;
  int64_t axis = 0, spread = 1;
  /// The loop of a linalg op.
  unsigned dim = 0;
  bool ends = false;
};

std::optional<Way> follow(OpOperand &use, int64_t axis) {
  Operation *op = use.getOwner();
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    auto groups = collapse.getReassociationIndices();
    int64_t group = groupOf(groups, axis), spread = 1;
    if (groups[group][0] != axis)
      return std::nullopt;
    for (int64_t inner : ArrayRef(groups[group]).drop_front())
      spread *= collapse.getSrcType().getDimSize(inner);
    if (spread < 0)
      return std::nullopt;
    return Way{op, &use, group, spread};
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    auto groups = expand.getReassociationIndices();
    if (groups[axis].size() != 1)
      return std::nullopt;
    return Way{op, &use, groups[axis][0]};
  }
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    if (getConstantIntValue(pad.getMixedLowPad()[axis]) != 0 ||
        getConstantIntValue(pad.getMixedHighPad()[axis]) != 0)
      return std::nullopt;
    Value around = pad.getConstantPaddingValue();
    if (!around || !matchPattern(around, m_AnyZeroFloat()))
      return std::nullopt;
    return Way{op, &use, axis};
  }
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || op->getNumResults() != 1)
    return std::nullopt;
  std::optional<unsigned> dim = dimOf(linalgOp, use, axis);
  if (!dim)
    return std::nullopt;
  Way way{op, &use};
  way.dim = *dim;
  if (std::optional<int64_t> out =
          axisOf(linalgOp, *linalgOp.getDpsInitOperand(0), *dim)) {
    way.axis = *out;
    // A neuron that is taken out must have been nothing to what reads it.
    Value result = op->getRegion(0).front().getTerminator()->getOperand(0);
    return isZero(result, linalgOp, use) ? std::optional(way) : std::nullopt;
  }
  way.ends = isSynapse(linalgOp) && use.getOperandNumber() == 0;
  return way.ends ? std::optional(way) : std::nullopt;
}

/// All synapses that sum `value`, with the elements of a neuron; false where
/// anything else reads it.
bool findReaders(Value value, int64_t axis, int64_t spread,
                 SmallVectorImpl<std::pair<Way, int64_t>> &readers) {
  for (OpOperand &use : value.getUses()) {
    std::optional<Way> way = follow(use, axis);
    if (!way)
      return false;
    if (way->ends)
      readers.push_back({*way, spread});
    else if (!findReaders(way->op->getResult(0), way->axis,
                          spread * way->spread, readers))
      return false;
  }
  return true;
}

/// The readers of `value`, of which `now` has the elements `keep`, made again.
bool replaceReaders(Value value, Value now, int64_t axis,
                    ArrayRef<int64_t> keep,
                    SmallVectorImpl<std::pair<Value, Value>> &replaced) {
  for (OpOperand &use : value.getUses()) {
    std::optional<Way> way = follow(use, axis);
    if (!way)
      return false;
    Operation *op = way->op;
    ImplicitLocOpBuilder b(op->getLoc(), op);
    Indices kept;
    for (int64_t index : keep)
      for (int64_t i = 0; i < way->spread; ++i)
        kept.push_back(index * way->spread + i);
    int64_t size = kept.size();
    Value next;
    if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
      next = tensor::CollapseShapeOp::create(
          b, now, collapse.getReassociationIndices());
    } else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
      SmallVector<OpFoldResult> sizes = expand.getMixedOutputShape();
      sizes[way->axis] = b.getIndexAttr(size);
      next = tensor::ExpandShapeOp::create(
          b, withSize(expand.getResultType(), way->axis, size), now,
          expand.getReassociationIndices(), sizes);
    } else if (isa<tensor::PadOp>(op)) {
      Operation *made = b.clone(*op);
      made->setOperand(0, now);
      made->getResult(0).setType(
          withSize(typeOf(op->getResult(0)), way->axis, size));
      next = made->getResult(0);
    } else {
      auto linalgOp = cast<linalg::LinalgOp>(op);
      SmallVector<Value> operands;
      for (OpOperand &operand : op->getOpOperands()) {
        std::optional<int64_t> own = axisOf(linalgOp, operand, way->dim);
        operands.push_back(&operand == &use ? now
                           : own ? narrowed(operand.get(), *own, kept)
                                 : operand.get());
        if (!operands.back())
          return false;
      }
      next = cloneWith(b, linalgOp, operands, way->dim, size)->getResult(0);
    }
    if (way->ends)
      replaced.push_back({op->getResult(0), next});
    else if (!replaceReaders(op->getResult(0), next, way->axis, kept, replaced))
      return false;
  }
  return true;
}

/// The neurons no synapse of `readers` has a weight for.
std::vector<bool> findUnread(int64_t neurons,
                             ArrayRef<std::pair<Way, int64_t>> readers) {
  std::vector<bool> unread(neurons, true);
  for (auto [way, spread] : readers) {
    auto synapse = cast<linalg::LinalgOp>(way.op);
    std::optional<Numbers> weights = evaluate(weightsOf(synapse).get());
    std::optional<int64_t> axis = axisOf(synapse, weightsOf(synapse), way.dim);
    if (!weights || !axis)
      return std::vector<bool>(neurons, false);
    weights->forEach(*axis, [&](int64_t index, double weight) {
      if (weight != 0)
        unread[index / spread] = false;
    });
  }
  return unread;
}

struct SpikePruneNeurons
    : plait::spike::impl::SpikePruneNeuronsBase<SpikePruneNeurons> {
  using Base::Base;

  /// `scan` with the neurons that `keep` names; whether that can be done.
  bool shrink(ScanOp scan, ArrayRef<int64_t> keep) {
    RankedTensorType state = typeOf(scan.getV());
    OpBuilder b(scan);
    Operation *made = b.clone(*scan);
    bool known = true;
    auto take = [&](Value old, int64_t axis) {
      Value now = narrowed(old, axis, keep);
      known &= static_cast<bool>(now);
      return now;
    };
    for (OpOperand &operand : scan->getOpOperands()) {
      Value old = operand.get(), now = old;
      int64_t rank = typeOf(old).getRank();
      if (old == scan.getCurrent()) {
        now = take(old, 2);
      } else if (old == scan.getRecurrent()) {
        now = take(old, 1);
        now = now ? narrowed(now, 0, keep) : now;
        known &= static_cast<bool>(now);
      } else if (rank == state.getRank()) {
        now = take(old, 1);
      } else if (rank + 1 == state.getRank()) {
        now = take(old, 0);
      }
      if (!known) {
        made->erase();
        return false;
      }
      made->setOperand(operand.getOperandNumber(), now);
    }
    int64_t size = keep.size();
    for (OpResult result : made->getResults()) {
      bool run = typeOf(result).getRank() > state.getRank();
      result.setType(withSize(typeOf(result), run ? 2 : 1, size));
    }
    if (auto rates = scan->getAttrOfType<DenseElementsAttr>("spike.rates")) {
      SmallVector<Attribute> kept;
      for (int64_t i : keep)
        kept.push_back(rates.getValues<Attribute>()[i]);
      made->setAttr(
          "spike.rates",
          DenseElementsAttr::get(
              RankedTensorType::get(size, rates.getElementType()), kept));
    }
    SmallVector<std::pair<Value, Value>> replaced;
    if (!replaceReaders(scan.getOut(), made->getResult(0), 2, keep, replaced))
      return false;
    for (auto [old, now] : replaced)
      old.replaceAllUsesWith(now);
    return true;
  }

  bool prune(ScanOp scan) {
    RankedTensorType state = typeOf(scan.getV());
    if (!scan.getThreshold() || scan.getIndices() || state.getRank() < 2 ||
        state.isDynamicDim(1) || scan.getEncoding() != Encoding::Dense ||
        scan.getOut().use_empty())
      return false;
    for (Value result : scan->getResults().drop_front())
      if (!result.use_empty())
        return false;
    SmallVector<std::pair<Way, int64_t>> readers;
    if (!findReaders(scan.getOut(), 2, 1, readers))
      return false;
    int64_t neurons = state.getDimSize(1);
    std::vector<bool> silent = findSilent(scan),
                      unread = findUnread(neurons, readers);
    // A neuron of a recurrent population is read by its population, too.
    if (Value recurrent = scan.getRecurrent()) {
      std::optional<Numbers> weights = evaluate(recurrent);
      if (!weights)
        return false;
      weights->forEach(0, [&](int64_t index, double weight) {
        if (weight != 0)
          unread[index] = false;
      });
    }
    DenseElementsAttr rates;
    if (maxRate >= 0) {
      rates = scan->getAttrOfType<DenseElementsAttr>("spike.rates");
      if (rates && rates.getNumElements() != neurons) {
        scan.emitError("expects 'spike.rates' of ")
            << neurons << " neurons, got " << rates.getNumElements();
        failed = true;
        return false;
      }
    }
    Indices keep;
    int64_t counts[3] = {};
    for (int64_t i = 0; i < neurons; ++i) {
      bool quiet =
          rates && rates.getValues<APFloat>()[i].convertToDouble() <= maxRate;
      if (silent[i])
        ++counts[0];
      else if (unread[i])
        ++counts[1];
      else if (quiet)
        ++counts[2];
      else
        keep.push_back(i);
    }
    // A population of none is nothing that readers could be made again with.
    if (keep.empty()) {
      keep.push_back(0);
      --counts[silent[0] ? 0 : unread[0] ? 1 : 2];
    }
    if (static_cast<int64_t>(keep.size()) == neurons || !shrink(scan, keep))
      return false;
    numSilent += counts[0];
    numUnread += counts[1];
    numQuiet += counts[2];
    return true;
  }

  void runOnOperation() override {
    failed = false;
    IRRewriter rewriter(&getContext());
    // Fewer neurons silence others, and leave others unread.
    for (bool changed = true; changed && !failed;) {
      changed = false;
      SmallVector<ScanOp> scans;
      getOperation().walk([&](ScanOp scan) { scans.push_back(scan); });
      for (ScanOp scan : scans)
        changed |= prune(scan);
      (void)runRegionDCE(rewriter, getOperation().getBody());
    }
    if (failed)
      signalPassFailure();
  }

  bool failed = false;
};

} // namespace
