//===- EmitTiles.cpp - a group as a loop over tiles -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Group.h"
#include "Reach.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace plait {
namespace {

/// Where a tile lies in a tensor.
struct Slice {
  SmallVector<OpFoldResult> offsets, sizes, strides;
  bool all = true;

  void add(Builder &b, OpFoldResult offset, OpFoldResult size, bool whole) {
    offsets.push_back(offset);
    sizes.push_back(size);
    strides.push_back(b.getIndexAttr(1));
    all &= whole;
  }
};

class Emitter {
public:
  Emitter(RewriterBase &b, Group &group)
      : b(b), group(group), loc(group.anchor.getLoc()),
        reach(Reach::find(group)), ops(group.sorted()) {}

  void emit(ArrayRef<Operation *> dependents);

private:
  OpFoldResult sizeOf(int axis);
  Value fullInit(OpResult result);
  void findStorage();
  Slice sliceOf(ArrayRef<OpFoldResult> shape, const AxisMap &axes,
                ArrayRef<OpFoldResult> from);
  Slice sliceOf(Value tensor, linalg::LinalgOp op, OpOperand &operand);
  Value extract(Value tensor, const Slice &slice);
  Value readOutside(linalg::LinalgOp op, OpOperand &operand);
  Value localInit(OpOperand &init);
  Value storageFor(OpResult result, Type element);
  void emitMember(linalg::LinalgOp op);
  void emitMask(linalg::LinalgOp op, OpOperand &kept);
  linalg::LinalgOp emitTile(linalg::LinalgOp op, ArrayRef<Value> operands);
  void emitReshape(Operation *op);
  void emitMembers();
  OpFoldResult tileSize(OpFoldResult offset, OpFoldResult end, int64_t tile,
                        bool divides);

  RewriterBase &b;
  Group &group;
  Location loc;
  std::optional<Reach> reach;
  SmallVector<Operation *> ops;
  SmallVector<OpResult> outputs;
  SmallVector<OpFoldResult> sizes;
  /// The current tile along every axis: from where in the whole tensors, from
  /// where in what the task writes, and how much.
  SmallVector<OpFoldResult> offsets, offsetsInTask, extents;
  /// The keys that no mask hides from the tile.
  OpFoldResult plainKeys;
  /// The tensors that the tile's results are inserted into.
  DenseMap<Value, Value> destinations;
  /// The result in whose memory a value is computed; itself by default.
  DenseMap<Value, OpResult> storage;
  DenseMap<Value, Value> tiles;
  DenseMap<std::pair<Value, Type>, Value> slices;
};

AffineExpr dimExpr(Builder &b, unsigned position) {
  return getAffineDimExpr(position, b.getContext());
}

/// The size of an axis, from a tensor that the group does not compute.
OpFoldResult Emitter::sizeOf(int axis) {
  if (!ShapedType::isDynamic(group.axes[axis].extent))
    return b.getIndexAttr(group.axes[axis].extent);
  for (Operation *member : ops) {
    auto op = dyn_cast<linalg::LinalgOp>(member);
    if (!op)
      continue;
    unsigned loop =
        llvm::find(group.members[member], axis) - group.members[member].begin();
    for (OpOperand &operand : member->getOpOperands()) {
      if (group.contains(operand.get()) ||
          !isa<RankedTensorType>(operand.get().getType()))
        continue;
      AffineMap map = op.getMatchingIndexingMap(&operand);
      for (auto [dim, expr] : llvm::enumerate(map.getResults()))
        if (expr == dimExpr(b, loop))
          return tensor::getMixedSize(b, loc, operand.get(), dim);
    }
  }
  llvm_unreachable("the initial value of the first member is from outside");
}

/// The tensor that a result starts from, outside of the loop.
Value Emitter::fullInit(OpResult result) {
  auto op = cast<linalg::LinalgOp>(result.getOwner());
  Value init = op.getDpsInits()[result.getResultNumber()];
  if (!group.contains(init) && !filledWith(init) &&
      op.payloadUsesValueFromOperand(
          op.getDpsInitOperand(result.getResultNumber())))
    return init;
  AffineMap map = op.getIndexingMapMatchingResult(result);
  auto type = cast<RankedTensorType>(result.getType());
  SmallVector<OpFoldResult> shape;
  for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    int axis = loop ? group.members[op][loop.getPosition()] : whole;
    if (!type.isDynamicDim(dim))
      shape.push_back(b.getIndexAttr(type.getDimSize(dim)));
    else if (axis != whole)
      shape.push_back(sizes[axis]);
    else
      shape.push_back(tensor::getMixedSize(b, loc, init, dim));
  }
  return tensor::EmptyOp::create(b, loc, shape, type.getElementType());
}

