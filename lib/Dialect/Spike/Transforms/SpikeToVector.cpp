//===- SpikeToVector.cpp - whole runs of neurons as vector loops ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorEmit.h"
#include "plait/Dialect/Spike/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace plait::spike {
#define GEN_PASS_DEF_CONVERTSPIKETOVECTOR
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"
} // namespace plait::spike

using namespace mlir;
using namespace plait::spike;

namespace {

/// `scan` of a population of several axes, which nothing mixes, as one of
/// [batch, neurons]; `scan` itself where it is one or cannot be.
ScanOp flattenPopulation(ScanOp scan) {
  auto state = cast<RankedTensorType>(scan.getV().getType());
  int64_t rank = state.getRank();
  if (rank <= 2 || ShapedType::isDynamicShape(state.getShape().drop_front()))
    return scan;
  // A parameter of some of the axes only would have to be repeated.
  for (Value parameter : parametersOf(scan))
    if (parameter) {
      int64_t own = cast<RankedTensorType>(parameter.getType()).getRank();
      if (own > 0 && own + 1 < rank)
        return scan;
    }
  auto out = cast<RankedTensorType>(scan.getOut().getType());
  if (scan.getEncoding() == Encoding::Packed &&
      state.getShape().back() % out.getElementTypeBitWidth() != 0)
    return scan;
  OpBuilder builder(scan);
  Emitter b(scan.getLoc(), builder);
  // The population's axes, `rank - 1` at the end, are one.
  auto groupsOf = [&](int64_t own) {
    SmallVector<ReassociationIndices> groups;
    int64_t batch = own - rank + 1;
    for (int64_t dim = 0; dim < batch; ++dim)
      groups.push_back({dim});
    groups.push_back(llvm::to_vector<2>(llvm::seq<int64_t>(batch, own)));
    return groups;
  };
  auto flat = [&](Type type) {
    auto own = cast<RankedTensorType>(type);
    SmallVector<int64_t> shape;
    for (const ReassociationIndices &group : groupsOf(own.getRank())) {
      shape.push_back(1);
      for (int64_t dim : group)
        shape.back() = group.size() == 1 ? own.getDimSize(dim)
                                         : shape.back() * own.getDimSize(dim);
    }
    return own.clone(shape);
  };
  auto made = cast<ScanOp>(b.clone(*scan));
  b.setInsertionPoint(made);
  for (OpOperand &operand : made->getOpOperands()) {
    auto type = cast<RankedTensorType>(operand.get().getType());
    if (type.getRank() > 0)
      operand.set(tensor::CollapseShapeOp::create(b, flat(type), operand.get(),
                                                  groupsOf(type.getRank())));
  }
  b.setInsertionPointAfter(made);
  for (auto [old, result] :
       llvm::zip_equal(scan->getResults(), made->getResults())) {
    auto type = cast<RankedTensorType>(old.getType());
    result.setType(flat(type));
    SmallVector<ReassociationIndices> groups = groupsOf(type.getRank());
    SmallVector<OpFoldResult> sizes;
    for (const ReassociationIndices &group : groups) {
      // Only what is before the population's axes is dynamic.
      for (int64_t dim : group)
        sizes.push_back(type.isDynamicDim(dim)
                            ? tensor::getMixedSize(b, b.getLoc(), result, dim)
                            : b.getIndexAttr(type.getDimSize(dim)));
    }
    old.replaceAllUsesWith(
        tensor::ExpandShapeOp::create(b, type, result, groups, sizes));
  }
  scan.erase();
  return made;
}

struct ConvertSpikeToVector
    : plait::spike::impl::ConvertSpikeToVectorBase<ConvertSpikeToVector> {
  void runOnOperation() override {
    SmallVector<ListEventsOp> lists;
    SmallVector<ScanOp> scans;
    SmallVector<ConvScanOp> convolutions;
    SmallVector<PoolOp> pools;
    getOperation().walk([&](Operation *op) {
      if (auto list = dyn_cast<ListEventsOp>(op))
        lists.push_back(list);
      else if (auto scan = dyn_cast<ScanOp>(op))
        scans.push_back(scan);
      else if (auto convolution = dyn_cast<ConvScanOp>(op))
        convolutions.push_back(convolution);
      else if (auto pool = dyn_cast<PoolOp>(op))
        pools.push_back(pool);
    });
    for (ConvScanOp convolution : convolutions)
      ++(succeeded(convertConvScan(convolution)) ? numScans : numLeft);
    for (PoolOp pool : pools)
      (void)convertPool(pool);
    for (ScanOp scan : scans)
      ++(succeeded(convertScan(flattenPopulation(scan))) ? numScans : numLeft);
    for (ListEventsOp list : lists)
      if (auto type = cast<RankedTensorType>(list.getIndices().getType());
          type.getRank() > 1 && !ShapedType::isDynamic(type.getShape().back()))
        convertListEvents(list);
  }
};

} // namespace
