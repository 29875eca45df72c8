//===- Group.cpp - which ops are tiled together -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Group.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace plait {

/// How far apart in a block two members may be; bounds the work per group.
static constexpr unsigned reach = 256;

static bool isUnit(int64_t extent) { return extent == 1; }

/// The operand that `value` is an element of, perhaps converted.
static OpOperand *elementOf(linalg::LinalgOp op, Value value) {
  while (Operation *cast = value.getDefiningOp()) {
    if (!isa<CastOpInterface>(cast))
      return nullptr;
    value = cast->getOperand(0);
  }
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != op.getBlock())
    return nullptr;
  return op.getMatchingOpOperand(argument);
}

/// Sums products of two operands that both have a summed loop.
static bool sumsProducts(linalg::LinalgOp op) {
  Operation *sum =
      op.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AddIOp>(sum))
    return false;
  return llvm::any_of(sum->getOperands(), [&](Value term) {
    Operation *product = term.getDefiningOp();
    if (!isa_and_nonnull<arith::MulFOp, arith::MulIOp>(product))
      return false;
    SetVector<OpOperand *> factors;
    for (Value factor : product->getOperands())
      factors.insert(elementOf(op, factor));
    SmallVector<unsigned> summed;
    op.getReductionDims(summed);
    return factors.size() == 2 && llvm::all_of(factors, [&](OpOperand *factor) {
             return factor && llvm::any_of(summed, [&](unsigned loop) {
                      return op.getMatchingIndexingMap(factor).isFunctionOfDim(
                          loop);
                    });
           });
  });
}

OpKind classify(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op->getNumResults() == 0 ||
      op.getNumLoops() == 0)
    return OpKind::Other;
  for (OpOperand &init : op.getDpsInitsMutable())
    if (!op.getMatchingIndexingMap(&init).isProjectedPermutation(
            /*allowZeroInResults=*/true))
      return OpKind::Other;
  // A body that reads elements of other tensors hides what it depends on.
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  if (llvm::any_of(captured, [](Value value) {
        return isa<ShapedType>(value.getType());
      }))
    return OpKind::Other;
  if (op.getNumReductionLoops() == 0)
    return filledWith(op->getResult(0)) ? OpKind::Other : OpKind::Elementwise;
  if (sumsProducts(op))
    return OpKind::Contraction;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (!map.isProjectedPermutation(/*allowZeroInResults=*/true))
      return OpKind::Contraction;
    bool all = true;
    for (auto [loop, range] : llvm::enumerate(ranges))
      all &= isUnit(range) || map.isFunctionOfDim(loop);
    if (all)
      return OpKind::Rows;
  }
  return OpKind::Contraction;
}

/// The axes of the other side of a reshape, given those of one side.
static std::optional<AxisMap>
throughReshape(ArrayRef<ReassociationIndices> groups, RankedTensorType expanded,
               const AxisMap &from, bool fromExpanded) {
  AxisMap to(fromExpanded ? groups.size() : expanded.getRank(), whole);
  for (auto [collapsed, dims] : llvm::enumerate(groups)) {
    // Which of the expanded dimensions holds everything, if one does.
    int64_t only = dims.front();
    unsigned wide = 0;
    for (int64_t dim : dims)
      if (!isUnit(expanded.getDimSize(dim))) {
        only = dim;
        ++wide;
      }
    int axis = fromExpanded ? from[only] : from[collapsed];
    if (fromExpanded && llvm::any_of(dims, [&](int64_t dim) {
          return dim != only && from[dim] != whole;
        }))
      return std::nullopt;
    if (axis == whole)
      continue;
    if (wide > 1)
      return std::nullopt;
    to[fromExpanded ? collapsed : only] = axis;
  }
  return to;
}

template <typename Op>
static std::optional<AxisMap> throughReshape(Op op, const AxisMap &from,
                                             bool forward) {
  bool expands = std::is_same_v<Op, tensor::ExpandShapeOp>;
  RankedTensorType expanded = expands ? op.getResultType() : op.getSrcType();
  return throughReshape(op.getReassociationIndices(), expanded, from,
                        expands != forward);
}

std::optional<AxisMap> throughReshape(Operation *op, const AxisMap &from,
                                      bool forward) {
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return throughReshape(expand, from, forward);
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return throughReshape(collapse, from, forward);
  return std::nullopt;
}

