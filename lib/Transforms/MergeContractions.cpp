//===- MergeContractions.cpp - one contraction for one input -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgShapes.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace plait {
#define GEN_PASS_DEF_LINALGMERGECONTRACTIONS
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;
using linalg::GenericOp;

namespace {

bool isReshape(Operation *op) {
  return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op);
}

/// A bound weight, perhaps reshaped: what is made of it is made once.
bool isWeight(Value value) {
  if (!cast<ShapedType>(value.getType()).hasStaticShape())
    return false;
  while (Operation *op = value.getDefiningOp()) {
    if (!isReshape(op))
      return false;
    value = op->getOperand(0);
  }
  auto argument = cast<BlockArgument>(value);
  auto function =
      dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp());
  return function &&
         function.getArgAttr(argument.getArgNumber(), "plait.weight");
}

/// Which dimension of a tensor `loop` indexes, if one.
std::optional<unsigned> dimOf(AffineMap map, unsigned loop) {
  return map.getResultPosition(getAffineDimExpr(loop, map.getContext()));
}

/// A contraction of an input and a weight, and what is computed from it.
struct Branch {
  GenericOp contraction;
  unsigned inputNumber;
  /// The loop over the weight's columns, in the contraction and the epilogue.
  unsigned columns;
  /// Elementwise with weights: a bias, a scale. Or null.
  GenericOp epilogue;
  unsigned epilogueColumns;

  OpOperand &input() const { return contraction->getOpOperand(inputNumber); }
  /// The operand of the epilogue that is the contraction's result.
  OpOperand *read() const { return &*contraction->getResult(0).use_begin(); }
};

/// Finds what `branch` ends with. Fails if an elementwise reader is none that
/// could be computed for several branches: it is fused with the contraction.
LogicalResult findEpilogue(Branch &branch) {
  Value result = branch.contraction->getResult(0);
  SmallVector<Value> values{result};
  while (!values.empty())
    for (Operation *user : values.pop_back_val().getUsers()) {
      if (isReshape(user))
        values.push_back(user->getResult(0));
      auto generic = dyn_cast<GenericOp>(user);
      if (generic && plait::isElementwise(generic))
        branch.epilogue = generic;
    }
  GenericOp op = branch.epilogue;
  if (!op)
    return success();
  if (!result.hasOneUse() || *result.user_begin() != op ||
      op.hasIndexSemantics() ||
      op->getBlock() != branch.contraction->getBlock() ||
      !op.getDpsInitOperand(0)->get().getDefiningOp<tensor::EmptyOp>())
    return failure();
  for (OpOperand *operand : op.getDpsInputOperands())
    if (!op.getMatchingIndexingMap(operand).isProjectedPermutation() ||
        (operand->get() != result && !isWeight(operand->get())))
      return failure();
  AffineMap out = branch.contraction.getIndexingMapsArray().back();
  AffineMap read = op.getMatchingIndexingMap(branch.read());
  if (!read.isPermutation())
    return failure();
  branch.epilogueColumns = read.getDimPosition(*dimOf(out, branch.columns));
  return success();
}

std::optional<Branch> match(GenericOp op) {
  if (!op.hasPureTensorSemantics() || !plait::isContraction(op))
    return std::nullopt;
  Value zero = plait::filledWith(op.getDpsInitOperand(0)->get());
  if (!zero ||
      !(matchPattern(zero, m_AnyZeroFloat()) || matchPattern(zero, m_Zero())))
    return std::nullopt;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  for (unsigned input : {0, 1}) {
    unsigned weight = 1 - input;
    if (!isWeight(op->getOperand(weight)) || isWeight(op->getOperand(input)))
      continue;
    for (AffineExpr expr : maps[weight].getResults()) {
      unsigned loop = cast<AffineDimExpr>(expr).getPosition();
      if (maps[input].isFunctionOfDim(loop) || !maps[2].isFunctionOfDim(loop))
        continue;
      Branch branch{op, input, loop, {}, 0};
      if (failed(findEpilogue(branch)))
        return std::nullopt;
      return branch;
    }
  }
  return std::nullopt;
}

/// Whether two ops do the same to operands that differ along one loop at most.
bool areAlike(GenericOp a, GenericOp b, unsigned columns) {
  if (a.getIndexingMaps() != b.getIndexingMaps() ||
      a.getIteratorTypes() != b.getIteratorTypes() ||
      !OperationEquivalence::isRegionEquivalentTo(
          &a.getRegion(), &b.getRegion(),
          OperationEquivalence::IgnoreLocations))
    return false;
  for (auto [x, y] :
       llvm::zip_equal(a->getOperandTypes(), b->getOperandTypes()))
    if (getElementTypeOrSelf(x) != getElementTypeOrSelf(y))
      return false;
  for (auto [loop, sizes] : llvm::enumerate(
           llvm::zip_equal(a.getStaticLoopRanges(), b.getStaticLoopRanges())))
    if (loop != columns && std::get<0>(sizes) != std::get<1>(sizes))
      return false;
  // What the columns do not index is read by all.
  for (auto [x, y] :
       llvm::zip_equal(a.getDpsInputOperands(), b.getDpsInputOperands()))
    if (x->get() != y->get() &&
        !a.getMatchingIndexingMap(x).isFunctionOfDim(columns))
      return false;
  return true;
}

