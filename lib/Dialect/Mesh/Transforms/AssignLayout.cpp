//===- AssignLayout.cpp - layouts that fit together
//-------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Mesh/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

namespace plait::mesh {
#define GEN_PASS_DEF_MESHASSIGNLAYOUT
#include "plait/Dialect/Mesh/Transforms/Passes.h.inc"
} // namespace plait::mesh

using namespace mlir;
using namespace plait::mesh;

namespace {
/// Layouts an operation wants its inputs in, and the one of its result.
struct Plan {
  SmallVector<LayoutKind> inputs;
  LayoutKind result;
};

bool isWhole(LayoutKind kind) {
  return kind == LayoutKind::Single || kind == LayoutKind::Replicated;
}

/// The plan of a product of operands in layouts `lhs` and `rhs`.
std::optional<Plan> planProduct(LayoutKind lhs, LayoutKind rhs,
                                bool lhsIsVector) {
  using K = LayoutKind;
  if (isWhole(lhs)) {
    if (rhs == K::ColPartition)
      return Plan{{K::Replicated, rhs}, rhs};
    if (isWhole(rhs)) {
      K both = lhs == rhs ? lhs : K::Replicated;
      return Plan{{both, both}, both};
    }
    return std::nullopt;
  }
  if (lhsIsVector)
    return std::nullopt;
  if (lhs == K::RowPartition)
    return Plan{{lhs, K::Replicated}, lhs};
  if (lhs == K::Grid || lhs == K::ColPartition)
    return Plan{{lhs, K::InnerPartition}, K::LastColumn};
  return std::nullopt;
}

/// The layout of the input of a broadcast to a matrix in layout `result`.
LayoutKind planBroadcast(LayoutKind result, bool alongRows) {
  using K = LayoutKind;
  if (isWhole(result))
    return result;
  bool cut = alongRows ? result != K::ColPartition
                       : result == K::ColPartition || result == K::Grid;
  if (!cut)
    return K::Replicated;
  return alongRows ? K::RowPartition : K::ColPartition;
}

class Assigner {
public:
  explicit Assigner(bool mayMove) : mayMove(mayMove) {}
  LogicalResult run(func::FuncOp function);
  DenseMap<Value, LayoutAttr> layouts;

private:
  LayoutAttr get(MLIRContext *context, LayoutKind kind) {
    return LayoutAttr::get(context, kind);
  }

  /// Has `operand` in layout `kind`, by a redistribution where it is not.
  LogicalResult require(OpOperand &operand, LayoutKind kind);
  LogicalResult visitProduct(linalg::LinalgOp op);
  LogicalResult visitElementwise(linalg::LinalgOp op);
  LogicalResult visit(Operation &op);

  /// Whether a redistribution may be inserted.
  bool mayMove;
  FlatSymbolRefAttr grid;
};
} // namespace

LogicalResult Assigner::require(OpOperand &operand, LayoutKind kind) {
  Operation *op = operand.getOwner();
  LayoutAttr have = layouts.lookup(operand.get());
  LayoutAttr want = get(op->getContext(), kind);
  if (have == want)
    return success();
  if (!have)
    return op->emitError("expects operand ")
           << operand.getOperandNumber() << " to be placed on a grid";
  if (!mayMove)
    return op->emitError("expects operand ")
           << operand.getOperandNumber() << " in layout '"
           << stringifyLayoutKind(kind) << "', got '"
           << stringifyLayoutKind(have.getKind()) << "'";
  OpBuilder builder(op);
  auto moved =
      RedistributeOp::create(builder, op->getLoc(), operand.get().getType(),
                             operand.get(), have, want, grid);
  layouts[moved] = want;
  operand.set(moved);
  return success();
}

