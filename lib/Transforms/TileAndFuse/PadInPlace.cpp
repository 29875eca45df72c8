//===- PadInPlace.cpp - what is padded is computed where it ends up -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PadInPlace.h"

#include "../LinalgShapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using plait::sumsProducts;

/// Where an op that only `pad` reads gets memory for its result: a tensor.empty.
/// Dimensions of size one may come between the two.
static OpOperand *memoryOf(tensor::PadOp pad) {
  Value value = pad.getSource();
  if (!value.hasOneUse())
    return nullptr;
  if (auto expand = value.getDefiningOp<tensor::ExpandShapeOp>()) {
    value = expand.getSrc();
    if (!expand.getResultType().hasStaticShape() || !value.hasOneUse() ||
        isRankReducedType(expand.getResultType(), expand.getSrcType()) !=
            SliceVerificationResult::Success)
      return nullptr;
  }
  auto result = dyn_cast<OpResult>(value);
  if (!result || result.getOwner()->getBlock() != pad->getBlock())
    return nullptr;
  OpOperand *memory = nullptr;
  if (auto loop = dyn_cast<scf::ForallOp>(result.getOwner()))
    memory = loop.getTiedOpOperand(result);
  else if (auto op = dyn_cast<DestinationStyleOpInterface>(result.getOwner()))
    memory = op.getTiedOpOperand(result);
  return memory && memory->get().getDefiningOp<tensor::EmptyOp>() ? memory
                                                                  : nullptr;
}

/// Tells the sums of products that read `pad`, or a slice of it, where it is not
/// zero: the operand, then for every dimension its size and the first index
/// inside and the one behind the last.
static void markReaders(tensor::PadOp pad) {
  RankedTensorType type = pad.getResultType();
  if (!type.hasStaticShape() || !pad.getSourceType().hasStaticShape())
    return;
  SmallVector<int64_t> where;
  for (auto [size, low, inside] : llvm::zip_equal(
           type.getShape(), pad.getStaticLow(), pad.getSourceType().getShape()))
    where.append({size, low, low + inside});
  auto mark = [&](OpOperand &use) {
    auto reader = dyn_cast<linalg::GenericOp>(use.getOwner());
    if (!reader || !sumsProducts(reader))
      return;
    SmallVector<int64_t> values{int64_t(use.getOperandNumber())};
    llvm::append_range(values, where);
    reader->setAttr("plait.inside",
                    DenseI64ArrayAttr::get(pad.getContext(), values));
  };
  for (OpOperand &use : pad->getUses()) {
    mark(use);
    auto slice = dyn_cast<tensor::ExtractSliceOp>(use.getOwner());
    if (slice && slice.hasUnitStride() && slice.getDroppedDims().none())
      for (OpOperand &inner : slice->getUses())
        mark(inner);
  }
}

void plait::padInPlace(tensor::PadOp pad) {
  TypedAttr padding;
  SmallVector<OpFoldResult> low = pad.getMixedLowPad(),
                            high = pad.getMixedHighPad();
  Value constant = pad.getConstantPaddingValue();
  if (!constant || !matchPattern(constant, m_Constant(&padding)) ||
      llvm::any_of(llvm::concat<OpFoldResult>(low, high), [](OpFoldResult by) {
        return getConstantIntValue(by).value_or(-1) < 0;
      }))
    return;

  if (matchPattern(constant, m_PosZeroFloat()) ||
      matchPattern(constant, m_Zero()))
    markReaders(pad);
  OpOperand *memory = memoryOf(pad);
  Location loc = pad.getLoc();
  OpBuilder b(pad);
  if (memory)
    b.setInsertionPoint(memory->getOwner());
  RankedTensorType type = pad.getSourceType();
  SmallVector<OpFoldResult> size;
  if (type.hasStaticShape())
    size = getAsIndexOpFoldResult(b.getContext(), type.getShape());
  else if (memory)
    size = memory->get().getDefiningOp<tensor::EmptyOp>().getMixedSizes();
  else
    size = tensor::getMixedSizes(b, loc, pad.getSource());
  auto add = [&](OpFoldResult x, OpFoldResult y) -> OpFoldResult {
    auto m = getConstantIntValue(x), n = getConstantIntValue(y);
    if (m && n)
      return b.getIndexAttr(*m + *n);
    return arith::AddIOp::create(b, loc,
                                 getValueOrCreateConstantIndexOp(b, loc, x),
                                 getValueOrCreateConstantIndexOp(b, loc, y))
        .getResult();
  };
  SmallVector<OpFoldResult> sizes, ends;
  for (auto [before, inside, after] : llvm::zip_equal(low, size, high)) {
    ends.push_back(add(before, inside));
    sizes.push_back(add(ends.back(), after));
  }

  Value whole = tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
  Value filler = arith::ConstantOp::create(b, loc, padding);
  // What lies before and behind along one dimension, then along the next only
  // beside what is inside along those before.
  SmallVector<OpFoldResult> at(sizes.size(), b.getIndexAttr(0)),
      extent = sizes, by(sizes.size(), b.getIndexAttr(1));
  for (size_t dim = 0; dim < sizes.size(); ++dim) {
    auto fill = [&](OpFoldResult from, OpFoldResult count) {
      if (getConstantIntValue(count) == 0)
        return;
      at[dim] = from;
      extent[dim] = count;
      // One tensor.empty for every use: see tensor-split-empty.
      Value border =
          whole.getDefiningOp<tensor::EmptyOp>()
              ? tensor::EmptyOp::create(b, loc, extent, type.getElementType())
                    .getResult()
              : tensor::ExtractSliceOp::create(b, loc, whole, at, extent, by)
                    .getResult();
      border = linalg::FillOp::create(b, loc, filler, border).getResult(0);
      whole =
          tensor::InsertSliceOp::create(b, loc, border, whole, at, extent, by);
    };
    fill(b.getIndexAttr(0), low[dim]);
    fill(ends[dim], high[dim]);
    at[dim] = low[dim];
    extent[dim] = size[dim];
  }

  Value inside = pad.getSource();
  if (memory) {
    if (auto expand = inside.getDefiningOp<tensor::ExpandShapeOp>())
      inside = expand.getSrc();
    memory->set(tensor::ExtractSliceOp::create(
        b, loc, cast<RankedTensorType>(inside.getType()), whole, at, extent,
        by));
  }
  b.setInsertionPoint(pad);
  Value padded =
      tensor::InsertSliceOp::create(b, loc, inside, whole, at, extent, by);
  if (padded.getType() != pad.getType())
    padded = tensor::CastOp::create(b, loc, pad.getType(), padded);
  pad.getResult().replaceAllUsesWith(padded);
  pad.erase();
}
