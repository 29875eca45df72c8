//===- Reach.cpp - which keys the rows of a tile look at -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mask is a comparison of the key's index with something that does not
// depend on the key. From it follows, member by member, what the elements
// beyond the reach are: scores of minus infinity, then probabilities of zero,
// which a maximum and a sum do not notice.
//
//===----------------------------------------------------------------------===//

#include "Reach.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace plait {

/// A constant below that stands for minus infinity.
static constexpr double lowest = -1e30;
/// The reach of a tile is a multiple of that, but for the last keys.
static constexpr int64_t granule = 32;

/// The axis of a loop that has several steps and none: unknown.
static constexpr int unknown = -2;

class ReachFinder {
public:
  explicit ReachFinder(Group &group) : group(group) {
    reach.axis = group.axes.size();
    reach.used.resize(reach.axis + 1);
  }

  /// Looks whether the loop of `member` is one over keys.
  bool find(Operation *member, unsigned loop);

  Reach reach;

private:
  /// What the elements beyond the reach are.
  enum class Kind {
    Unknown,
    /// A number that is not next to the lowest ones, not from a mask.
    Plain,
    MinusInfinity,
    Lowest,
    Zero,
  };

  bool mark(Operation *member, unsigned loop);
  bool markReshape(Operation *member, std::optional<AxisMap> dims);
  bool spread(Operation *member);
  bool reduces(linalg::LinalgOp op);
  Kind kindOf(Value value, const Scope &scope);
  Kind kindOf(Operation *op, const Scope &scope);
  bool hides(Value condition, bool holds, const Scope &scope, bool alone);
  std::optional<Reach> match(arith::CmpIOp compare, bool holds,
                             const Scope &scope);
  bool split(Value value, bool negative, const Scope &scope,
             SmallVector<Reach::Term> &terms, int64_t &keys);
  std::optional<llvm::SmallBitVector> axesOf(Value value, const Scope &scope);
  std::pair<Scope, Value> within(Value value, const Scope &scope);
  OpOperand *maskedBy(linalg::LinalgOp op);
  Scope scopeOf(linalg::LinalgOp op);

  Group &group;
  SmallVector<Operation *> marked;
  DenseMap<Value, Kind> kinds;
  bool found = false;
};

//===----------------------------------------------------------------------===//
// The loops over keys
//===----------------------------------------------------------------------===//

bool ReachFinder::mark(Operation *member, unsigned loop) {
  AxisMap &map = group.members[member];
  if (map[loop] == reach.axis)
    return true;
  if (map[loop] != whole || llvm::is_contained(map, reach.axis))
    return false;
  map[loop] = reach.axis;
  marked.push_back(member);
  return true;
}

bool ReachFinder::markReshape(Operation *member, std::optional<AxisMap> dims) {
  auto dim = dims ? llvm::find(*dims, reach.axis) : nullptr;
  return dims && dim != dims->end() && mark(member, dim - dims->begin());
}

/// Marks what neighbours of a marked member call the loop.
bool ReachFinder::spread(Operation *member) {
  auto only = [&](AxisMap map) {
    for (int &axis : map)
      axis = axis == reach.axis ? axis : whole;
    return map;
  };
  for (OpResult result : member->getResults()) {
    AxisMap axes = only(group.axesOf(result));
    auto dim = llvm::find(axes, reach.axis);
    if (dim == axes.end())
      continue;
    if (group.escapes(result))
      return false;
    for (OpOperand &use : result.getUses()) {
      Operation *user = use.getOwner();
      if (!group.contains(user))
        continue;
      auto op = dyn_cast<linalg::LinalgOp>(user);
      if (!op) {
        if (!markReshape(user, throughReshape(user, axes, /*forward=*/true)))
          return false;
        continue;
      }
      auto loop = dyn_cast<AffineDimExpr>(
          op.getMatchingIndexingMap(&use).getResult(dim - axes.begin()));
      if (!loop || !mark(user, loop.getPosition()))
        return false;
    }
  }
  auto op = dyn_cast<linalg::LinalgOp>(member);
  for (OpOperand &operand : member->getOpOperands()) {
    AxisMap axes;
    if (!op) {
      auto dims = throughReshape(member, only(group.members[member]),
                                 /*forward=*/false);
      if (!dims)
        return false;
      axes = *dims;
    } else if (isa<RankedTensorType>(operand.get().getType())) {
      unsigned loop =
          llvm::find(group.members[op], reach.axis) - group.members[op].begin();
      for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
        bool uses = expr.isFunctionOfDim(loop);
        if (uses && !isa<AffineDimExpr>(expr))
          return false;
        axes.push_back(uses ? reach.axis : whole);
      }
    }
    auto dim = llvm::find(axes, reach.axis);
    if (dim == axes.end() || !group.contains(operand.get()))
      continue;
    unsigned loop = dim - axes.begin();
    auto producer = cast<OpResult>(operand.get());
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(producer.getOwner())) {
      auto expr = dyn_cast<AffineDimExpr>(
          linalgOp.getIndexingMapMatchingResult(producer).getResult(loop));
      if (!expr)
        return false;
      loop = expr.getPosition();
    }
    if (!mark(producer.getOwner(), loop))
      return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// The mask
