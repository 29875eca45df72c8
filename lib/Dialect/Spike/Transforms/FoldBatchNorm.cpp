//===- FoldBatchNorm.cpp - batch norms into the weights before them -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Synapses.h"
#include "plait/Dialect/Spike/Transforms/Passes.h"
#include "plait/Transforms/ChannelChain.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"

namespace plait::spike {
#define GEN_PASS_DEF_SPIKEFOLDBATCHNORM
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"
} // namespace plait::spike

using namespace mlir;
using namespace plait;
using namespace plait::spike;

namespace {

/// What follows a synapse, step by step.
class Chain {
public:
  explicit Chain(linalg::LinalgOp synapse)
      : last(synapse->getResult(0)), synapse(synapse) {
    auto zero = synapse.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
    if (zero && matchPattern(zero.getInputs()[0], m_PosZeroFloat()))
      start = zero.getResult(0);
    else if (!addBroadcast(ChannelStep::Add, synapse.getDpsInits()[0]))
      return;
    while (last.hasOneUse() && follow(*last.getUsers().begin()))
      last = last.getUsers().begin()->getResult(0);
  }

  /// Whether anything is multiplied: a bias alone is what it should be.
  bool isFoldable() const {
    return llvm::any_of(steps,
                        [](const ChannelStep &step) {
                          return step.kind == ChannelStep::Multiply;
                        }) &&
           channelAxisOfWeights(synapse, *axis);
  }

  void fold() {
    ImplicitLocOpBuilder b(last.getLoc(), last.getDefiningOp());
    for (ChannelStep &step : steps)
      step.by = toVector(b, step.by);
    auto [scale, shift] = createScaleAndShift(b, b.getLoc(), steps);

    OpOperand &weights = weightsOf(synapse);
    int64_t rank = cast<RankedTensorType>(weights.get().getType()).getRank();
    AffineMap whole = b.getMultiDimIdentityMap(rank);
    AffineMap own = AffineMap::get(
        rank, 0, b.getAffineDimExpr(*channelAxisOfWeights(synapse, *axis)));
    Value scaled =
        elementwise(b, {weights.get(), scale}, {whole, own}, weights.get(),
                    [](OpBuilder &b, Location loc, ValueRange s) -> Value {
                      return arith::MulFOp::create(b, loc, s[0], s[1]);
                    });
    Value init = synapse.getDpsInits()[0];
    Value empty = emptyLike(b, init);
    if (!start)
      start = linalg::FillOp::create(
                  b,
                  arith::ConstantOp::create(
                      b, b.getFloatAttr(getElementTypeOrSelf(init), 0))
                      .getResult(),
                  empty)
                  .getResult(0);
    Operation *sum = b.clone(*synapse);
    sum->setOperand(weights.getOperandNumber(), scaled);
    sum->setOperand(2, start);
    SmallVector<int64_t> others;
    for (int64_t i = 0; i < cast<RankedTensorType>(last.getType()).getRank();
         ++i)
      if (i != static_cast<int64_t>(*axis))
        others.push_back(i);
    Value spread =
        linalg::BroadcastOp::create(b, shift, empty, others)->getResult(0);
    Value shifted =
        linalg::AddOp::create(b, ValueRange{sum->getResult(0), spread},
                              ValueRange{empty})
            .getResult(0);
    last.replaceAllUsesWith(shifted);
  }

private:
  static Value emptyLike(ImplicitLocOpBuilder &b, Value value) {
    return tensor::EmptyOp::create(b,
                                   tensor::getMixedSizes(b, b.getLoc(), value),
                                   getElementTypeOrSelf(value));
  }

  static Value
  elementwise(ImplicitLocOpBuilder &b, ValueRange inputs,
              ArrayRef<AffineMap> maps, Value like,
              function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
    SmallVector<AffineMap> all(maps);
    int64_t rank = cast<RankedTensorType>(like.getType()).getRank();
    all.push_back(b.getMultiDimIdentityMap(rank));
    return linalg::GenericOp::create(
               b, like.getType(), inputs, emptyLike(b, like), all,
               SmallVector<utils::IteratorType>(rank,
                                                utils::IteratorType::parallel),
               [&](OpBuilder &b, Location loc, ValueRange args) {
                 linalg::YieldOp::create(b, loc, body(b, loc, args));
               })
        .getResult(0);
  }