static bool isReshape(Operation *op) {
  return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op);
}

Group::Group(Kind kind, linalg::LinalgOp anchor, ArrayRef<unsigned> axisLoops)
    : kind(kind), anchor(anchor) {
  SmallVector<int64_t> ranges = anchor.getStaticLoopRanges();
  AxisMap loops(anchor.getNumLoops(), whole);
  for (unsigned loop : axisLoops) {
    if (isUnit(ranges[loop]))
      continue;
    loops[loop] = axes.size();
    axes.push_back({ranges[loop]});
  }
  members.insert({anchor, loops});
}

bool Group::hasAllAxes(const AxisMap &map) const {
  for (int axis = 0, e = axes.size(); axis < e; ++axis)
    if (llvm::count(map, axis) != 1)
      return false;
  return true;
}

AxisMap Group::axesOf(OpResult value) const {
  const AxisMap &map = members.find(value.getOwner())->second;
  auto op = dyn_cast<linalg::LinalgOp>(value.getOwner());
  if (!op)
    return map;
  AxisMap axes;
  AffineMap init = op.getIndexingMapMatchingResult(value);
  for (AffineExpr expr : init.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    axes.push_back(dim ? map[dim.getPosition()] : whole);
  }
  return axes;
}

/// The axes that a member's operand must have to be a tile of its producer.
std::optional<AxisMap> Group::axesOfOperand(OpOperand &operand) const {
  const AxisMap &map = members.find(operand.getOwner())->second;
  if (isReshape(operand.getOwner()))
    return throughReshape(operand.getOwner(), map, /*forward=*/false);
  auto op = cast<linalg::LinalgOp>(operand.getOwner());
  AxisMap axes;
  for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      axes.push_back(map[dim.getPosition()]);
      continue;
    }
    for (auto [loop, axis] : llvm::enumerate(map))
      if (axis != whole && expr.isFunctionOfDim(loop))
        return std::nullopt;
    axes.push_back(whole);
  }
  return axes;
}

bool Group::allows(linalg::LinalgOp op, const AxisMap &loops) const {
  OpKind opKind = classify(op);
  if (opKind == OpKind::Other)
    return false;
  bool tiledOnly = true;
  for (auto [axis, range] : llvm::zip(loops, op.getStaticLoopRanges()))
    tiledOnly &= axis != whole || isUnit(range);
  switch (kind) {
  case Kind::Elementwise:
    return opKind == OpKind::Elementwise && tiledOnly;
  case Kind::Contraction:
    return (opKind == OpKind::Elementwise && tiledOnly) ||
           opKind == OpKind::Contraction;
  case Kind::Rows:
    return opKind != OpKind::Contraction;
  case Kind::Attention:
    return true;
  }
  llvm_unreachable("all kinds are listed");
}

bool Group::add(Operation *op, AxisMap map) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!hasAllAxes(map) || (linalgOp && !allows(linalgOp, map)))
    return false;
  members.insert({op, map});
  if (succeeded(dependents()))
    return true;
  members.pop_back();
  return false;
}

/// A producer computes what its users in the group read.
bool Group::addProducer(Operation *op) {
  std::optional<AxisMap> loops;
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (linalgOp && classify(linalgOp) == OpKind::Other)
    return false;
  for (OpResult result : op->getResults())
    for (OpOperand &use : result.getUses()) {
      if (!contains(use.getOwner()))
        continue;
      std::optional<AxisMap> wanted = axesOfOperand(use);
      if (!wanted)
        return false;
      AxisMap map = *wanted;
      if (linalgOp) {
        map.assign(linalgOp.getNumLoops(), whole);
        AffineMap init = linalgOp.getIndexingMapMatchingResult(result);
        for (auto [expr, axis] : llvm::zip(init.getResults(), *wanted))
          if (auto dim = dyn_cast<AffineDimExpr>(expr))
            map[dim.getPosition()] = axis;
      }
      if (loops && *loops != map)
        return false;
      loops = map;
    }
  return loops && add(op, *loops);
}