//===----------------------------------------------------------------------===//

/// The axes that `value` depends on; none if it cannot be computed before the
/// tile.
std::optional<llvm::SmallBitVector> ReachFinder::axesOf(Value value,
                                                        const Scope &scope) {
  llvm::SmallBitVector axes(reach.used.size());
  AxisMap indices;
  Operation *op = value.getDefiningOp();
  if (OpOperand *operand = operandOf(value, scope.op)) {
    std::optional<AxisMap> read = indicesOf(scope, operand);
    if (!read || group.contains(operand->get()) ||
        linalg::LinalgOp(scope.op).isDpsInit(operand))
      return std::nullopt;
    indices = *read;
  } else if (!op || op->getBlock() != scope.body()) {
    return axes;
  } else if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    indices.push_back(scope.loops[index.getDim()]);
  } else if (!isPure(op) || op->getNumRegions() != 0) {
    return std::nullopt;
  } else {
    for (Value operand : op->getOperands()) {
      auto more = axesOf(operand, scope);
      if (!more)
        return std::nullopt;
      axes |= *more;
    }
  }
  for (int axis : indices) {
    if (axis == unknown)
      return std::nullopt;
    if (axis != whole)
      axes.set(axis);
  }
  return axes;
}

/// Takes `value` apart into terms and how often it counts the key's index.
bool ReachFinder::split(Value value, bool negative, const Scope &scope,
                        SmallVector<Reach::Term> &terms, int64_t &keys) {
  if (auto axes = axesOf(value, scope); axes && !axes->test(reach.axis)) {
    terms.push_back({negative, value, scope});
    return true;
  }
  if (auto inner = enter(value, scope))
    return split(inner->second, negative, inner->first, terms, keys);
  Operation *op = value.getDefiningOp();
  if (auto index = dyn_cast_or_null<linalg::IndexOp>(op)) {
    if (scope.loops[index.getDim()] != reach.axis)
      return false;
    keys += negative ? -1 : 1;
    return true;
  }
  if (isa_and_nonnull<arith::IndexCastOp, arith::ExtSIOp>(op))
    return split(op->getOperand(0), negative, scope, terms, keys);
  if (!isa_and_nonnull<arith::AddIOp, arith::SubIOp>(op))
    return false;
  return split(op->getOperand(0), negative, scope, terms, keys) &&
         split(op->getOperand(1), negative != isa<arith::SubIOp>(op), scope,
               terms, keys);
}

/// If `compare` gives `holds` only for the first keys of a row: how many these
/// are.
std::optional<Reach> ReachFinder::match(arith::CmpIOp compare, bool holds,
                                        const Scope &scope) {
  Reach match = reach;
  match.terms.clear();
  int64_t keys = 0;
  if (!split(compare.getLhs(), false, scope, match.terms, keys) ||
      !split(compare.getRhs(), true, scope, match.terms, keys))
    return std::nullopt;
  arith::CmpIPredicate predicate = compare.getPredicate();
  if (!holds)
    predicate = arith::invertPredicate(predicate);
  // key + rest < 0, or -key + rest > 0
  bool below = predicate == arith::CmpIPredicate::slt ||
               predicate == arith::CmpIPredicate::sle;
  bool above = predicate == arith::CmpIPredicate::sgt ||
               predicate == arith::CmpIPredicate::sge;
  if (!(below && keys == 1) && !(above && keys == -1))
    return std::nullopt;
  for (Reach::Term &term : match.terms) {
    term.negative ^= below;
    match.used |= *axesOf(term.value, term.scope);
  }
  match.constant = predicate == arith::CmpIPredicate::sle ||
                   predicate == arith::CmpIPredicate::sge;
  return match;
}