  /// [C, 1, 1] --> [C].
  static Value toVector(ImplicitLocOpBuilder &b, Value value) {
    int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
    if (rank == 1)
      return value;
    ReassociationIndices all = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    return tensor::CollapseShapeOp::create(b, value,
                                           ArrayRef<ReassociationIndices>{all});
  }

  bool addStep(ChannelStep step, unsigned along) {
    if (axis.value_or(along) != along)
      return false;
    axis = along;
    steps.push_back(step);
    return true;
  }

  /// A value per channel, spread over the other axes.
  bool addBroadcast(ChannelStep::Kind kind, Value value) {
    auto spread = value.getDefiningOp<linalg::BroadcastOp>();
    if (!spread ||
        cast<RankedTensorType>(spread.getInput().getType()).getRank() != 1)
      return false;
    unsigned along = 0;
    while (llvm::is_contained(spread.getDimensions(), along))
      ++along;
    return addStep({kind, spread.getInput()}, along);
  }

  /// Whether `op` only scales and shifts `last`.
  bool follow(Operation *op) {
    if (op->getNumResults() != 1 || op->getBlock() != synapse->getBlock())
      return false;
    if (isa<linalg::AddOp, linalg::SubOp, linalg::MulOp>(op)) {
      bool isLeft = op->getOperand(0) == last;
      if (op->getOperand(2) == last || (isa<linalg::SubOp>(op) && !isLeft))
        return false;
      return addBroadcast(isa<linalg::MulOp>(op)   ? ChannelStep::Multiply
                          : isa<linalg::AddOp>(op) ? ChannelStep::Add
                                                   : ChannelStep::Subtract,
                          op->getOperand(isLeft));
    }
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic || generic.getNumReductionLoops() ||
        !generic.getMatchingIndexingMap(generic.getDpsInitOperand(0))
             .isIdentity())
      return false;
    OpOperand &use = *last.getUses().begin();
    if (!generic.isDpsInput(&use) ||
        !generic.getMatchingIndexingMap(&use).isIdentity())
      return false;
    ChannelChain chain = ChannelChain::from(generic, &use);
    // The chain must be all that the op does.
    if (chain.ops.empty() ||
        generic.getBody()->getOperations().size() != chain.ops.size() + 1)
      return false;
    std::optional<unsigned> along;
    for (AffineExpr expr : chain.map.getResults())
      if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
        if (along)
          return false;
        along = dim.getPosition();
      }
    // One value for each channel, whatever ones lie around it.
    for (const ChannelStep &step : chain.steps) {
      auto type = cast<RankedTensorType>(step.by.getType());
      for (auto [size, expr] :
           llvm::zip_equal(type.getShape(), chain.map.getResults()))
        if (!isa<AffineDimExpr>(expr) && size != 1)
          return false;
    }
    return along && llvm::all_of(chain.steps, [&](const ChannelStep &step) {
             return addStep(step, *along);
           });
  }

public:
  /// The last value of the chain.
  Value last;

private:
  linalg::LinalgOp synapse;
  /// The zeros that the synapse sums onto, where it does.
  Value start;
  std::optional<unsigned> axis;
  SmallVector<ChannelStep> steps;
};

struct SpikeFoldBatchnorm
    : plait::spike::impl::SpikeFoldBatchnormBase<SpikeFoldBatchnorm> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> synapses;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (isSynapse(op))
        synapses.push_back(op);
    });
    for (linalg::LinalgOp synapse : synapses) {
      Chain chain(synapse);
      if (!chain.isFoldable())
        continue;
      chain.fold();
      ++numFolded;
    }
    // The norms are not needed any more.
    IRRewriter rewriter(&getContext());
    (void)runRegionDCE(rewriter, getOperation().getBody());
  }
};

} // namespace