/// A member without a reduction writes over an operand that nothing else
/// reads any more.
void Emitter::findStorage() {
  DenseSet<Value> rewritten;
  for (Operation *member : llvm::reverse(ops)) {
    auto op = dyn_cast<linalg::LinalgOp>(member);
    if (!op)
      continue;
    for (OpResult result : member->getResults())
      storage.try_emplace(result, result);
    if (op.getNumReductionLoops() != 0)
      continue;
    for (OpOperand *input : op.getDpsInputOperands()) {
      auto source = dyn_cast<OpResult>(input->get());
      if (!source || !group.contains(source) || group.escapes(source) ||
          !isa<linalg::LinalgOp>(source.getOwner()) ||
          storage.contains(source) ||
          llvm::any_of(source.getUsers(), [&](Operation *user) {
            return !isa<linalg::LinalgOp>(user) ||
                   (user != member && member->isBeforeInBlock(user));
          }))
        continue;
      for (OpResult result : member->getResults()) {
        OpOperand *init = op.getDpsInitOperand(result.getResultNumber());
        if (rewritten.contains(result) ||
            source.getType() != result.getType() ||
            op.payloadUsesValueFromOperand(init) ||
            op.getMatchingIndexingMap(input) != op.getMatchingIndexingMap(init))
          continue;
        storage[source] = storage[result];
        rewritten.insert(result);
        break;
      }
    }
  }
}

Slice Emitter::sliceOf(ArrayRef<OpFoldResult> shape, const AxisMap &axes,
                       ArrayRef<OpFoldResult> from) {
  Slice slice;
  for (auto [size, axis] : llvm::zip(shape, axes)) {
    if (axis == whole)
      slice.add(b, b.getIndexAttr(0), size, true);
    else
      slice.add(b, from[axis], extents[axis], !group.axes[axis].isTiled());
  }
  return slice;
}

/// What a member reads of a tensor from outside.
Slice Emitter::sliceOf(Value tensor, linalg::LinalgOp op, OpOperand &operand) {
  const AxisMap &loops = group.members[op];
  Slice slice;
  AffineMap map = op.getMatchingIndexingMap(&operand);
  for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
    auto tiled = [&](int axis) {
      return axis != whole && group.axes[axis].isTiled();
    };
    int axis = whole;
    for (auto [loop, candidate] : llvm::enumerate(loops))
      if (tiled(candidate) && expr.isFunctionOfDim(loop))
        axis = candidate;
    auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
    // A tile has whole panels.
    if (axis == whole || (binary && binary.getKind() == AffineExprKind::Mod)) {
      slice.add(b, b.getIndexAttr(0), tensor::getMixedSize(b, loc, tensor, dim),
                true);
      continue;
    }
    if (isa<AffineDimExpr>(expr)) {
      slice.add(b, offsets[axis], extents[axis], false);
      continue;
    }
    if (binary.getKind() == AffineExprKind::FloorDiv) {
      AffineExpr by = binary.getRHS();
      slice.add(b,
                affine::makeComposedFoldedAffineApply(
                    b, loc, dimExpr(b, 0).floorDiv(by), offsets[axis]),
                affine::makeComposedFoldedAffineApply(
                    b, loc, dimExpr(b, 0).ceilDiv(by), extents[axis]),
                false);
      continue;
    }
    // A window: from that of the first element to that of the last.
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    SmallVector<AffineExpr> first, last, none;
    SmallVector<OpFoldResult> from, counts;
    for (auto [loop, candidate] : llvm::enumerate(loops)) {
      none.push_back(b.getAffineConstantExpr(0));
      if (tiled(candidate)) {
        first.push_back(dimExpr(b, from.size()));
        last.push_back(dimExpr(b, counts.size()) - 1);
        from.push_back(offsets[candidate]);
        counts.push_back(extents[candidate]);
      } else {
        first.push_back(none.back());
        last.push_back(b.getAffineConstantExpr(
            expr.isFunctionOfDim(loop) ? ranges[loop] - 1 : 0));
      }
    }
    slice.add(
        b,
        affine::makeComposedFoldedAffineApply(
            b, loc, expr.replaceDims(first) - expr.replaceDims(none), from),
        affine::makeComposedFoldedAffineApply(
            b, loc, expr.replaceDims(last) + 1, counts),
        false);
  }
  return slice;
}

