//===- ConvToChannelsLast.cpp - convolutions over neighbouring channels -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything that a convolution's images reach through pads, elementwise ops
// and pools forms a region. A region that is worth its transposes is computed
// anew with channels last; a transpose stands where an image enters or leaves,
// but where only 1x1 windows are read.
//
//===----------------------------------------------------------------------===//

#include "LinalgShapes.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/SetVector.h"

namespace plait {
#define GEN_PASS_DEF_LINALGCONVTOCHANNELSLAST
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;

namespace {

/// Multiply-adds that pay for moving one element; those of a 1x1 window, whose
/// vectors run over whole images otherwise, gain half as much.
constexpr int64_t multipliesPerElement = 80;

/// The dimensions of an image, its channels last.
SmallVector<int64_t> orderOf(int64_t rank, int64_t channel) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  order.erase(order.begin() + channel);
  order.push_back(channel);
  return order;
}

template <typename Range> auto permuted(Range &&values, int64_t channel) {
  return llvm::map_to_vector(
      orderOf(llvm::size(values), channel),
      [&](int64_t dim) { return *std::next(values.begin(), dim); });
}

/// Where `map` is the loop itself; none where it is part of an expression.
std::optional<int64_t> positionOf(AffineMap map, unsigned loop) {
  for (auto [index, expr] : llvm::enumerate(map.getResults()))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      if (dim.getPosition() == loop)
        return index;
  return std::nullopt;
}

bool isWeight(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument)
    return matchPattern(value, m_Constant());
  auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  return function &&
         function.getArgAttr(argument.getArgNumber(), "plait.weight");
}

/// The loops over the channels that a convolution of [batch, channels, space]
/// by a weight [results, channels, space] sums over and computes.
struct Channels {
  unsigned summed, computed;

  static std::optional<Channels> of(linalg::GenericOp op) {
    if (!op.hasPureTensorSemantics() || !sumsProducts(op) ||
        !isWeight(op.getInputs()[1]))
      return std::nullopt;
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    unsigned rank = maps[2].getNumResults();
    if (rank < 3 || maps[0].getNumResults() != rank ||
        maps[1].getNumResults() != rank || !maps[2].isProjectedPermutation() ||
        !maps[1].isProjectedPermutation())
      return std::nullopt;
    auto summed = dyn_cast<AffineDimExpr>(maps[0].getResult(1));
    auto computed = cast<AffineDimExpr>(maps[2].getResult(1));
    if (!summed || maps[1].getResult(0) != computed ||
        maps[1].getResult(1) != summed ||
        maps[0].getResult(0) != maps[2].getResult(0) ||
        maps[0].isFunctionOfDim(computed.getPosition()) ||
        maps[2].isFunctionOfDim(summed.getPosition()))
      return std::nullopt;
    return Channels{summed.getPosition(), computed.getPosition()};
  }
};

/// Whether a convolution's window is one pixel.
bool isPointwise(linalg::GenericOp convolution) {
  // [results, channels, window]
  auto weight = cast<ShapedType>(convolution.getInputs()[1].getType());
  return llvm::all_of(weight.getShape().drop_front(2),
                      [](int64_t size) { return size == 1; });
}

/// Channels of a result, up to which reading an image where it is, once for every
/// few of them, costs less than its transpose.
constexpr int64_t mostReadInPlace = 1024;

/// Whether `op` reads `image` as well with its channels first: one after the
/// other along the sum, for pixels that are neighbours. Kernels copy the rows of
/// narrow elements along the sum.
bool readsInPlace(Operation *op, Value image) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic && Channels::of(generic) && isPointwise(generic) &&
         generic.getInputs()[0] == image &&
         cast<ShapedType>(generic.getInputs()[1].getType()).getDimSize(0) <=
             mostReadInPlace &&
         getElementTypeOrSelf(image).getIntOrFloatBitWidth() >= 32;
}

int64_t elementsOf(Value value) {
  int64_t elements = 1;
  for (int64_t size : cast<ShapedType>(value.getType()).getShape())
    elements *= ShapedType::isDynamic(size) ? 1 : size;
  return elements;
}

/// Whether the first dimension is a batch of one that the reshape drops or adds.
bool isBatchOfOne(ArrayRef<ReassociationIndices> groups, ShapedType whole) {
  return groups.size() + 1 == size_t(whole.getRank()) &&
         groups.front().size() == 2 && whole.getDimSize(0) == 1;
}

