//===- DemoteVariance.cpp - variances of f32 values in f32 -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ops that hand each other tensors of f64 make an island. An island whose
// values all come from f32 or narrower and all leave as f32 or narrower, and
// that sums the squares of differences, is a two-pass variance: it is cloned
// with f32 in the place of f64.
//
//===----------------------------------------------------------------------===//

#include "LinalgShapes.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/EquivalenceClasses.h"

namespace plait {
#define GEN_PASS_DEF_LINALGDEMOTEVARIANCE
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;
using namespace plait;

namespace {

bool isF64(Type type) { return getElementTypeOrSelf(type).isF64(); }

/// f32 in the place of f64.
Type demoted(Type type) {
  if (!isF64(type))
    return type;
  auto f32 = Float32Type::get(type.getContext());
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return tensor.clone(f32);
  return f32;
}

/// The start of a sum, or memory: every reader can make its own.
bool isLeaf(Operation *op) {
  return isa<tensor::EmptyOp>(op) ||
         (op->getNumResults() == 1 && filledWith(op->getResult(0)));
}

/// Whether the scalar computation in a member of an island means the same,
/// up to rounding, with f32 in the place of f64.
bool isDemotable(Operation &inner) {
  if (isa<arith::ExtFOp>(inner))
    return inner.getOperand(0).getType().getIntOrFloatBitWidth() <= 32;
  if (isa<arith::TruncFOp>(inner))
    return inner.getResult(0).getType().getIntOrFloatBitWidth() <= 32;
  if (isa<linalg::YieldOp, arith::AddFOp, arith::SubFOp, arith::MulFOp,
          arith::DivFOp, math::SqrtOp, math::RsqrtOp>(inner))
    return llvm::all_of(inner.getOperands(), [&](Value operand) {
      return operand.getParentRegion() == inner.getParentRegion() ||
             matchPattern(operand, m_Constant());
    });
  if (auto constant = dyn_cast<arith::ConstantOp>(inner))
    return isa<FloatAttr>(constant.getValue());
  return llvm::none_of(inner.getOperandTypes(), isF64) &&
         llvm::none_of(inner.getResultTypes(), isF64);
}

bool isMember(Operation *op) {
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return generic.hasPureTensorSemantics() &&
           llvm::all_of(*generic.getBody(), isDemotable);
  return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op);
}

/// The value of an element: `value` in a body, or what a producer yields.
Value trace(Value value) {
  while (auto argument = dyn_cast<BlockArgument>(value)) {
    auto op = dyn_cast<linalg::GenericOp>(argument.getOwner()->getParentOp());
    if (!op || argument.getArgNumber() >= op.getNumDpsInputs())
      return value;
    value = op.getDpsInputOperand(argument.getArgNumber())->get();
    auto producer = value.getDefiningOp<linalg::GenericOp>();
    if (!producer)
      return value;
    value = producer.getBody()->getTerminator()->getOperand(
        cast<OpResult>(value).getResultNumber());
  }
  return value;
}

/// Multiplies a difference by itself.
bool squaresDifference(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic && llvm::any_of(*generic.getBody(), [](Operation &inner) {
           auto product = dyn_cast<arith::MulFOp>(inner);
           if (!product)
             return false;
           Value left = trace(product.getLhs());
           return left == trace(product.getRhs()) &&
                  left.getDefiningOp<arith::SubFOp>();
         });
}

class Island {
public:
  explicit Island(ArrayRef<Operation *> members) : members(members) {}

  bool isVariance() const {
    for (Operation *op : members) {
      if (!isMember(op))
        return false;
      for (Value operand : op->getOperands())
        if (Operation *source = operand.getDefiningOp();
            isF64(operand.getType()) &&
            (!source ||
             (!isLeaf(source) && !llvm::is_contained(members, source))))
          return false;
      for (Operation *user : op->getUsers())
        if (llvm::any_of(op->getResultTypes(), isF64) &&
            !llvm::is_contained(members, user))
          return false;
    }
    return llvm::any_of(members, squaresDifference);
  }