/// Whether `condition` is `holds` only within the reach; with `alone`, exactly
/// there.
bool ReachFinder::hides(Value condition, bool holds, const Scope &scope,
                        bool alone) {
  if (auto inner = enter(condition, scope))
    return hides(inner->second, holds, inner->first, alone);
  Operation *op = condition.getDefiningOp();
  if (auto compare = dyn_cast_or_null<arith::CmpIOp>(op)) {
    std::optional<Reach> match = this->match(compare, holds, scope);
    if (!match)
      return false;
    if (!found) {
      match->needsKey = reach.needsKey;
      reach = std::move(*match);
      found = true;
      return true;
    }
    auto isEqual = [](const Reach::Term &x, const Reach::Term &y) {
      return x.negative == y.negative &&
             isSame(x.value, x.scope, y.value, y.scope);
    };
    return reach.constant == match->constant &&
           llvm::equal(reach.terms, match->terms, isEqual);
  }
  if (auto flip = dyn_cast_or_null<arith::XOrIOp>(op);
      flip && matchPattern(flip.getRhs(), m_One()))
    return hides(flip.getLhs(), !holds, scope, alone);
  bool either = holds ? isa_and_nonnull<arith::AndIOp>(op)
                      : isa_and_nonnull<arith::OrIOp>(op);
  return either && !alone &&
         (hides(op->getOperand(0), holds, scope, alone) ||
          hides(op->getOperand(1), holds, scope, alone));
}

//===----------------------------------------------------------------------===//
// Beyond the reach
//===----------------------------------------------------------------------===//

ReachFinder::Kind ReachFinder::kindOf(Value value, const Scope &scope) {
  FloatAttr constant;
  if (matchPattern(value, m_Constant(&constant))) {
    const APFloat &number = constant.getValue();
    if (number.isInfinity())
      return number.isNegative() ? Kind::MinusInfinity : Kind::Unknown;
    if (number.isZero())
      return Kind::Zero;
    double approximate = constant.getValueAsDouble();
    return approximate <= lowest ? Kind::Lowest : Kind::Plain;
  }
  if (OpOperand *operand = operandOf(value, scope.op)) {
    if (group.contains(operand->get()))
      return kinds.lookup(operand->get());
    if (Value scalar = filledWith(operand->get()))
      return kindOf(scalar, scope);
    auto inner = enter(value, scope);
    return inner ? kindOf(inner->second, inner->first) : Kind::Unknown;
  }
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != scope.body())
    return Kind::Unknown;
  return kindOf(op, scope);
}

ReachFinder::Kind ReachFinder::kindOf(Operation *op, const Scope &scope) {
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    Kind kept = kindOf(select.getTrueValue(), scope);
    Kind other = kindOf(select.getFalseValue(), scope);
    if (kept == other && kept != Kind::Lowest)
      return kept;
    for (bool holds : {true, false}) {
      bool lowest =
          other == Kind::Lowest && (kept == Kind::Plain || kept == Kind::Zero);
      if ((lowest || other == Kind::MinusInfinity || other == Kind::Zero) &&
          hides(select.getCondition(), holds, scope, /*alone=*/lowest)) {
        reach.needsKey |= lowest;
        return other;
      }
      std::swap(kept, other);
    }
    return Kind::Unknown;
  }
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return kindOf(op->getOperand(0), scope);
  if (isa<math::ExpOp, math::Exp2Op>(op)) {
    Kind kind = kindOf(op->getOperand(0), scope);
    return kind == Kind::MinusInfinity || kind == Kind::Lowest ? Kind::Zero
                                                               : Kind::Unknown;
  }
  if (!isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp>(op))
    return Kind::Unknown;
  Kind x = kindOf(op->getOperand(0), scope);
  Kind y = kindOf(op->getOperand(1), scope);
  auto isPlain = [](Kind kind) {
    return kind == Kind::Plain || kind == Kind::Zero;
  };
  if (isa<arith::AddFOp>(op) && x != Kind::MinusInfinity && x != Kind::Lowest)
    std::swap(x, y);
  if (isa<arith::MulFOp>(op) && x != Kind::Zero)
    std::swap(x, y);
  if (isa<arith::MulFOp, arith::DivFOp>(op)) {
    if (x == Kind::Zero && (isa<arith::MulFOp>(op) || y != Kind::Zero))
      return Kind::Zero;
    bool scales = matchPattern(op->getOperand(1), m_Constant()) ||
                  (isa<arith::MulFOp>(op) &&
                   matchPattern(op->getOperand(0), m_Constant()));
    return x == Kind::Plain && y == Kind::Plain && scales ? Kind::Plain
                                                          : Kind::Unknown;
  }
  if (x == Kind::MinusInfinity)
    return x;
  if (x == Kind::Lowest)
    return isPlain(y) ? x : Kind::Unknown;
  return isPlain(x) && isPlain(y) ? Kind::Plain : Kind::Unknown;
}

