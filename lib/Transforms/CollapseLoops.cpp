//===- CollapseLoops.cpp - one loop over rows -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgShapes.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace plait {
#define GEN_PASS_DEF_LINALGCOLLAPSELOOPS
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;

namespace {

/// A slice has gaps: collapsing it would copy it.
bool isSlice(Value value) {
  return value.getDefiningOp<tensor::ExtractSliceOp>() != nullptr;
}

/// The longest runs of loops of a contraction that every operand has as
/// neighbours, or not at all.
SmallVector<ReassociationIndices> collapsibleLoops(linalg::LinalgOp linalgOp) {
  auto op = dyn_cast<linalg::GenericOp>(*linalgOp);
  if (!op || !op.hasPureTensorSemantics() || !isContraction(op) ||
      llvm::any_of(op.getInputs(), isSlice))
    return {};
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  auto operandsOf = [&](unsigned loop) {
    AffineExpr expr = getAffineDimExpr(loop, op.getContext());
    unsigned set = 0;
    for (auto [index, map] : llvm::enumerate(maps))
      set |= map.getResultPosition(expr).has_value() << index;
    return set;
  };
  SmallVector<ReassociationIndices> runs;
  for (unsigned loop = 0; loop < op.getNumLoops();) {
    ReassociationIndices run{loop};
    for (unsigned next = loop + 1; next < op.getNumLoops(); ++next) {
      run.push_back(next);
      if (kinds[next] != kinds[loop] || operandsOf(next) != operandsOf(loop) ||
          !linalg::areDimSequencesPreserved(maps, {run})) {
        run.pop_back();
        break;
      }
    }
    loop += run.size();
    if (run.size() > 1)
      runs.push_back(run);
  }
  return runs;
}

/// Whether the body asks for an index of a loop that `expand` splits off the
/// innermost one: a division for every element.
bool indexesInnermost(linalg::GenericOp op, tensor::ExpandShapeOp expand) {
  return op.hasIndexSemantics() &&
         expand.getReassociationIndices().back().size() > 1;
}

bool shouldCollapse(OpOperand *operand) {
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(operand->getOwner())) {
    // Up into the producer, if no one wants it as it is.
    auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
    return producer && !producer.hasIndexSemantics() &&
           producer->getNumResults() == 1 && !isContraction(producer) &&
           llvm::none_of(producer.getInputs(), isSlice) &&
           llvm::all_of(producer->getUsers(), [&](Operation *user) {
             // Sizes are as easily had of what it becomes.
             if (isa<tensor::DimOp>(user))
               return true;
             auto other = dyn_cast<tensor::CollapseShapeOp>(user);
             return other &&
                    other.getReassociation() == collapse.getReassociation();
           });
  }
  auto reader = dyn_cast<linalg::GenericOp>(operand->getOwner());
  auto expand = operand->get().getDefiningOp<tensor::ExpandShapeOp>();
  return reader && expand && !indexesInnermost(reader, expand) &&
         llvm::none_of(reader.getInputs(), isSlice);
}

struct LinalgCollapseLoops
    : plait::impl::LinalgCollapseLoopsBase<LinalgCollapseLoops> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    linalg::populateCollapseDimensions(patterns, collapsibleLoops);
    linalg::populateFoldReshapeOpsByCollapsingPatterns(patterns,
                                                       shouldCollapse);
    tensor::populateFoldTensorEmptyPatterns(patterns);
    linalg::FillOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns,
                                                         &getContext());
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    // A reshape moves by one op at a time; every step makes loops fewer.
    GreedyRewriteConfig config;
    config.setMaxIterations(GreedyRewriteConfig::kNoLimit);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};

} // namespace