/// A consumer reads only the tile that the group just computed.
bool Group::addConsumer(Operation *op) {
  if (isReshape(op)) {
    auto map = throughReshape(op, axesOf(cast<OpResult>(op->getOperand(0))),
                              /*forward=*/true);
    return map && add(op, *map);
  }
  auto linalgOp = cast<linalg::LinalgOp>(op);
  AxisMap loops(linalgOp.getNumLoops(), whole);
  SmallVector<bool> fixed(linalgOp.getNumLoops(), false);
  for (OpOperand &operand : op->getOpOperands()) {
    if (!contains(operand.get()))
      continue;
    AxisMap axes = axesOf(cast<OpResult>(operand.get()));
    AffineMap map = linalgOp.getMatchingIndexingMap(&operand);
    for (auto [expr, axis] : llvm::zip(map.getResults(), axes)) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim) {
        if (axis != whole)
          return false;
        continue;
      }
      unsigned loop = dim.getPosition();
      if ((fixed[loop] && loops[loop] != axis) ||
          (axis != whole && linalgOp.getIteratorTypesArray()[loop] !=
                                utils::IteratorType::parallel))
        return false;
      loops[loop] = axis;
      fixed[loop] = true;
    }
  }
  // A window or a panel of a tile is not the tile's own.
  for (OpOperand &operand : op->getOpOperands())
    if (contains(operand.get()))
      for (AffineExpr expr :
           linalgOp.getMatchingIndexingMap(&operand).getResults())
        for (auto [loop, axis] : llvm::enumerate(loops))
          if (axis != whole && !isa<AffineDimExpr>(expr) &&
              expr.isFunctionOfDim(loop))
            return false;
  return add(op, loops);
}

void Group::grow(const DenseSet<Operation *> &taken) {
  Block *block = anchor->getBlock();
  auto fits = [&](Operation *op) {
    return op && op->getBlock() == block && !contains(op) &&
           !taken.contains(op) &&
           (isReshape(op) || isa<linalg::LinalgOp>(op)) &&
           !(op->getNumResults() == 1 && filledWith(op->getResult(0)));
  };
  for (unsigned size = 0; size != members.size();) {
    size = members.size();
    for (unsigned i = 0; i < members.size(); ++i) {
      Operation *member = members.begin()[i].first;
      for (Value operand : llvm::to_vector(member->getOperands()))
        if (fits(operand.getDefiningOp()))
          addProducer(operand.getDefiningOp());
      for (Operation *user : llvm::to_vector(member->getUsers()))
        if (fits(user))
          addConsumer(user);
    }
  }
  dropLooseReshapes();
}

/// Keeps a reshape only between two members.
void Group::dropLooseReshapes() {
  bool changed = true;
  while (changed) {
    changed = false;
    for (auto &[op, map] : llvm::to_vector(members)) {
      if (!isReshape(op) || (contains(op->getOperand(0)) &&
                             llvm::any_of(op->getUsers(), [&](Operation *user) {
                               return contains(user);
                             })))
        continue;
      members.erase(op);
      changed = true;
    }
  }
}

bool Group::escapes(OpResult value) const {
  // A reshape with users outside stays where it is, and reads the source.
  if (isReshape(value.getOwner()))
    return false;
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    if (!contains(user))
      return true;
    return isReshape(user) &&
           llvm::any_of(user->getUsers(),
                        [&](Operation *reader) { return !contains(reader); });
  });
}

SmallVector<Operation *> Group::sorted() const {
  SmallVector<Operation *> ops;
  for (auto &[op, map] : members)
    ops.push_back(op);
  llvm::sort(ops,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return ops;
}

unsigned Group::count(OpKind kind) const {
  return llvm::count_if(members, [&](auto &entry) {
    auto op = dyn_cast<linalg::LinalgOp>(entry.first);
    return op && classify(op) == kind;
  });
}

FailureOr<SmallVector<Operation *>> Group::dependents() const {
  SmallVector<Operation *> ops = sorted();
  SmallVector<Operation *> dependents;
  DenseSet<Operation *> depend;
  unsigned distance = 0;
  for (Operation *op = ops.front(); op != ops.back()->getNextNode();
       op = op->getNextNode()) {
    if (++distance > reach)
      return failure();
    bool member = contains(op);
    bool reads = false;
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (Operation *definition = operand.getDefiningOp())
          reads |=
              depend.contains(definition) || (!member && contains(definition));
    });
    if (!reads)
      continue;
    if (member || !isMemoryEffectFree(op))
      return failure();
    depend.insert(op);
    dependents.push_back(op);
  }
  return dependents;
}

} // namespace plait
