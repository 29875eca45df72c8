//===- Runs.cpp - values of all steps of a loop over time -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Runs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace plait::spike;

Runs::Runs(scf::ForOp loop)
    : loop(loop), b(loop.getLoc(), OpBuilder(loop)),
      time(getAsOpFoldResult(loop.getUpperBound())) {
  if (std::optional<int64_t> steps = getConstantIntValue(time))
    time = b.getIndexAttr(*steps);
}

RankedTensorType Runs::runType(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape{
      getConstantIntValue(time).value_or(ShapedType::kDynamic)};
  llvm::append_range(shape, type.getShape());
  return RankedTensorType::get(shape, type.getElementType());
}

RankedTensorType Runs::flatType(Type type) {
  auto step = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(step.getShape());
  std::optional<int64_t> steps = getConstantIntValue(time);
  shape[0] = steps && !ShapedType::isDynamic(shape[0]) ? *steps * shape[0]
                                                       : ShapedType::kDynamic;
  return RankedTensorType::get(shape, step.getElementType());
}

OpFoldResult Runs::times(OpFoldResult size) {
  std::optional<int64_t> l = getConstantIntValue(time),
                         r = getConstantIntValue(size);
  if (l && r)
    return b.getIndexAttr(*l * *r);
  return arith::MulIOp::create(
             b, getValueOrCreateConstantIndexOp(b, b.getLoc(), time),
             getValueOrCreateConstantIndexOp(b, b.getLoc(), size))
      .getResult();
}

Value Runs::invariant(Value value) {
  if (loop.isDefinedOutsideOfLoop(value))
    return value;
  Operation *op = value.getDefiningOp();
  if (!op || op->getNumRegions() || !isPure(op))
    return {};
  IRMapping mapping;
  for (Value operand : op->getOperands()) {
    Value outside = invariant(operand);
    if (!outside)
      return {};
    mapping.map(operand, outside);
  }
  return b.clone(*op, mapping)
      ->getResult(cast<OpResult>(value).getResultNumber());
}

Value Runs::flatten(Value value) {
  Value &flat = flats[value];
  if (flat)
    return flat;
  Value run = runs.lookup(value);
  SmallVector<ReassociationIndices> groups{{0, 1}};
  for (int64_t dim = 2; dim < cast<RankedTensorType>(run.getType()).getRank();
       ++dim)
    groups.push_back({dim});
  return flat = tensor::CollapseShapeOp::create(b, flatType(value.getType()),
                                                run, groups);
}

Value Runs::unflatten(Value value) {
  Value &run = runs[value];
  if (run)
    return run;
  Value flat = flats.lookup(value);
  RankedTensorType type = runType(value);
  SmallVector<ReassociationIndices> groups{{0, 1}};
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), flat);
  for (int64_t dim = 2; dim < type.getRank(); ++dim)
    groups.push_back({dim});
  OpFoldResult batch = b.getIndexAttr(type.getDimSize(1));
  if (type.isDynamicDim(1))
    batch = arith::DivUIOp::create(
                b, getValueOrCreateConstantIndexOp(b, b.getLoc(), sizes[0]),
                getValueOrCreateConstantIndexOp(b, b.getLoc(), time))
                .getResult();
  sizes[0] = batch;
  sizes.insert(sizes.begin(), time);
  return run = tensor::ExpandShapeOp::create(b, type, flat, groups, sizes);
}

bool Runs::isTimed(Value value) {
  return runs.count(value) || flats.count(value);
}

Value Runs::runOf(Value value) {
  return isTimed(value) ? unflatten(value) : Value();
}

Value Runs::batched(Value value) {
  if (flats.count(value))
    return flats.lookup(value);
  if (runs.count(value))
    return flatten(value);
  // A destination is the same in every step.
  Operation *op = value.getDefiningOp();
  if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(op)) {
    SmallVector<OpFoldResult> sizes = empty.getMixedSizes();
    if (sizes.empty())
      return {};
    for (OpFoldResult &size : sizes)
      if (auto dynamic = dyn_cast<Value>(size))
        if (!(size = invariant(dynamic)))
          return {};
    sizes[0] = times(sizes[0]);
    return tensor::EmptyOp::create(b, sizes, empty.getType().getElementType());
  }
  if (!op || !isa<linalg::FillOp, linalg::BroadcastOp, linalg::GenericOp>(op))
    return {};
  Operation *made = clone(op);
  return made ? made->getResult(cast<OpResult>(value).getResultNumber())
              : Value();
}

