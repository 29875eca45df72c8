//===- ScalarRegion.cpp - a region on rank 0 tensors, inlined on scalars -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarRegion.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

static bool isScalarTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 0;
}

namespace {
/// What is known of the values of a region while it is copied: rank 0 tensors
/// as their elements, and, where an op needs the tensor, that too.
class ScalarInliner {
public:
  explicit ScalarInliner(OpBuilder &builder) : builder(builder) {}

  void setScalar(Value tensor, Value scalar) { scalars[tensor] = scalar; }

  Value getScalar(Location loc, Value tensor) {
    Value &scalar = scalars[tensor];
    if (!scalar)
      scalar = tensor::ExtractOp::create(
          builder, loc, mapping.lookupOrDefault(tensor), ValueRange());
    return scalar;
  }

  void copy(Operation &op) {
    if (auto generic = dyn_cast<linalg::GenericOp>(op))
      if (generic.getNumLoops() == 0 &&
          llvm::all_of(generic->getOperandTypes(), isScalarTensor))
        return copyBody(generic);
    // A tensor that was only known by its element becomes a tensor again.
    for (Value operand : op.getOperands())
      if (auto it = scalars.find(operand);
          it != scalars.end() && !mapping.contains(operand))
        mapping.map(operand,
                    tensor::FromElementsOp::create(
                        builder, op.getLoc(), operand.getType(), it->second));
    builder.clone(op, mapping);
  }

private:
  void copyBody(linalg::GenericOp generic) {
    Location loc = generic.getLoc();
    for (OpOperand &operand : generic->getOpOperands()) {
      BlockArgument argument = generic.getMatchingBlockArgument(&operand);
      if (!argument.use_empty())
        mapping.map(argument, getScalar(loc, operand.get()));
    }
    for (Operation &op : generic.getBody()->without_terminator())
      builder.clone(op, mapping);
    for (auto [result, yielded] :
         llvm::zip_equal(generic.getResults(),
                         generic.getBody()->getTerminator()->getOperands()))
      setScalar(result, mapping.lookupOrDefault(yielded));
  }

  OpBuilder &builder;
  IRMapping mapping;
  DenseMap<Value, Value> scalars;
};
} // namespace

SmallVector<Value> plait::inlineOnScalars(OpBuilder &builder, Region &region,
                                          ValueRange arguments) {
  ScalarInliner inliner(builder);
  for (auto [argument, scalar] :
       llvm::zip_equal(region.getArguments(), arguments))
    inliner.setScalar(argument, scalar);
  Block &block = region.front();
  for (Operation &op : block.without_terminator())
    inliner.copy(op);
  Operation *end = block.getTerminator();
  return llvm::map_to_vector(end->getOperands(), [&](Value value) {
    return inliner.getScalar(end->getLoc(), value);
  });
}