/// What `value` is within the reach of its row.
std::pair<Scope, Value> ReachFinder::within(Value value, const Scope &scope) {
  OpOperand *operand = operandOf(value, scope.op);
  if (operand && !group.contains(operand->get()))
    if (auto inner = enter(value, scope))
      return within(inner->second, inner->first);
  Operation *op = value.getDefiningOp();
  if (auto select = dyn_cast_or_null<arith::SelectOp>(op))
    for (bool holds : {true, false})
      if (hides(select.getCondition(), holds, scope, /*alone=*/true))
        return within(holds ? select.getTrueValue() : select.getFalseValue(),
                      scope);
  if (isa_and_nonnull<arith::AddFOp>(op))
    for (unsigned i : {0, 1})
      if (matchPattern(within(op->getOperand(i), scope).second,
                       m_AnyZeroFloat()))
        return within(op->getOperand(1 - i), scope);
  return {scope, value};
}

/// The operand that `op`, elementwise over keys, leaves as it is within the
/// reach, if there is one.
OpOperand *ReachFinder::maskedBy(linalg::LinalgOp op) {
  if (op->getNumResults() != 1 ||
      !llvm::is_contained(group.members[op], reach.axis))
    return nullptr;
  auto [scope, value] =
      within(op.getBlock()->getTerminator()->getOperand(0), scopeOf(op));
  OpOperand *kept = scope.op == op ? operandOf(value, op) : nullptr;
  OpOperand *init = op.getDpsInitOperand(0);
  bool alone = llvm::all_of(op.getDpsInputOperands(), [&](OpOperand *input) {
    return input == kept || !group.contains(input->get());
  });
  return kept && alone && op.isDpsInput(kept) && group.contains(kept->get()) &&
                 op.getMatchingIndexingMap(kept).isIdentity() &&
                 op.getMatchingIndexingMap(init).isIdentity()
             ? kept
             : nullptr;
}

Scope ReachFinder::scopeOf(linalg::LinalgOp op) {
  Scope scope{op, group.members[op]};
  for (auto [axis, range] : llvm::zip(scope.loops, op.getStaticLoopRanges()))
    if (axis == whole && range != 1)
      axis = unknown;
  return scope;
}

/// Whether a reduction over keys comes out the same without those beyond the
/// reach.
bool ReachFinder::reduces(linalg::LinalgOp op) {
  Scope scope = scopeOf(op);
  for (auto [index, yielded] :
       llvm::enumerate(op.getBlock()->getTerminator()->getOperands())) {
    Operation *combined = yielded.getDefiningOp();
    Value old = op.getMatchingBlockArgument(op.getDpsInitOperand(index));
    if (!isa_and_nonnull<arith::AddFOp, arith::MaximumFOp, arith::MaxNumFOp>(
            combined) ||
        !llvm::is_contained(combined->getOperands(), old))
      return false;
    Kind kind =
        kindOf(combined->getOperand(combined->getOperand(0) == old), scope);
    if (isa<arith::AddFOp>(combined)) {
      if (kind != Kind::Zero)
        return false;
      continue;
    }
    if (kind != Kind::MinusInfinity && kind != Kind::Lowest)
      return false;
    // Of a row with plain scores.
    if (kind == Kind::Lowest)
      kinds[op->getResult(index)] = Kind::Plain;
  }
  return true;
}