Operation *Runs::clone(Operation *op) {
  SmallVector<Value> operands;
  SmallVector<Type> types;
  auto take = [&](Value value) {
    operands.push_back(value);
    return static_cast<bool>(value);
  };
  for (Type type : op->getResultTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || tensor.getRank() == 0)
      return nullptr;
    types.push_back(flatType(type));
  }
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    if (!isBatchwise(linalgOp))
      return nullptr;
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = linalgOp.getMatchingIndexingMap(&operand);
      bool rows = map.getNumResults() && map.getResult(0) == batchDim(linalgOp);
      if (!take(rows ? batched(operand.get()) : invariant(operand.get())))
        return nullptr;
    }
  } else if (OpTrait::hasElementwiseMappableTraits(op)) {
    for (Value operand : op->getOperands())
      if (!take(isa<RankedTensorType>(operand.getType()) ? batched(operand)
                                                         : invariant(operand)))
        return nullptr;
  } else if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    if (getConstantIntValue(pad.getMixedLowPad()[0]) != 0 ||
        getConstantIntValue(pad.getMixedHighPad()[0]) != 0)
      return nullptr;
    for (Value operand : op->getOperands())
      if (!take(operand == pad.getSource() ? batched(operand)
                                           : invariant(operand)))
        return nullptr;
  } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    if (collapse.getReassociationIndices()[0].size() != 1 ||
        !take(batched(collapse.getSrc())))
      return nullptr;
  } else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    if (expand.getReassociationIndices()[0].size() != 1)
      return nullptr;
    Value source = batched(expand.getSrc());
    if (!source)
      return nullptr;
    SmallVector<OpFoldResult> sizes = expand.getMixedOutputShape();
    for (OpFoldResult &size : llvm::drop_begin(sizes))
      if (auto dynamic = dyn_cast<Value>(size))
        if (!(size = invariant(dynamic)))
          return nullptr;
    sizes[0] = tensor::getMixedSize(b, b.getLoc(), source, 0);
    return tensor::ExpandShapeOp::create(
        b, cast<RankedTensorType>(types[0]), source,
        expand.getReassociationIndices(), sizes);
  } else {
    return nullptr;
  }
  // Bodies may read what is the same in every step.
  IRMapping mapping;
  bool known = true;
  for (Region &region : op->getRegions())
    region.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (!op->isAncestor(operand.getParentBlock()->getParentOp())) {
          Value outside = invariant(operand);
          known &= static_cast<bool>(outside);
          mapping.map(operand, outside);
        }
    });
  if (!known)
    return nullptr;
  Operation *made = b.clone(*op, mapping);
  made->setOperands(operands);
  for (auto [result, type] : llvm::zip_equal(made->getResults(), types))
    result.setType(type);
  return made;
}

AffineExpr Runs::batchDim(linalg::LinalgOp op) {
  return op.getMatchingIndexingMap(op.getDpsInitOperand(0)).getResult(0);
}

bool Runs::isBatchwise(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics())
    return false;
  for (OpOperand &init : op.getDpsInitsMutable())
    if (op.getMatchingIndexingMap(&init).getNumResults() == 0 ||
        op.getMatchingIndexingMap(&init).getResult(0) != batchDim(op))
      return false;
  auto dim = dyn_cast<AffineDimExpr>(batchDim(op));
  if (!dim)
    return false;
  for (OpOperand &operand : op->getOpOperands())
    for (auto [i, expr] :
         llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (expr.isFunctionOfDim(dim.getPosition()) && (i > 0 || expr != dim))
        return false;
  bool independent = true;
  op->walk([&](linalg::IndexOp index) {
    independent &= index.getDim() != dim.getPosition();
  });
  return independent;
}

Value Runs::joined(Value first, Value run, int64_t extra) {
  auto type = cast<RankedTensorType>(run.getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), run);
  SmallVector<OpFoldResult> all(sizes), head(sizes);
  std::optional<int64_t> steps = getConstantIntValue(time);
  all[0] = steps
               ? OpFoldResult(b.getIndexAttr(*steps + extra))
               : arith::AddIOp::create(b, cast<Value>(time),
                                       arith::ConstantIndexOp::create(b, extra))
                     .getResult();
  head[0] = b.getIndexAttr(extra);
  SmallVector<OpFoldResult> zeros(type.getRank(), b.getIndexAttr(0)),
      ones(type.getRank(), b.getIndexAttr(1)), behind(zeros);
  behind[0] = b.getIndexAttr(extra);
  Value whole = tensor::EmptyOp::create(b, all, type.getElementType());
  whole = tensor::InsertSliceOp::create(b, first, whole, zeros, head, ones);
  return tensor::InsertSliceOp::create(b, run, whole, behind, sizes, ones);
}

Value Runs::slice(Value whole, OpFoldResult from, OpFoldResult size,
                  RankedTensorType type) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), whole);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
      ones(sizes.size(), b.getIndexAttr(1));
  offsets[0] = from;
  sizes[0] = size;
  return tensor::ExtractSliceOp::create(b, type, whole, offsets, sizes, ones);
}
