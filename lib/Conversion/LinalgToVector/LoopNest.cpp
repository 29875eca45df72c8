//===- LoopNest.cpp - a linalg op as loops over strided memory -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopNest.h"

#include "mlir/Analysis/FlatLinearValueConstraints.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace plait;

OpFoldResult plait::multiply(OpBuilder &b, Location loc, OpFoldResult x,
                             OpFoldResult y) {
  auto m = getConstantIntValue(x), n = getConstantIntValue(y);
  if (m && n)
    return b.getIndexAttr(*m * *n);
  if ((m && *m == 0) || (n && *n == 0))
    return b.getIndexAttr(0);
  if (m && *m == 1)
    return y;
  if (n && *n == 1)
    return x;
  return arith::MulIOp::create(b, loc,
                               getValueOrCreateConstantIndexOp(b, loc, x),
                               getValueOrCreateConstantIndexOp(b, loc, y))
      .getResult();
}

OpFoldResult plait::add(OpBuilder &b, Location loc, OpFoldResult x,
                        OpFoldResult y) {
  auto m = getConstantIntValue(x), n = getConstantIntValue(y);
  if (m && n)
    return b.getIndexAttr(*m + *n);
  if (m && *m == 0)
    return y;
  if (n && *n == 0)
    return x;
  return arith::AddIOp::create(b, loc,
                               getValueOrCreateConstantIndexOp(b, loc, x),
                               getValueOrCreateConstantIndexOp(b, loc, y))
      .getResult();
}

FlatBuffer FlatBuffer::get(OpBuilder &b, Location loc, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<int64_t> fixed;
  int64_t fixedOffset;
  // Every layout that bufferization makes is strided.
  LogicalResult strided = type.getStridesAndOffset(fixed, fixedOffset);
  assert(succeeded(strided) && "expects a strided layout");
  (void)strided;
  FlatBuffer result;
  bool isStatic = type.hasStaticShape() && llvm::none_of(fixed, [](int64_t s) {
                    return ShapedType::isDynamic(s);
                  });
  Value base = memref;
  OpFoldResult offset = b.getIndexAttr(fixedOffset), size = b.getIndexAttr(1);
  SmallVector<OpFoldResult> sizes;
  if (isStatic && fixedOffset == 0) {
    for (auto [stride, extent] : llvm::zip(fixed, type.getShape())) {
      result.strides.push_back(b.getIndexAttr(stride));
      sizes.push_back(b.getIndexAttr(extent));
    }
  } else {
    auto metadata = memref::ExtractStridedMetadataOp::create(b, loc, memref);
    base = metadata.getBaseBuffer();
    if (ShapedType::isDynamic(fixedOffset))
      offset = metadata.getOffset();
    sizes = metadata.getConstifiedMixedSizes();
    result.strides = metadata.getConstifiedMixedStrides();
  }
  for (auto [stride, extent] : llvm::zip(result.strides, sizes)) {
    OpFoldResult last = add(b, loc, extent, b.getIndexAttr(-1));
    size = add(b, loc, size, multiply(b, loc, last, stride));
  }
  auto constant = getConstantIntValue(offset);
  auto layout = StridedLayoutAttr::get(
      b.getContext(), constant ? *constant : ShapedType::kDynamic, {1});
  auto extent = getConstantIntValue(size);
  MemRefType flat = MemRefType::get(
      {extent ? std::max<int64_t>(*extent, 0) : ShapedType::kDynamic},
      type.getElementType(),
      constant && *constant == 0 ? MemRefLayoutAttrInterface() : layout);
  if (extent)
    size = b.getIndexAttr(flat.getDimSize(0));
  if (flat == type) {
    result.memref = memref;
    return result;
  }
  result.memref = memref::ReinterpretCastOp::create(
      b, loc, flat, base, offset, ArrayRef<OpFoldResult>(size),
      ArrayRef<OpFoldResult>(b.getIndexAttr(1)));
  return result;
}