/// The images of one block.
class ChannelsLast {
public:
  explicit ChannelsLast(Block &block) : block(block) {}
  unsigned run();

private:
  void add(Operation *op);
  void addGeneric(linalg::GenericOp op);
  void join(Operation *op);
  SmallVector<std::pair<Value, int64_t>> imagesOf(Operation *op);
  bool pays(ArrayRef<Operation *> region);
  Value lastOf(OpBuilder &b, Value image, int64_t channel);
  void rewrite(Operation *op);
  Value rewritePad(OpBuilder &b, tensor::PadOp op, int64_t channel);
  void rewriteGeneric(OpBuilder &b, linalg::GenericOp op);
  Value initOf(OpBuilder &b, linalg::GenericOp op, unsigned result,
               int64_t channel);

  Block &block;
  /// The dimension of the channels of every image that a member makes.
  DenseMap<Value, int64_t> channels;
  /// The loop of a generic over the channels of its images; a convolution's
  /// is that of its result.
  DenseMap<Operation *, unsigned> loops;
  llvm::EquivalenceClasses<Operation *> regions;
  /// Images with channels last.
  DenseMap<std::pair<Value, int64_t>, Value> last;
  DenseSet<Operation *> accepted;
};

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

/// Puts `op` into the regions whose images it reads.
void ChannelsLast::join(Operation *op) {
  regions.insert(op);
  for (Value operand : op->getOperands())
    if (channels.contains(operand))
      regions.unionSets(op, operand.getDefiningOp());
}

void ChannelsLast::addGeneric(linalg::GenericOp op) {
  if (auto found = Channels::of(op)) {
    loops[op] = found->computed;
    channels[op.getResult(0)] = 1;
    return join(op);
  }
  if (!op.hasPureTensorSemantics())
    return;
  std::optional<unsigned> loop;
  for (OpOperand &operand : op->getOpOperands()) {
    auto image = channels.find(operand.get());
    if (image == channels.end())
      continue;
    auto dim = dyn_cast<AffineDimExpr>(
        op.getMatchingIndexingMap(&operand).getResult(image->second));
    if (!dim || (loop && *loop != dim.getPosition()))
      return;
    loop = dim.getPosition();
  }
  if (!loop ||
      op.getIteratorTypesArray()[*loop] != utils::IteratorType::parallel)
    return;
  for (AffineMap map : op.getIndexingMapsArray())
    for (AffineExpr expr : map.getResults())
      if (expr.isFunctionOfDim(*loop) && !isa<AffineDimExpr>(expr))
        return;
  for (OpOperand &init : op.getDpsInitsMutable())
    if (!op.getMatchingIndexingMap(&init).isProjectedPermutation())
      return;
  loops[op] = *loop;
  for (auto [result, init] :
       llvm::zip(op->getResults(), op.getDpsInitsMutable())) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    auto channel = positionOf(map, *loop);
    if (channel && *channel + 1 < map.getNumResults())
      channels[result] = *channel;
  }
  join(op);
}

void ChannelsLast::add(Operation *op) {
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return addGeneric(generic);
  auto image =
      op->getNumOperands() ? channels.find(op->getOperand(0)) : channels.end();
  if (image == channels.end())
    return;
  int64_t channel = image->second;
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    if (!pad.getConstantPaddingValue() ||
        !isConstantIntValue(pad.getMixedLowPad()[channel], 0) ||
        !isConstantIntValue(pad.getMixedHighPad()[channel], 0))
      return;
  } else if (auto drop = dyn_cast<tensor::CollapseShapeOp>(op)) {
    if (channel != 1 ||
        !isBatchOfOne(drop.getReassociationIndices(), drop.getSrcType()))
      return;
    channel = 0;
  } else if (auto give = dyn_cast<tensor::ExpandShapeOp>(op)) {
    if (channel != 0 ||
        !isBatchOfOne(give.getReassociationIndices(), give.getResultType()))
      return;
    channel = 1;
  } else {
    return;
  }
  channels[op->getResult(0)] = channel;
  join(op);
}

/// The images that `op` reads, and which dimension their channels are.
SmallVector<std::pair<Value, int64_t>> ChannelsLast::imagesOf(Operation *op) {
  SmallVector<std::pair<Value, int64_t>> images;
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic)
    return {{op->getOperand(0), channels.lookup(op->getOperand(0))}};
  auto convolution = Channels::of(generic);
  for (OpOperand *operand : generic.getDpsInputOperands()) {
    AffineMap map = generic.getMatchingIndexingMap(operand);
    auto channel =
        positionOf(map, convolution ? convolution->summed : loops[op]);
    if (channel && *channel + 1 < map.getNumResults())
      images.push_back({operand->get(), *channel});
  }
  return images;
}