bool ReachFinder::find(Operation *member, unsigned loop) {
  if (!mark(member, loop))
    return false;
  for (unsigned i = 0; i < marked.size(); ++i)
    if (!spread(marked[i]))
      return false;
  bool reduced = false;
  for (Operation *member : group.sorted()) {
    auto op = dyn_cast<linalg::LinalgOp>(member);
    if (!op) {
      kinds[member->getResult(0)] = kinds.lookup(member->getOperand(0));
      continue;
    }
    const AxisMap &map = group.members[op];
    const auto *keys = llvm::find(map, reach.axis);
    if (keys != map.end() && op.getIteratorTypesArray()[keys - map.begin()] ==
                                 utils::IteratorType::reduction) {
      if (!reduces(op))
        return false;
      reduced = true;
      continue;
    }
    OpKind kind = classify(op);
    if (kind == OpKind::Contraction) {
      kinds[op->getResult(0)] = Kind::Plain;
    } else if (kind == OpKind::Elementwise) {
      for (auto [result, yielded] : llvm::zip(
               op->getResults(), op.getBlock()->getTerminator()->getOperands()))
        kinds[result] = kindOf(yielded, scopeOf(op));
    }
  }
  if (!found || !reduced)
    return false;
  for (auto &[member, map] : group.members)
    if (auto op = dyn_cast<linalg::LinalgOp>(member);
        op && classify(op) == OpKind::Elementwise)
      if (OpOperand *kept = maskedBy(op))
        reach.masks[op] = kept;
  return true;
}

std::optional<Reach> Reach::find(Group &group) {
  if (group.kind != Group::Kind::Attention)
    return std::nullopt;
  for (Operation *member : group.sorted()) {
    auto op = dyn_cast<linalg::LinalgOp>(member);
    if (!op || classify(op) != OpKind::Rows)
      continue;
    for (auto [loop, range] : llvm::enumerate(op.getStaticLoopRanges())) {
      if (group.members[op][loop] != whole || range == 1)
        continue;
      Group trial = group;
      ReachFinder finder(trial);
      if (!finder.find(op, loop))
        continue;
      trial.axes.push_back({range});
      trial.axes.back().isCut = true;
      group = std::move(trial);
      return finder.reach;
    }
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// The number of keys
//===----------------------------------------------------------------------===//

Reach::Keys Reach::emit(OpBuilder &b, Location loc,
                        ArrayRef<OpFoldResult> offsets,
                        ArrayRef<OpFoldResult> extents,
                        OpFoldResult all) const {
  auto valueOf = [&](OpFoldResult index) {
    return getValueOrCreateConstantIndexOp(b, loc, index);
  };
  Value zero = valueOf(b.getIndexAttr(0)), one = valueOf(b.getIndexAttr(1));
  SmallVector<Value> at(used.size(), zero);
  // The most keys of a row, and the fewest.
  std::function<SmallVector<Value>(int, ValueRange)> over =
      [&](int index, ValueRange carried) -> SmallVector<Value> {
    if (index == -1) {
      Value count = valueOf(b.getIndexAttr(constant));
      for (const Term &term : terms) {
        Value value = evaluate(b, loc, term.value, term.scope, at);
        if (!value.getType().isIndex())
          value = arith::IndexCastOp::create(b, loc, b.getIndexType(), value);
        count = term.negative
                    ? arith::SubIOp::create(b, loc, count, value).getResult()
                    : arith::AddIOp::create(b, loc, count, value).getResult();
      }
      return {arith::MaxSIOp::create(b, loc, carried[0], count),
              arith::MinSIOp::create(b, loc, carried[1], count)};
    }
    Value first = valueOf(offsets[index]), end = valueOf(extents[index]);
    auto nest = scf::ForOp::create(b, loc, zero, end, one, carried);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(nest.getBody());
    at[index] = arith::AddIOp::create(b, loc, first, nest.getInductionVar());
    scf::YieldOp::create(b, loc,
                         over(used.find_prev(index), nest.getRegionIterArgs()));
    return llvm::to_vector_of<Value>(nest.getResults());
  };
  SmallVector<Value> counts = over(used.find_last(), {one, valueOf(all)});
  Value most = counts[0];
  if (needsKey) {
    Value every = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge,
                                        counts[1], one);
    most = arith::SelectOp::create(b, loc, every, most, valueOf(all));
  }
  AffineExpr count = b.getAffineDimExpr(0);
  AffineMap rounded = AffineMap::get(
      2, 0, {count.ceilDiv(granule) * granule, b.getAffineDimExpr(1)},
      b.getContext());
  Value fewest = arith::MaxSIOp::create(b, loc, counts[1], zero);
  return {affine::makeComposedFoldedAffineMin(b, loc, rounded,
                                              {OpFoldResult(most), all}),
          affine::makeComposedFoldedAffineApply(
              b, loc, count.floorDiv(granule) * granule, {fewest})};
}

} // namespace plait