LoopNest::LoopNest(OpBuilder &b, linalg::GenericOp op) : op(op) {
  Location loc = op.getLoc();
  llvm::SmallDenseSet<unsigned> named;
  op.getBody()->walk(
      [&](linalg::IndexOp index) { named.insert(index.getDim()); });
  // An expression without a division is its coefficients and a constant.
  auto coefficients = [](AffineMap map, AffineExpr expr) {
    SmallVector<int64_t> flat;
    if (failed(getFlattenedAffineExpr(expr, map.getNumDims(), 0, &flat)) ||
        flat.size() != map.getNumDims() + 1)
      flat.clear();
    return flat;
  };
  for (AffineMap map : op.getIndexingMapsArray())
    for (AffineExpr expr : map.getResults())
      if (coefficients(map, expr).empty())
        for (unsigned d = 0; d < map.getNumDims(); ++d)
          if (expr.isFunctionOfDim(d))
            named.insert(d);

  SmallVector<OpFoldResult> sizes;
  for (Range range :
       cast<linalg::LinalgOp>(op.getOperation()).createLoopRanges(b, loc))
    sizes.push_back(range.size);
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  for (auto [dim, size] : llvm::enumerate(sizes)) {
    loops.push_back(
        {size, kinds[dim] == utils::IteratorType::reduction, std::nullopt});
    if (named.contains(dim))
      loops.back().dim = dim;
  }

  for (OpOperand &operand : op->getOpOperands()) {
    accesses.emplace_back();
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    Access access;
    access.buffer = FlatBuffer::get(b, loc, operand.get());
    access.offset = b.getIndexAttr(0);
    access.strides.assign(loops.size(), b.getIndexAttr(0));
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [expr, stride] :
         llvm::zip(map.getResults(), access.buffer.strides)) {
      SmallVector<int64_t> flat = coefficients(map, expr);
      if (flat.empty()) {
        access.irregular.push_back({expr, stride});
        continue;
      }
      for (unsigned d = 0; d < map.getNumDims(); ++d)
        if (flat[d] != 0)
          access.strides[d] =
              add(b, loc, access.strides[d],
                  multiply(b, loc, b.getIndexAttr(flat[d]), stride));
      access.offset =
          add(b, loc, access.offset,
              multiply(b, loc, b.getIndexAttr(flat.back()), stride));
    }
    accesses.back() = std::move(access);
  }
  merge(b);
}

/// Drops loops of size one, and makes one loop of two neighbours where every
/// operand moves on by the size of the inner one times its stride.
void LoopNest::merge(OpBuilder &b) {
  Location loc = op.getLoc();
  auto drop = [&](unsigned loop) {
    loops.erase(loops.begin() + loop);
    for (std::optional<Access> &access : accesses)
      if (access)
        access->strides.erase(access->strides.begin() + loop);
  };
  for (unsigned i = loops.size(); i-- > 0;)
    if (!loops[i].dim && isConstantIntValue(loops[i].size, 1))
      drop(i);

  // The strides of dynamic sizes are values: only the layout knows that one
  // is a multiple of another.
  auto isContiguous = [&](unsigned operand, unsigned outer) {
    Access &access = *accesses[operand];
    OpFoldResult x = access.strides[outer], y = access.strides[outer + 1];
    auto m = getConstantIntValue(x), n = getConstantIntValue(y),
         size = getConstantIntValue(loops[outer + 1].size);
    if (m && n && *m == 0 && *n == 0)
      return true;
    if (m && n && size)
      return *m == *n * *size;
    auto type = cast<MemRefType>(op->getOperand(operand).getType());
    if (!type.getLayout().isIdentity())
      return false;
    for (unsigned d = 0; d + 1 < type.getRank(); ++d)
      if (access.buffer.strides[d] == x && access.buffer.strides[d + 1] == y) {
        AffineMap map = op.getMatchingIndexingMap(&op->getOpOperand(operand));
        // Both subscripts are plain loops: the sizes are the buffer's.
        return isa<AffineDimExpr>(map.getResult(d)) &&
               isa<AffineDimExpr>(map.getResult(d + 1));
      }
    return false;
  };
  for (unsigned i = loops.size(); i-- > 1;) {
    unsigned outer = i - 1;
    if (loops[outer].dim || loops[i].dim ||
        loops[outer].reduction != loops[i].reduction)
      continue;
    bool all = llvm::all_of(llvm::seq<unsigned>(accesses.size()), [&](auto a) {
      return !accesses[a] || isContiguous(a, outer);
    });
    if (!all)
      continue;
    loops[outer].size = multiply(b, loc, loops[outer].size, loops[i].size);
    for (std::optional<Access> &access : accesses)
      if (access)
        access->strides[outer] = access->strides[i];
    drop(i);
  }
}

bool LoopNest::isRegular(unsigned operand, unsigned loop) const {
  if (!accesses[operand] || !loops[loop].dim)
    return true;
  return llvm::none_of(accesses[operand]->irregular, [&](auto &part) {
    return part.first.isFunctionOfDim(*loops[loop].dim);
  });
}