/// Whether the products of a region outweigh the images that cross its border.
bool ChannelsLast::pays(ArrayRef<Operation *> region) {
  DenseSet<Operation *> inside(region.begin(), region.end());
  DenseSet<Value> crossing;
  int64_t multiplies = 0;
  for (Operation *op : region) {
    if (auto generic = dyn_cast<linalg::GenericOp>(op);
        generic && Channels::of(generic)) {
      int64_t each = 1;
      for (int64_t size : generic.getStaticLoopRanges())
        each *= ShapedType::isDynamic(size) ? 1 : size;
      multiplies += isPointwise(generic) ? each / 2 : each;
    }
    for (auto [image, channel] : imagesOf(op))
      if (!isWeight(image) && !inside.contains(image.getDefiningOp()) &&
          !readsInPlace(op, image))
        crossing.insert(image);
    for (Value result : op->getResults())
      if (channels.contains(result) &&
          llvm::any_of(result.getUsers(),
                       [&](Operation *user) { return !inside.contains(user); }))
        crossing.insert(result);
  }
  int64_t moved = 0;
  for (Value image : crossing)
    moved += elementsOf(image);
  return multiplies > multipliesPerElement * moved;
}

//===----------------------------------------------------------------------===//
// The new ops
//===----------------------------------------------------------------------===//

/// `image` with its channels last; what comes from outside is transposed here.
Value ChannelsLast::lastOf(OpBuilder &b, Value image, int64_t channel) {
  if (Value known = last.lookup({image, channel}))
    return known;
  auto pad = image.getDefiningOp<tensor::PadOp>();
  if (pad && pad->getBlock() == &block && pad.getConstantPaddingValue() &&
      isConstantIntValue(pad.getMixedLowPad()[channel], 0) &&
      isConstantIntValue(pad.getMixedHighPad()[channel], 0)) {
    Value made = rewritePad(b, pad, channel);
    return last[{image, channel}] = made;
  }
  int64_t rank = cast<ShapedType>(image.getType()).getRank();
  SmallVector<unsigned> order =
      llvm::to_vector_of<unsigned>(orderOf(rank, channel));
  auto map = AffineMap::getPermutationMap(order, b.getContext());
  return last[{image, channel}] =
             makeTransposed(b, image.getLoc(), image, inversePermutation(map));
}

Value ChannelsLast::rewritePad(OpBuilder &b, tensor::PadOp op,
                               int64_t channel) {
  Value source = lastOf(b, op.getSource(), channel);
  auto type =
      RankedTensorType::get(permuted(op.getResultType().getShape(), channel),
                            op.getResultType().getElementType());
  return tensor::PadOp::create(b, op.getLoc(), type, source,
                               permuted(op.getMixedLowPad(), channel),
                               permuted(op.getMixedHighPad(), channel),
                               op.getConstantPaddingValue())
      .getResult();
}

/// Memory for a result with channels last, filled like the old one's.
Value ChannelsLast::initOf(OpBuilder &b, linalg::GenericOp op, unsigned result,
                           int64_t channel) {
  Location loc = op.getLoc();
  OpOperand *init = op.getDpsInitOperand(result);
  bool isRead = !op.getMatchingBlockArgument(init).use_empty();
  Value filler = isRead ? filledWith(init->get()) : Value();
  if (isRead && !filler)
    return lastOf(b, init->get(), channel);
  Value empty = tensor::EmptyOp::create(
      b, loc, permuted(tensor::getMixedSizes(b, loc, init->get()), channel),
      getElementTypeOrSelf(init->get()));
  if (!filler)
    return empty;
  int64_t rank = cast<ShapedType>(empty.getType()).getRank();
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  return linalg::GenericOp::create(b, loc, empty.getType(), ValueRange(), empty,
                                   b.getMultiDimIdentityMap(rank), loops,
                                   [&](OpBuilder &b, Location loc, ValueRange) {
                                     linalg::YieldOp::create(b, loc, filler);
                                   })
      .getResult(0);
}

