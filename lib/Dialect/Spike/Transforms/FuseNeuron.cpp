//===- FuseNeuron.cpp - synapses on events, in the neurons ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Switch.h"
#include "plait/Dialect/Spike/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

namespace plait::spike {
#define GEN_PASS_DEF_SPIKEFUSENEURON
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"
} // namespace plait::spike

using namespace mlir;
using namespace plait::spike;

namespace {

/// A scan's current as a product of a run of [T, B, K] with weights.
struct Synapse {
  Value run, weights, bias;
};

std::optional<Synapse> matchSynapse(ScanOp scan) {
  if (!scan.getCurrent() || scan.getRecurrent() || scan.getIndices())
    return std::nullopt;
  auto isTimeAndBatch = [](ArrayRef<ReassociationIndices> groups) {
    return groups.size() == 2 && groups[0].size() == 2 && groups[1].size() == 1;
  };
  auto expand = scan.getCurrent().getDefiningOp<tensor::ExpandShapeOp>();
  if (!expand || !isTimeAndBatch(expand.getReassociationIndices()))
    return std::nullopt;
  Synapse synapse;
  Value product = expand.getSrc();
  if (auto add = product.getDefiningOp<linalg::AddOp>())
    for (unsigned i : {0, 1})
      if (auto spread =
              add.getDpsInputs()[i].getDefiningOp<linalg::BroadcastOp>();
          spread && spread.getDimensions() == ArrayRef<int64_t>{0}) {
        synapse.bias = spread.getInput();
        product = add.getDpsInputs()[1 - i];
        break;
      }
  auto matmul = product.getDefiningOp<linalg::MatmulOp>();
  if (!matmul || matmul.hasUserDefinedMaps() || !product.hasOneUse())
    return std::nullopt;
  auto fill = matmul.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  auto collapse =
      matmul.getDpsInputs()[0].getDefiningOp<tensor::CollapseShapeOp>();
  if (!fill || !matchPattern(fill.getInputs()[0], m_PosZeroFloat()) ||
      !collapse || !isTimeAndBatch(collapse.getReassociationIndices()))
    return std::nullopt;
  synapse.run = collapse.getSrc();
  synapse.weights = matmul.getDpsInputs()[1];
  auto weights = cast<RankedTensorType>(synapse.weights.getType());
  Type element = weights.getElementType();
  if (!weights.hasStaticShape() ||
      element != getElementTypeOrSelf(synapse.run.getType()) ||
      element != getElementTypeOrSelf(scan.getV().getType()))
    return std::nullopt;
  return synapse;
}

/// Whether `run` is known to be no train of 0 and 1.
bool isGraded(Value run) {
  auto collapse = run.getDefiningOp<tensor::CollapseShapeOp>();
  return collapse && collapse.getSrc().getDefiningOp<PoolOp>();
}

struct SpikeFuseNeuron
    : plait::spike::impl::SpikeFuseNeuronBase<SpikeFuseNeuron> {
  using Base::Base;

  /// `scan` with the synapse's events for its current.
  ScanOp fuse(OpBuilder &b, ScanOp scan, const Synapse &synapse,
              ListEventsOp events) {
    auto fused = cast<ScanOp>(b.clone(*scan));
    fused.getCurrentMutable().clear();
    fused.getIndicesMutable().assign(events.getIndices());
    fused.getCountsMutable().assign(events.getCounts());
    fused.getWeightsMutable().assign(synapse.weights);
    if (synapse.bias)
      fused.getBiasMutable().assign(synapse.bias);
    ++numFused;
    return fused;
  }

  ListEventsOp listEvents(OpBuilder &b, Location loc, Value run) {
    ListEventsOp &known = lists[run];
    if (known)
      return known;
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(run);
    return known = ListEventsOp::create(b, loc, run);
  }

  /// `value` and what leads from `run` to it, again.
  Value cloneProduct(OpBuilder &b, Value value, Value run, IRMapping &mapping) {
    if (value == run || mapping.contains(value))
      return mapping.lookupOrDefault(value);
    Operation *op = value.getDefiningOp();
    if (!op || !isa<linalg::AddOp, linalg::BroadcastOp, linalg::FillOp,
                    linalg::MatmulOp, tensor::CollapseShapeOp, tensor::EmptyOp,
                    tensor::ExpandShapeOp, FromRowsOp>(op))
      return value;
    for (Value operand : op->getOperands())
      cloneProduct(b, operand, run, mapping);
    return b.clone(*op, mapping)->getResult(0);
  }

  void runOnOperation() override {
    if (failed(checkRate(getOperation(), "max-rate", maxRate)))
      return signalPassFailure();
    lists.clear();
    SmallVector<ScanOp> scans;
    getOperation().walk([&](ScanOp scan) { scans.push_back(scan); });
    for (ScanOp scan : scans) {
      std::optional<Synapse> synapse = matchSynapse(scan);
      if (!synapse || isSwitched(scan))
        continue;
      Operation *producer = findProducer(synapse->run);
      Road road = chooseRoad(producer, maxRate, switchHidden);
      if (road == Road::Product || isGraded(synapse->run))
        continue;
      OpBuilder b(scan);
      Location loc = scan.getLoc();
      ListEventsOp events = listEvents(b, loc, synapse->run);
      if (road == Road::Events) {
        scan.replaceAllUsesWith(fuse(b, scan, *synapse, events).getOperation());
        scan.erase();
        continue;
      }
      Value sparse = isSparse(b, loc, synapse->run, events, maxRate);
      auto branch = scf::IfOp::create(
          b, loc, sparse,
          [&](OpBuilder &inside, Location) {
            ScanOp fused = fuse(inside, scan, *synapse, events);
            scf::YieldOp::create(inside, loc, fused->getResults());
          },
          [&](OpBuilder &inside, Location) {
            IRMapping mapping;
            cloneProduct(inside, scan.getCurrent(), synapse->run, mapping);
            Operation *dense = inside.clone(*scan, mapping);
            scf::YieldOp::create(inside, loc, dense->getResults());
          });
      scan->replaceAllUsesWith(branch.getResults());
      scan.erase();
    }
  }

  /// The lists of a run that several populations read.
  DenseMap<Value, ListEventsOp> lists;
};

} // namespace
