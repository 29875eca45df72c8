//===- LinalgShapes.cpp - what passes ask about a linalg op -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgShapes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

std::optional<plait::Copy> plait::matchCopy(Value value) {
  auto op = value.getDefiningOp<linalg::LinalgOp>();
  if (!op || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops())
    return std::nullopt;
  if (!isa<linalg::TransposeOp, linalg::BroadcastOp>(op)) {
    auto generic = dyn_cast<linalg::GenericOp>(*op);
    if (!generic)
      return std::nullopt;
    auto yield = cast<linalg::YieldOp>(generic.getBody()->getTerminator());
    if (yield.getOperand(0) != generic.getBody()->getArgument(0))
      return std::nullopt;
  }
  AffineMap in = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (in.getNumResults() == 0 || !out.isPermutation() ||
      !in.isProjectedPermutation())
    return std::nullopt;
  return Copy{op.getDpsInputOperand(0)->get(),
              in.compose(inversePermutation(out))};
}

Value plait::makeTransposed(OpBuilder &b, Location loc, Value source,
                            AffineMap map) {
  SmallVector<OpFoldResult> from = tensor::getMixedSizes(b, loc, source);
  SmallVector<OpFoldResult> sizes(map.getNumDims());
  for (auto [index, expr] : llvm::enumerate(map.getResults()))
    sizes[cast<AffineDimExpr>(expr).getPosition()] = from[index];
  Value empty = tensor::EmptyOp::create(b, loc, sizes,
                                        getElementTypeOrSelf(source.getType()));
  SmallVector<utils::IteratorType> loops(map.getNumDims(),
                                         utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, empty.getType(), source, empty,
             ArrayRef{map, b.getMultiDimIdentityMap(map.getNumDims())}, loops,
             [](OpBuilder &b, Location loc, ValueRange args) {
               linalg::YieldOp::create(b, loc, args[0]);
             })
      .getResult(0);
}

Value plait::filledWith(Value value) {
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    return fill.value();
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || op->getNumResults() != 1 || op.getNumDpsInputs() > 1)
    return {};
  Value element = op.getBody()->getTerminator()->getOperand(0);
  if (op.getNumDpsInputs() == 1 && element == op.getBody()->getArgument(0) &&
      !isa<ShapedType>(op.getInputs()[0].getType()))
    return op.getInputs()[0];
  return element.getParentRegion() == &op.getRegion() ? Value() : element;
}

bool plait::isElementwise(linalg::GenericOp op) {
  return op.hasPureTensorSemantics() && op->getNumResults() == 1 &&
         op.getNumParallelLoops() == op.getNumLoops() &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity();
}

bool plait::sumsProducts(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      op.getNumReductionLoops() == 0)
    return false;
  Value sum = op.getBody()->getTerminator()->getOperand(0);
  Operation *add = sum.getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AddIOp>(add))
    return false;
  BlockArgument start = op.getBody()->getArgument(2);
  Value product = add->getOperand(add->getOperand(0) == start);
  return llvm::is_contained(add->getOperands(), start) &&
         isa_and_nonnull<arith::MulFOp, arith::MulIOp>(product.getDefiningOp());
}

bool plait::isContraction(linalg::GenericOp op) {
  return sumsProducts(op) &&
         llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) {
           return map.isProjectedPermutation();
         });
}