Value Emitter::extract(Value tensor, const Slice &slice) {
  if (slice.all)
    return tensor;
  return tensor::ExtractSliceOp::create(b, loc, tensor, slice.offsets,
                                        slice.sizes, slice.strides);
}

/// A member's part of a tensor from outside. What is cut off is cut off a part
/// that is the same for all tiles of a task, so that this can be packed once.
Value Emitter::readOutside(linalg::LinalgOp op, OpOperand &operand) {
  Value tensor = operand.get();
  Slice slice = sliceOf(tensor, op, operand);
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (!reach || llvm::none_of(map.getResults(), [&](AffineExpr expr) {
        auto dim = dyn_cast<AffineDimExpr>(expr);
        return dim && group.members[op][dim.getPosition()] == reach->axis;
      }))
    return extract(tensor, slice);
  OpFoldResult count = extents[reach->axis];
  extents[reach->axis] = sizes[reach->axis];
  Value part = extract(tensor, sliceOf(tensor, op, operand));
  extents[reach->axis] = count;
  SmallVector<OpFoldResult> zeros(slice.offsets.size(), b.getIndexAttr(0));
  return tensor::ExtractSliceOp::create(b, loc, part, zeros, slice.sizes,
                                        slice.strides);
}

/// Memory for a result's tile: a part of an output, or a buffer of the task
/// with static sizes.
Value Emitter::storageFor(OpResult result, Type element) {
  OpResult home = storage.lookup(result);
  AxisMap axes = group.axesOf(home);
  auto type = cast<RankedTensorType>(home.getType());
  if (Value destination = destinations.lookup(home)) {
    SmallVector<OpFoldResult> shape =
        tensor::getMixedSizes(b, loc, destination);
    return extract(destination, sliceOf(shape, axes, offsetsInTask));
  }
  SmallVector<OpFoldResult> most, actual;
  bool ragged = false;
  for (auto [dim, axis] : llvm::enumerate(axes)) {
    if (axis == whole) {
      OpFoldResult size = b.getIndexAttr(type.getDimSize(dim));
      if (type.isDynamicDim(dim)) {
        auto op = cast<linalg::LinalgOp>(home.getOwner());
        Value init = op.getDpsInits()[home.getResultNumber()];
        size = tensor::getMixedSize(b, loc, init, dim);
      }
      most.push_back(size);
      actual.push_back(size);
      continue;
    }
    bool tiled = group.axes[axis].isTiled();
    ragged |= tiled && !getConstantIntValue(extents[axis]);
    if (group.axes[axis].isCut)
      most.push_back(sizes[axis]);
    else
      most.push_back(tiled ? b.getIndexAttr(group.axes[axis].tile)
                           : extents[axis]);
    actual.push_back(extents[axis]);
  }
  Value empty = tensor::EmptyOp::create(b, loc, most, element);
  if (!ragged)
    return empty;
  SmallVector<OpFoldResult> zeros(most.size(), b.getIndexAttr(0)),
      ones(most.size(), b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(b, loc, empty, zeros, actual, ones);
}

Value Emitter::localInit(OpOperand &init) {
  auto op = cast<linalg::LinalgOp>(init.getOwner());
  OpResult result = op.getTiedOpResult(&init);
  Value value = init.get();
  if (Value tile = tiles.lookup(value))
    return tile;
  Type element = getElementTypeOrSelf(value.getType());
  if (filledWith(value)) {
    Value local = storageFor(result, element);
    return linalg::FillOp::create(b, loc, filledWith(value), local)
        .getResult(0);
  }
  if (value.getDefiningOp<tensor::EmptyOp>() ||
      !op.payloadUsesValueFromOperand(&init)) {
    // Writes over an operand of its own.
    for (OpOperand *input : op.getDpsInputOperands())
      if (Value tile = tiles.lookup(input->get()))
        if (isa<OpResult>(input->get()) &&
            storage.lookup(input->get()) == storage.lookup(result) &&
            input->get() != result &&
            op.getMatchingIndexingMap(input) ==
                op.getMatchingIndexingMap(&init))
          return tile;
    return storageFor(result, element);
  }
  if (Value destination = destinations.lookup(result)) {
    SmallVector<OpFoldResult> shape =
        tensor::getMixedSizes(b, loc, destination);
    return extract(destination,
                   sliceOf(shape, group.axesOf(result), offsetsInTask));
  }
  return extract(value, sliceOf(value, op, init));
}

void Emitter::emitMember(linalg::LinalgOp op) {
  if (OpOperand *kept = reach ? reach->masks.lookup(op) : nullptr;
      kept && storage.lookup(kept->get()) == storage.lookup(op->getResult(0)))
    return emitMask(op, *kept);
  SmallVector<Value> operands;
  for (OpOperand &operand : op->getOpOperands()) {
    if (op.isDpsInit(&operand)) {
      operands.push_back(localInit(operand));
    } else if (!isa<RankedTensorType>(operand.get().getType())) {
      operands.push_back(operand.get());
    } else if (Value tile = tiles.lookup(operand.get())) {
      operands.push_back(tile);
    } else {
      operands.push_back(readOutside(op, operand));
    }
  }
  linalg::LinalgOp tiled = emitTile(op, operands);
  for (auto [result, tile] : llvm::zip(op->getResults(), tiled->getResults()))
    tiles[result] = tile;
}

/// A mask, applied to the keys that it may hide, in the memory of what it masks.
void Emitter::emitMask(linalg::LinalgOp op, OpOperand &kept) {
  Value scores = tiles.lookup(kept.get());
  OpFoldResult count = extents[reach->axis];
  offsets[reach->axis] = plainKeys;
  extents[reach->axis] = affine::makeComposedFoldedAffineApply(
      b, loc, dimExpr(b, 0) - dimExpr(b, 1), {count, plainKeys});
  Slice slice;
  for (auto [dim, axis] : llvm::enumerate(group.members[op]))
    if (axis == reach->axis)
      slice.add(b, offsets[axis], extents[axis], false);
    else
      slice.add(b, b.getIndexAttr(0), tensor::getMixedSize(b, loc, scores, dim),
                true);
  Value part = extract(scores, slice);
  SmallVector<Value> operands;
  for (OpOperand &operand : op->getOpOperands())
    if (&operand == &kept || op.isDpsInit(&operand))
      operands.push_back(part);
    else if (!isa<RankedTensorType>(operand.get().getType()))
      operands.push_back(operand.get());
    else
      operands.push_back(
          extract(operand.get(), sliceOf(operand.get(), op, operand)));
  part = emitTile(op, operands)->getResult(0);
  tiles[op->getResult(0)] = tensor::InsertSliceOp::create(
      b, loc, part, scores, slice.offsets, slice.sizes, slice.strides);
  offsets[reach->axis] = b.getIndexAttr(0);
  extents[reach->axis] = count;
}

/// `op` on `operands`, where the tile is.
linalg::LinalgOp Emitter::emitTile(linalg::LinalgOp op,
                                   ArrayRef<Value> operands) {
  SmallVector<Type> types;
  for (Value init : operands.take_back(op.getNumDpsInits()))
    types.push_back(init.getType());
  linalg::LinalgOp tiled = clone(b, op, types, operands);
  if (tiled.hasIndexSemantics()) {
    SmallVector<OpFoldResult> shift;
    for (int axis : group.members[op])
      shift.push_back(axis == whole ? b.getIndexAttr(0) : offsets[axis]);
    OpBuilder::InsertionGuard guard(b);
    linalg::offsetIndices(b, tiled, shift);
  }
  return tiled;
}

void Emitter::emitReshape(Operation *op) {
  Value source = tiles.lookup(op->getOperand(0));
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    tiles[collapse] = tensor::CollapseShapeOp::create(
        b, loc, source, collapse.getReassociationIndices());
    return;
  }
  auto expand = cast<tensor::ExpandShapeOp>(op);
  SmallVector<OpFoldResult> shape = expand.getMixedOutputShape();
  for (auto [size, axis] : llvm::zip(shape, group.members[op]))
    if (axis != whole)
      size = extents[axis];
  SmallVector<int64_t> sizes;
  for (OpFoldResult size : shape)
    sizes.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  auto type =
      RankedTensorType::get(sizes, expand.getResultType().getElementType());
  tiles[expand] = tensor::ExpandShapeOp::create(
      b, loc, type, source, expand.getReassociationIndices(), shape);
}