  /// Clones the members, which are in the order of the block, in f32.
  void demote() {
    for (Operation *op : members) {
      OpBuilder b(op);
      for (Value operand : op->getOperands())
        if (isF64(operand.getType()) && !map.contains(operand))
          cloneLeaf(b, operand);
      Operation *clone = b.cloneWithoutRegions(*op, map);
      for (auto [source, target] :
           llvm::zip(op->getRegions(), clone->getRegions()))
        source.cloneInto(&target, map);
      for (Value result : clone->getResults())
        result.setType(demoted(result.getType()));
      for (Region &region : clone->getRegions())
        demoteBody(region);
      for (auto [from, to] : llvm::zip(op->getResults(), clone->getResults())) {
        map.map(from, to);
        if (!isF64(from.getType()))
          from.replaceAllUsesWith(to);
      }
    }
    for (Operation *op : llvm::reverse(members))
      op->erase();
  }

private:
  void cloneLeaf(OpBuilder &b, Value leaf) {
    Location loc = leaf.getLoc();
    auto type = cast<RankedTensorType>(demoted(leaf.getType()));
    Value empty = tensor::EmptyOp::create(
        b, loc, tensor::getMixedSizes(b, loc, leaf), type.getElementType());
    if (Value start = filledWith(leaf))
      empty = linalg::FillOp::create(b, loc, demotedScalar(b, start), empty)
                  .getResult(0);
    map.map(leaf, empty);
  }

  static Value demotedScalar(OpBuilder &b, Value value) {
    FloatAttr constant;
    if (!matchPattern(value, m_Constant(&constant)))
      return arith::TruncFOp::create(b, value.getLoc(), b.getF32Type(), value);
    APFloat number = constant.getValue();
    bool lossy;
    number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lossy);
    return arith::ConstantOp::create(
        b, value.getLoc(), b.getF32FloatAttr(number.convertToFloat()));
  }

  static void demoteBody(Region &region) {
    for (BlockArgument argument : region.getArguments())
      argument.setType(demoted(argument.getType()));
    for (Operation &inner : llvm::make_early_inc_range(region.front())) {
      OpBuilder b(&inner);
      if (isa<arith::ExtFOp, arith::TruncFOp>(inner)) {
        Value source = inner.getOperand(0);
        Type type = demoted(inner.getResult(0).getType());
        unsigned from = source.getType().getIntOrFloatBitWidth();
        unsigned to = type.getIntOrFloatBitWidth();
        if (isF64(source.getType())) { // A constant from outside.
          source = demotedScalar(b, source);
          from = 32;
        }
        if (from < to)
          source = arith::ExtFOp::create(b, inner.getLoc(), type, source);
        else if (from > to)
          source = arith::TruncFOp::create(b, inner.getLoc(), type, source);
        inner.getResult(0).replaceAllUsesWith(source);
        inner.erase();
        continue;
      }
      for (OpOperand &operand : inner.getOpOperands())
        if (isF64(operand.get().getType()))
          operand.set(demotedScalar(b, operand.get()));
      if (auto constant = dyn_cast<arith::ConstantOp>(inner);
          constant && isF64(constant.getType())) {
        constant.replaceAllUsesWith(demotedScalar(b, constant));
        constant.erase();
        continue;
      }
      for (Value result : inner.getResults())
        result.setType(demoted(result.getType()));
    }
  }

  ArrayRef<Operation *> members;
  IRMapping map;
};

struct LinalgDemoteVariance
    : plait::impl::LinalgDemoteVarianceBase<LinalgDemoteVariance> {
  using Base::Base;

  void runOnOperation() override {
    // Ops that share a tensor of f64 are in the same island.
    llvm::EquivalenceClasses<Operation *> islands;
    SmallVector<Operation *> order;
    getOperation()->walk([&](Operation *op) {
      bool touches = llvm::any_of(op->getOperands(), isTensorOfF64) ||
                     llvm::any_of(op->getResults(), isTensorOfF64);
      if (!touches || isLeaf(op))
        return;
      order.push_back(op);
      islands.insert(op);
      for (Value operand : op->getOperands())
        if (Operation *source = operand.getDefiningOp();
            source && isTensorOfF64(operand) && !isLeaf(source))
          islands.unionSets(op, source);
    });
    llvm::MapVector<Operation *, SmallVector<Operation *>> members;
    for (Operation *op : order)
      members[islands.getLeaderValue(op)].push_back(op);
    for (auto &[leader, ops] : members) {
      bool oneBlock = llvm::all_of(ops, [&](Operation *op) {
        return op->getBlock() == ops[0]->getBlock();
      });
      Island island(ops);
      if (!oneBlock || !island.isVariance())
        continue;
      island.demote();
      ++numDemoted;
    }
  }

  static bool isTensorOfF64(Value value) {
    return isa<RankedTensorType>(value.getType()) && isF64(value.getType());
  }
};

} // namespace
