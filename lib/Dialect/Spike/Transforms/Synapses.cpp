//===- Synapses.cpp - sums of products of activations and weights ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Synapses.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

bool plait::spike::isSynapse(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op->getNumResults() != 1 ||
      op.getNumReductionLoops() == 0 || !op.hasPureTensorSemantics())
    return false;
  Block &body = op->getRegion(0).front();
  auto yield = body.getTerminator();
  auto sum = yield->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!sum || body.getOperations().size() != 3)
    return false;
  auto product = sum.getRhs().getDefiningOp<arith::MulFOp>();
  return product && sum.getLhs() == body.getArgument(2) &&
         product.getLhs() == body.getArgument(0) &&
         product.getRhs() == body.getArgument(1);
}

OpOperand &plait::spike::weightsOf(linalg::LinalgOp synapse) {
  return *synapse.getDpsInputOperand(1);
}

std::optional<unsigned>
plait::spike::channelAxisOfWeights(linalg::LinalgOp synapse, unsigned axis) {
  AffineMap result =
      synapse.getMatchingIndexingMap(synapse.getDpsInitOperand(0));
  AffineMap weights = synapse.getMatchingIndexingMap(&weightsOf(synapse));
  AffineMap given =
      synapse.getMatchingIndexingMap(synapse.getDpsInputOperand(0));
  if (axis >= result.getNumResults())
    return std::nullopt;
  auto dim = dyn_cast<AffineDimExpr>(result.getResult(axis));
  if (!dim || given.isFunctionOfDim(dim.getPosition()))
    return std::nullopt;
  for (auto [i, expr] : llvm::enumerate(weights.getResults()))
    if (expr == dim)
      return i;
  return std::nullopt;
}

unsigned plait::spike::channelAxis(linalg::LinalgOp synapse) {
  AffineMap result =
      synapse.getMatchingIndexingMap(synapse.getDpsInitOperand(0));
  unsigned axis = 0;
  for (unsigned i = 0; i < result.getNumResults(); ++i)
    if (channelAxisOfWeights(synapse, i)) {
      axis = i;
      break;
    }
  return axis;
}
