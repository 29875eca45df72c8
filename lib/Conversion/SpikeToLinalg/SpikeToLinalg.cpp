//===- SpikeToLinalg.cpp - the reference meaning of spike -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"
#include "plait/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTSPIKETOLINALG
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait::spike;

/// The map of an operand whose shape ends the shape of a `rank`-d state.
static AffineMap getSuffixMap(Value operand, int64_t rank, Builder &b) {
  int64_t own = cast<RankedTensorType>(operand.getType()).getRank();
  SmallVector<AffineExpr> dims;
  for (int64_t dim = rank - own; dim < rank; ++dim)
    dims.push_back(b.getAffineDimExpr(dim));
  return AffineMap::get(rank, 0, dims, b.getContext());
}

linalg::GenericOp plait::spike::createElementwise(
    OpBuilder &b, Location loc, ValueRange operands, ValueRange inits,
    function_ref<SmallVector<Value>(OpBuilder &, ValueRange)> body) {
  auto type = cast<RankedTensorType>(inits.front().getType());
  SmallVector<AffineMap> maps;
  for (ValueRange range : {operands, inits})
    for (Value operand : range)
      maps.push_back(getSuffixMap(operand, type.getRank(), b));
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
      b, loc, TypeRange(inits), operands, inits, maps, iterators,
      [&](OpBuilder &nested, Location at, ValueRange scalars) {
        linalg::YieldOp::create(nested, at, body(nested, scalars));
      });
}

Value plait::spike::createEmptyLike(OpBuilder &b, Location loc, Value tensor) {
  return tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, tensor),
      cast<RankedTensorType>(tensor.getType()).getElementType());
}

namespace {

struct ConvertSpikeToLinalg
    : plait::impl::ConvertSpikeToLinalgBase<ConvertSpikeToLinalg> {
  void runOnOperation() override {
    ConversionTarget target(getContext());
    target.addIllegalDialect<SpikeDialect>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    RewritePatternSet patterns(&getContext());
    populateDelayPatterns(patterns);
    populateEncodingPatterns(patterns);
    populateImagePatterns(patterns);
    populateNeuronPatterns(patterns);
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
