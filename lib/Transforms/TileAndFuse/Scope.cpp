//===- Scope.cpp - values in the bodies of a group's ops -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Scope.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace plait {

OpOperand *operandOf(Value value, linalg::LinalgOp op) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != op.getBlock())
    return nullptr;
  return op.getMatchingOpOperand(argument);
}

std::optional<AxisMap> indicesOf(const Scope &scope, OpOperand *operand) {
  linalg::LinalgOp op = scope.op;
  AxisMap indices;
  for (AffineExpr expr : op.getMatchingIndexingMap(operand).getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    auto constant = dyn_cast<AffineConstantExpr>(expr);
    if (!dim && !(constant && constant.getValue() == 0))
      return std::nullopt;
    indices.push_back(dim ? scope.loops[dim.getPosition()] : whole);
  }
  return indices;
}

std::optional<std::pair<Scope, Value>> enter(Value value, const Scope &scope) {
  OpOperand *operand = operandOf(value, scope.op);
  if (!operand)
    return std::nullopt;
  Value tensor = operand->get();
  std::optional<AxisMap> indices = indicesOf(scope, operand);
  while (indices &&
         isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(
             tensor.getDefiningOp())) {
    indices = throughReshape(tensor.getDefiningOp(), *indices,
                             /*forward=*/false);
    tensor = tensor.getDefiningOp()->getOperand(0);
  }
  auto generic = tensor.getDefiningOp<linalg::GenericOp>();
  if (!indices || !generic || !isElementwise(generic))
    return std::nullopt;
  return std::make_pair(Scope{generic, *indices},
                        generic.getBody()->getTerminator()->getOperand(0));
}

bool isSame(Value x, const Scope &inX, Value y, const Scope &inY) {
  OpOperand *readX = operandOf(x, inX.op), *readY = operandOf(y, inY.op);
  if (readX || readY)
    return readX && readY && readX->get() == readY->get() &&
           indicesOf(inX, readX) == indicesOf(inY, readY);
  Operation *opX = x.getDefiningOp(), *opY = y.getDefiningOp();
  if (x == y || !opX || !opY)
    return x == y;
  auto indexX = dyn_cast<linalg::IndexOp>(opX);
  auto indexY = dyn_cast<linalg::IndexOp>(opY);
  if (indexX && indexY)
    return inX.loops[indexX.getDim()] == inY.loops[indexY.getDim()];
  bool same = opX->getName() == opY->getName() &&
              opX->getAttrDictionary() == opY->getAttrDictionary() &&
              opX->getResultTypes() == opY->getResultTypes() &&
              opX->getNumOperands() == opY->getNumOperands() && isPure(opX) &&
              opX->getNumRegions() == 0;
  for (unsigned i = 0; same && i < opX->getNumOperands(); ++i)
    same = isSame(opX->getOperand(i), inX, opY->getOperand(i), inY);
  return same;
}

Value evaluate(OpBuilder &b, Location loc, Value value, const Scope &scope,
               ArrayRef<Value> at) {
  auto indexOf = [&](int axis) -> Value {
    return axis == whole ? arith::ConstantIndexOp::create(b, loc, 0) : at[axis];
  };
  if (OpOperand *operand = operandOf(value, scope.op)) {
    if (!isa<RankedTensorType>(operand->get().getType()))
      return operand->get();
    SmallVector<Value> indices =
        llvm::map_to_vector(*indicesOf(scope, operand), indexOf);
    return tensor::ExtractOp::create(b, loc, operand->get(), indices);
  }
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != scope.body())
    return value;
  if (auto index = dyn_cast<linalg::IndexOp>(op))
    return indexOf(scope.loops[index.getDim()]);
  IRMapping mapping;
  for (Value operand : op->getOperands())
    mapping.map(operand, evaluate(b, loc, operand, scope, at));
  return b.clone(*op, mapping)
      ->getResult(cast<OpResult>(value).getResultNumber());
}

} // namespace plait