void ChannelsLast::rewriteGeneric(OpBuilder &b, linalg::GenericOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<Value> inputs = llvm::to_vector_of<Value>(op.getInputs());
  SmallVector<Value> outputs = llvm::to_vector_of<Value>(op.getOutputs());
  auto turn = [&](unsigned operand, int64_t channel) {
    maps[operand] = AffineMap::get(
        maps[operand].getNumDims(), 0,
        permuted(maps[operand].getResults(), channel), b.getContext());
  };
  auto convolution = Channels::of(op);
  for (auto [index, input] : llvm::enumerate(inputs)) {
    auto channel =
        positionOf(maps[index], convolution ? convolution->summed : loops[op]);
    if (!channel || *channel + 1 == maps[index].getNumResults() ||
        (readsInPlace(op, input) && !last.contains({input, *channel})))
      continue;
    input = lastOf(b, input, *channel);
    turn(index, *channel);
  }
  // The loops in the order of the result, then the summed channels last.
  SmallVector<unsigned> order;
  for (unsigned result = 0; result < outputs.size(); ++result) {
    auto channel = channels.find(op.getResult(result));
    if (channel == channels.end())
      continue;
    unsigned operand = inputs.size() + result;
    outputs[result] = initOf(b, op, result, channel->second);
    turn(operand, channel->second);
    if (order.empty())
      for (AffineExpr expr : maps[operand].getResults())
        order.push_back(cast<AffineDimExpr>(expr).getPosition());
  }
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    if (!llvm::is_contained(order, loop) &&
        !(convolution && convolution->summed == loop))
      order.push_back(loop);
  if (convolution)
    order.push_back(convolution->summed);
  SmallVector<AffineExpr> renamed(order.size());
  SmallVector<utils::IteratorType> types;
  for (auto [position, loop] : llvm::enumerate(order)) {
    renamed[loop] = b.getAffineDimExpr(position);
    types.push_back(op.getIteratorTypesArray()[loop]);
  }
  for (AffineMap &map : maps)
    map = map.replaceDimsAndSymbols(renamed, {}, order.size(), 0);

  auto made =
      linalg::GenericOp::create(b, op.getLoc(), TypeRange(ValueRange(outputs)),
                                inputs, outputs, maps, types);
  made.getRegion().takeBody(op.getRegion());
  made.walk([&](linalg::IndexOp index) {
    auto dim = cast<AffineDimExpr>(renamed[index.getDim()]);
    index.setDim(dim.getPosition());
  });
  for (auto [old, result] : llvm::zip(op->getResults(), made->getResults())) {
    auto channel = channels.find(old);
    if (channel == channels.end())
      old.replaceAllUsesWith(result);
    else
      last[{old, channel->second}] = result;
  }
}

void ChannelsLast::rewrite(Operation *op) {
  OpBuilder b(op);
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return rewriteGeneric(b, generic);
  Value result = op->getResult(0);
  int64_t channel = channels[result];
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    Value made = rewritePad(b, pad, channel);
    last[{result, channel}] = made;
    return;
  }
  Value from = op->getOperand(0);
  Value source = last.at({from, channels[from]});
  auto type = cast<RankedTensorType>(result.getType());
  type = type.clone(permuted(type.getShape(), channel));
  if (auto drop = dyn_cast<tensor::CollapseShapeOp>(op)) {
    last[{result, channel}] = tensor::CollapseShapeOp::create(
        b, op->getLoc(), type, source, drop.getReassociationIndices());
    return;
  }
  auto give = cast<tensor::ExpandShapeOp>(op);
  last[{result, channel}] = tensor::ExpandShapeOp::create(
      b, op->getLoc(), type, source, give.getReassociationIndices(),
      permuted(give.getMixedOutputShape(), channel));
}

/// How many convolutions changed.
unsigned ChannelsLast::run() {
  for (Operation &op : block)
    add(&op);
  for (const auto &leader : regions) {
    if (!leader->isLeader())
      continue;
    SmallVector<Operation *> region(regions.member_begin(*leader),
                                    regions.member_end());
    if (pays(region))
      accepted.insert(region.begin(), region.end());
  }
  SmallVector<Operation *> old;
  for (Operation &op : block)
    if (accepted.contains(&op))
      old.push_back(&op);
  unsigned convolutions = 0;
  for (Operation *op : old) {
    auto generic = dyn_cast<linalg::GenericOp>(op);
    convolutions += generic && Channels::of(generic);
    rewrite(op);
  }
  for (Operation *op : llvm::reverse(old)) {
    for (Value result : op->getResults()) {
      if (result.use_empty())
        continue;
      Value made = last.at({result, channels[result]});
      OpBuilder b(op);
      int64_t rank = cast<ShapedType>(result.getType()).getRank();
      SmallVector<unsigned> order =
          llvm::to_vector_of<unsigned>(orderOf(rank, channels[result]));
      result.replaceAllUsesWith(
          makeTransposed(b, op->getLoc(), made,
                         AffineMap::getPermutationMap(order, b.getContext())));
    }
    op->erase();
  }
  return convolutions;
}

struct LinalgConvToChannelsLast
    : plait::impl::LinalgConvToChannelsLastBase<LinalgConvToChannelsLast> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<Block *> blocks;
    getOperation()->walk([&](Block *block) { blocks.push_back(block); });
    for (Block *block : blocks)
      numConverted += ChannelsLast(*block).run();
  }
};

} // namespace