bool areAlike(const Branch &a, const Branch &b) {
  if (a.inputNumber != b.inputNumber || a.columns != b.columns ||
      !a.epilogue != !b.epilogue || a.epilogueColumns != b.epilogueColumns ||
      !areAlike(a.contraction, b.contraction, a.columns))
    return false;
  return !a.epilogue ||
         (a.read()->getOperandNumber() == b.read()->getOperandNumber() &&
          areAlike(a.epilogue, b.epilogue, a.epilogueColumns));
}

/// One weight twice would be more than there is.
bool haveWeightsOfTheirOwn(ArrayRef<Branch> branches) {
  SmallPtrSet<Value, 4> seen;
  return llvm::all_of(branches, [&](const Branch &branch) {
    return seen.insert(branch.contraction->getOperand(1 - branch.inputNumber))
        .second;
  });
}

/// A weight where it can be used.
Value cloneViews(OpBuilder &b, Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return value;
  IRMapping mapping;
  mapping.map(op->getOperand(0), cloneViews(b, op->getOperand(0)));
  return b.clone(*op, mapping)->getResult(0);
}

/// The same op on the operands of all `ops`, one behind the other along the
/// loop `columns`, but for operand `known`, which is `value`. The result is of
/// `sizes`, but for its columns.
Value mergeOps(OpBuilder &b, ArrayRef<GenericOp> ops, unsigned columns,
               unsigned known, Value value, SmallVector<OpFoldResult> sizes) {
  GenericOp first = ops.front();
  Location loc = first.getLoc();
  SmallVector<Value> operands;
  for (OpOperand *operand : first.getDpsInputOperands()) {
    unsigned number = operand->getOperandNumber();
    if (number == known) {
      operands.push_back(value);
      continue;
    }
    SmallVector<Value> parts;
    for (GenericOp op : ops)
      parts.push_back(cloneViews(b, op->getOperand(number)));
    AffineMap map = first.getMatchingIndexingMap(operand);
    std::optional<unsigned> dim = dimOf(map, columns);
    operands.push_back(
        dim ? tensor::ConcatOp::create(b, loc, *dim, parts).getResult()
            : parts.front());
  }
  int64_t size = 0;
  for (GenericOp op : ops)
    size += op.getStaticLoopRanges()[columns];
  sizes[*dimOf(first.getIndexingMapsArray().back(), columns)] =
      b.getIndexAttr(size);
  Value init = tensor::EmptyOp::create(
      b, loc, sizes, getElementTypeOrSelf(first->getResult(0).getType()));
  if (Value zero = plait::filledWith(first.getDpsInitOperand(0)->get()))
    init = linalg::FillOp::create(b, loc, zero, init).getResult(0);
  operands.push_back(init);
  return clone(b, first, init.getType(), operands)->getResult(0);
}

/// All branches at once, for slices of the result to take their place.
void merge(RewriterBase &rewriter, ArrayRef<Branch> branches) {
  Branch first = branches.front();
  Location loc = first.contraction.getLoc();
  rewriter.setInsertionPoint(first.contraction);
  SmallVector<GenericOp> ops;
  for (const Branch &branch : branches)
    ops.push_back(branch.contraction);
  Value result = mergeOps(
      rewriter, ops, first.columns, first.inputNumber, first.input().get(),
      tensor::getMixedSizes(rewriter, loc,
                            first.contraction.getDpsInitOperand(0)->get()));
  unsigned columns = first.columns;
  if (first.epilogue) {
    ops.clear();
    for (const Branch &branch : branches)
      ops.push_back(branch.epilogue);
    columns = first.epilogueColumns;
    AffineMap read = first.epilogue.getMatchingIndexingMap(first.read());
    result = mergeOps(
        rewriter, ops, columns, first.read()->getOperandNumber(), result,
        applyPermutationMap(
            inversePermutation(read),
            ArrayRef(tensor::getMixedSizes(rewriter, loc, result))));
  }
  unsigned dim = *dimOf(ops.front().getIndexingMapsArray().back(), columns);
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(rewriter, loc, result);
  SmallVector<OpFoldResult> offsets(sizes.size(), rewriter.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), rewriter.getIndexAttr(1));
  SmallVector<Value> slices;
  int64_t offset = 0;
  for (GenericOp op : ops) {
    int64_t size = op.getStaticLoopRanges()[columns];
    offsets[dim] = rewriter.getIndexAttr(offset);
    sizes[dim] = rewriter.getIndexAttr(size);
    offset += size;
    slices.push_back(tensor::ExtractSliceOp::create(rewriter, loc, result,
                                                    offsets, sizes, strides));
  }
  for (auto [op, slice] : llvm::zip_equal(ops, slices))
    rewriter.replaceOp(op, slice);
  if (first.epilogue)
    for (const Branch &branch : branches)
      rewriter.eraseOp(branch.contraction);
}

struct LinalgMergeContractions
    : plait::impl::LinalgMergeContractionsBase<LinalgMergeContractions> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<SmallVector<Branch>> groups;
    getOperation()->walk([&](GenericOp op) {
      std::optional<Branch> branch = match(op);
      if (!branch)
        return;
      for (SmallVector<Branch> &group : groups)
        if (group.front().contraction->getBlock() == op->getBlock() &&
            areAlike(group.front(), *branch)) {
          group.push_back(*branch);
          return;
        }
      groups.push_back({*branch});
    });
    IRRewriter rewriter(&getContext());
    for (ArrayRef<Branch> group : groups)
      if (group.size() > 1 && haveWeightsOfTheirOwn(group)) {
        merge(rewriter, group);
        numMerged += group.size();
      }
  }
};

} // namespace