void Emitter::emitMembers() {
  if (reach) {
    Reach::Keys keys =
        reach->emit(b, loc, offsets, extents, sizes[reach->axis]);
    extents[reach->axis] = keys.most;
    plainKeys = keys.fewest;
  }
  for (Operation *op : ops) {
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      emitMember(linalgOp);
    else
      emitReshape(op);
  }
}

/// How much of `tile` lies before `end`.
OpFoldResult Emitter::tileSize(OpFoldResult offset, OpFoldResult end,
                               int64_t tile, bool divides) {
  if (divides)
    return b.getIndexAttr(tile);
  AffineMap map = AffineMap::get(
      2, 0, {b.getAffineConstantExpr(tile), dimExpr(b, 1) - dimExpr(b, 0)},
      b.getContext());
  return affine::makeComposedFoldedAffineMin(b, loc, map, {offset, end});
}

void Emitter::emit(ArrayRef<Operation *> dependents) {
  Operation *last = ops.back();
  b.setInsertionPointAfter(last);
  for (int axis = 0, e = group.axes.size(); axis < e; ++axis)
    sizes.push_back(sizeOf(axis));
  findStorage();
  SmallVector<Value> inits;
  for (Operation *op : ops)
    for (OpResult result : op->getResults())
      if (group.escapes(result)) {
        outputs.push_back(result);
        inits.push_back(fullInit(result));
      }

  // The tasks.
  SmallVector<OpFoldResult> lower, upper, steps;
  SmallVector<int> parallel;
  int strips = whole;
  for (auto [index, axis] : llvm::enumerate(group.axes)) {
    if (axis.isParallel()) {
      parallel.push_back(index);
      lower.push_back(b.getIndexAttr(0));
      upper.push_back(sizes[index]);
      steps.push_back(b.getIndexAttr(axis.block));
    }
    if (axis.isTiled() && axis.tile != axis.block)
      strips = index;
  }
  auto divides = [](const Axis &axis, int64_t tile) {
    return !ShapedType::isDynamic(axis.extent) && axis.extent % tile == 0;
  };
  auto forall =
      scf::ForallOp::create(b, loc, lower, upper, steps, inits, std::nullopt);
  b.setInsertionPointToStart(forall.getBody());
  offsets.assign(sizes.size(), b.getIndexAttr(0));
  extents = sizes;
  for (auto [axis, iv] : llvm::zip(parallel, forall.getInductionVars())) {
    offsets[axis] = iv;
    extents[axis] = tileSize(iv, sizes[axis], group.axes[axis].block,
                             divides(group.axes[axis], group.axes[axis].block));
  }
  SmallVector<OpFoldResult> taskOffsets = offsets, taskExtents = extents;
  offsetsInTask = offsets;
  for (auto [output, argument] : llvm::zip(outputs, forall.getRegionIterArgs()))
    destinations[output] = argument;

  SmallVector<Value> results;
  if (strips == whole) {
    emitMembers();
    for (OpResult output : outputs)
      results.push_back(tiles[output]);
  } else {
    // A task's tiles, one after the other.
    Axis &axis = group.axes[strips];
    SmallVector<Value> parts;
    for (OpResult output : outputs)
      parts.push_back(
          extract(destinations[output],
                  sliceOf(tensor::getMixedSizes(b, loc, destinations[output]),
                          group.axesOf(output), offsets)));
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    Value step = arith::ConstantIndexOp::create(b, loc, axis.tile);
    Value end = getValueOrCreateConstantIndexOp(b, loc, extents[strips]);
    auto loop = scf::ForOp::create(b, loc, zero, end, step, parts);
    b.setInsertionPointToStart(loop.getBody());
    Value iv = loop.getInductionVar();
    for (int index : parallel)
      offsetsInTask[index] = b.getIndexAttr(0);
    offsetsInTask[strips] = iv;
    offsets[strips] = affine::makeComposedFoldedAffineApply(
        b, loc, dimExpr(b, 0) + dimExpr(b, 1), {taskOffsets[strips], iv});
    auto count = getConstantIntValue(extents[strips]);
    extents[strips] = tileSize(iv, extents[strips], axis.tile,
                               count && *count % axis.tile == 0);
    for (auto [output, part] : llvm::zip(outputs, loop.getRegionIterArgs()))
      destinations[output] = part;
    emitMembers();
    SmallVector<Value> inserted;
    for (OpResult output : outputs) {
      Value destination = destinations[output];
      Slice slice = sliceOf(tensor::getMixedSizes(b, loc, destination),
                            group.axesOf(output), offsetsInTask);
      inserted.push_back(tensor::InsertSliceOp::create(
          b, loc, tiles[output], destination, slice.offsets, slice.sizes,
          slice.strides));
    }
    scf::YieldOp::create(b, loc, inserted);
    b.setInsertionPointAfter(loop);
    results.append(loop.result_begin(), loop.result_end());
    offsets = taskOffsets;
    extents = taskExtents;
  }
  SmallVector<Slice> into;
  for (auto [output, argument] : llvm::zip(outputs, forall.getRegionIterArgs()))
    into.push_back(sliceOf(tensor::getMixedSizes(b, loc, argument),
                           group.axesOf(output), offsets));
  b.setInsertionPointToEnd(forall.getTerminator().getBody());
  for (auto [result, argument, slice] :
       llvm::zip(results, forall.getRegionIterArgs(), into))
    tensor::ParallelInsertSliceOp::create(
        b, loc, result, argument, slice.offsets, slice.sizes, slice.strides);

  // What reads the results comes after them.
  Operation *at = forall;
  auto moveBehind = [&](Operation *op) {
    b.moveOpAfter(op, at);
    at = op;
  };
  for (Operation *op : ops)
    if (!isa<linalg::LinalgOp>(op) &&
        llvm::any_of(op->getUsers(),
                     [&](Operation *user) { return !group.contains(user); }))
      moveBehind(op);
  for (Operation *op : dependents)
    moveBehind(op);
  for (auto [output, result] : llvm::zip(outputs, forall.getResults()))
    b.replaceAllUsesWith(output, result);
  for (Operation *op : llvm::reverse(ops))
    if (op->use_empty())
      b.eraseOp(op);
}

} // namespace

void emitTiles(RewriterBase &rewriter, Group &group,
               ArrayRef<Operation *> dependents) {
  Emitter(rewriter, group).emit(dependents);
}

} // namespace plait