LogicalResult Assigner::visitProduct(linalg::LinalgOp op) {
  OpOperand &lhs = op->getOpOperand(0), &rhs = op->getOpOperand(1);
  LayoutAttr left = layouts.lookup(lhs.get()),
             right = layouts.lookup(rhs.get());
  if (!left || !right)
    return op.emitError("expects both operands of a product to be placed on a "
                        "grid");
  // After this pass the right operand is where the plan has put it.
  LayoutKind rightKind = right.getKind();
  if (rightKind == LayoutKind::InnerPartition)
    rightKind = LayoutKind::Replicated;
  std::optional<Plan> plan =
      planProduct(left.getKind(), rightKind, isa<linalg::VecmatOp>(op));
  if (!plan)
    return op.emitError("no plan for a product of ")
           << (isa<linalg::VecmatOp>(op) ? "a vector" : "a matrix")
           << " in layout '" << stringifyLayoutKind(left.getKind())
           << "' with a matrix in layout '"
           << stringifyLayoutKind(right.getKind()) << "'";
  if (failed(require(lhs, plan->inputs[0])) ||
      failed(require(rhs, plan->inputs[1])))
    return failure();
  layouts[op->getResult(0)] = get(op.getContext(), plan->result);
  return success();
}

LogicalResult Assigner::visitElementwise(linalg::LinalgOp op) {
  // The first operand that is cut decides, else the first that is placed.
  LayoutAttr chosen;
  for (OpOperand *input : op.getDpsInputOperands())
    if (LayoutAttr layout = layouts.lookup(input->get()))
      if (!chosen || (isWhole(chosen.getKind()) && !isWhole(layout.getKind())))
        chosen = layout;
  if (!chosen)
    return success();
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (auto broadcast = input->get().getDefiningOp<linalg::BroadcastOp>()) {
      bool alongRows = broadcast.getDimensions()[0] == 1;
      if (failed(require(broadcast->getOpOperand(0),
                         planBroadcast(chosen.getKind(), alongRows))))
        return failure();
      continue;
    }
    if (layouts.lookup(input->get()) &&
        failed(require(*input, chosen.getKind())))
      return failure();
  }
  layouts[op->getResult(0)] = chosen;
  return success();
}

LogicalResult Assigner::visit(Operation &op) {
  return TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](PlaceOp place) -> LogicalResult {
        if (grid && grid != place.getGridAttr())
          return op.emitError("expects one grid in a function, got ")
                 << grid << " and " << place.getGridAttr();
        grid = place.getGridAttr();
        layouts[place] = place.getLayout();
        return success();
      })
      .Case([&](RedistributeOp move) {
        layouts[move] = move.getLayout();
        return success();
      })
      .Case<linalg::MatmulOp, linalg::MatvecOp, linalg::VecmatOp>(
          [&](auto product) { return visitProduct(product); })
      .Case<linalg::AddOp, linalg::SubOp, linalg::MulOp, linalg::MaxOp>(
          [&](auto elementwise) { return visitElementwise(elementwise); })
      .Case([&](linalg::BroadcastOp broadcast) -> LogicalResult {
        // Its reader decides: see visitElementwise.
        if (broadcast.getInput().getType().getRank() != 1 ||
            broadcast.getDimensions().size() != 1)
          return op.emitError("no plan for a broadcast of ")
                 << broadcast.getInput().getType() << " on a grid";
        return success();
      })
      .Case<arith::ConstantOp, tensor::EmptyOp, linalg::FillOp, func::ReturnOp>(
          [](Operation *) { return success(); })
      .Default([](Operation *other) {
        StringRef name = other->getName().getStringRef();
        auto front = other->getAttrOfType<StringAttr>("front_op");
        return other->emitError("no plan for '")
               << (front ? front.getValue() : name) << "' on a grid";
      });
}

LogicalResult Assigner::run(func::FuncOp function) {
  if (!function.getBody().hasOneBlock())
    return function.emitError("expects one block in a function on a grid");
  for (Operation &op : function.getBody().front())
    if (failed(visit(op)))
      return failure();
  return success();
}

FailureOr<DenseMap<Value, LayoutAttr>>
plait::mesh::inferLayouts(func::FuncOp function) {
  Assigner assigner(/*mayMove=*/false);
  if (failed(assigner.run(function)))
    return failure();
  return std::move(assigner.layouts);
}

namespace {
struct MeshAssignLayout
    : plait::mesh::impl::MeshAssignLayoutBase<MeshAssignLayout> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(Assigner(/*mayMove=*/true).run(getOperation())))
      signalPassFailure();
  }
};
} // namespace
