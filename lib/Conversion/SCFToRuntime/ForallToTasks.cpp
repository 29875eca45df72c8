//===- ForallToTasks.cpp - scf.forall to calls of the runtime -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tiles of an scf.forall are numbered row by row. Its body becomes a task,
//
//   task(context, begin, end): for i = begin to end: body(i / columns, i % ...)
//
// and the loop a call of plait_parallel_for. What the body reads from outside
// goes through a struct on the caller's stack.
//
//===----------------------------------------------------------------------===//

#include "plait/Conversion/Passes.h"

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"

namespace plait {
#define GEN_PASS_DEF_CONVERTSCFFORALLTOTASKS
#include "plait/Conversion/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

constexpr StringLiteral parallelFor = "plait_parallel_for";
constexpr StringLiteral raise = "plait_raise";

/// How many operations running `block` once takes, if the IR says.
std::optional<int64_t> countOps(Block &block) {
  int64_t sum = 0;
  for (Operation &op : block.without_terminator()) {
    std::optional<int64_t> trips = 1;
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      std::optional<APInt> known = loop.getStaticTripCount();
      trips = known ? std::optional(known->getSExtValue()) : std::nullopt;
    } else if (op.getNumRegions() && !isa<scf::IfOp>(op)) {
      trips = std::nullopt;
    } else if (isa<CallOpInterface>(op)) {
      trips = std::nullopt;
    }
    if (!trips)
      return std::nullopt;
    int64_t body = 1;
    for (Region &region : op.getRegions())
      for (Block &inner : region) {
        std::optional<int64_t> ops = countOps(inner);
        if (!ops)
          return std::nullopt;
        body += *ops;
      }
    // Enough to be large, and no more, so that nothing overflows.
    sum = std::min<int64_t>(sum + std::min<int64_t>(*trips, 1 << 30) * body,
                            1 << 30);
  }
  return sum;
}

/// Makes stack memory of a static size that `block` allocates the function's,
/// allocated once however often `block` runs.
void hoistAllocas(Block &block, Block &entry) {
  block.walk([&](memref::AllocaOp alloca) {
    if (alloca->getNumOperands() == 0)
      alloca->moveBefore(&entry, entry.begin());
  });
}

struct ConvertSCFForallToTasks
    : plait::impl::ConvertSCFForallToTasksBase<ConvertSCFForallToTasks> {
  using Base::Base;

  LogicalResult check(scf::ForallOp forall) {
    if (forall.getNumResults())
      return forall.emitOpError("expects buffers, got results of type ")
             << forall.getResultTypes();
    if (!forall->getParentOfType<func::FuncOp>())
      return forall.emitOpError("expects to be in a 'func.func'");
    return success();
  }

  /// How many tiles each dimension has; ahead of the loop where it is dynamic.
  SmallVector<OpFoldResult> countTiles(OpBuilder &b, scf::ForallOp forall) {
    Location loc = forall.getLoc();
    SmallVector<OpFoldResult> counts;
    for (auto [lower, upper, step] :
         llvm::zip_equal(forall.getMixedLowerBound(),
                         forall.getMixedUpperBound(), forall.getMixedStep())) {
      auto lb = getConstantIntValue(lower), ub = getConstantIntValue(upper),
           by = getConstantIntValue(step);
      if (lb && ub && by) {
        int64_t count = llvm::divideCeilSigned(*ub - *lb, *by);
        counts.push_back(b.getIndexAttr(std::max<int64_t>(count, 0)));
        continue;
      }
      Value size = arith::SubIOp::create(
          b, loc, getValueOrCreateConstantIndexOp(b, loc, upper),
          getValueOrCreateConstantIndexOp(b, loc, lower));
      size = arith::CeilDivSIOp::create(
          b, loc, size, getValueOrCreateConstantIndexOp(b, loc, step));
      // An empty dimension may come out negative.
      Value zero = arith::ConstantIndexOp::create(b, loc, 0);
      counts.push_back(
          OpFoldResult(arith::MaxSIOp::create(b, loc, size, zero)));
    }
    return counts;
  }

  /// Whether another thread would not even wake up in time.
  bool isSmall(scf::ForallOp forall, ArrayRef<OpFoldResult> counts) {
    std::optional<int64_t> tiles = 1;
    for (OpFoldResult count : counts) {
      std::optional<int64_t> known = getConstantIntValue(count);
      if (!known)
        return false;
      tiles = std::min<int64_t>(*tiles * std::min<int64_t>(*known, 1 << 30),
                                1 << 30);
    }
    if (*tiles <= 1)
      return true;
    std::optional<int64_t> ops = countOps(*forall.getBody());
    return ops && *ops * *tiles < minOps;
  }

  LogicalResult toLoop(scf::ForallOp forall) {
    Block &entry = forall->getParentOfType<func::FuncOp>().getBody().front();
    hoistAllocas(*forall.getBody(), entry);
    IRRewriter rewriter(forall);
    return scf::forallToForLoop(rewriter, forall);
  }

  LLVM::LLVMFuncOp declare(StringRef name, Type result,
                           ArrayRef<Type> arguments) {
    if (auto known = SymbolTable::lookupNearestSymbolFrom<LLVM::LLVMFuncOp>(
            getOperation(), StringAttr::get(&getContext(), name)))
      return known;
    auto b = OpBuilder::atBlockBegin(getOperation().getBody());
    return LLVM::LLVMFuncOp::create(
        b, getOperation().getLoc(), name,
        LLVM::LLVMFunctionType::get(result, arguments));
  }

  /// The function that does a range of the tiles of `forall`, whose dimensions
  /// have `counts`, with the `captured` values in a struct of `contextType`.
  func::FuncOp makeTask(scf::ForallOp forall, ArrayRef<OpFoldResult> counts,
                        ArrayRef<Value> captured, ArrayRef<Operation *> copied,
                        Type contextType) {
    Location loc = forall.getLoc();
    OpBuilder b(&getContext());
    auto ptr = LLVM::LLVMPointerType::get(&getContext());
    auto parent = forall->getParentOfType<func::FuncOp>();
    auto task = func::FuncOp::create(
        loc, (parent.getName() + "_task").str(),
        b.getFunctionType({ptr, b.getI64Type(), b.getI64Type()}, {ptr}));
    task.setPrivate();
    task->setAttr("passthrough", b.getStrArrayAttr({"plait-task"}));
    Block *entry = task.addEntryBlock();
    b.setInsertionPointToStart(entry);

    IRMapping mapping;
    for (Operation *op : copied)
      b.clone(*op, mapping);
    Value context =
        LLVM::LoadOp::create(b, loc, contextType, entry->getArgument(0));
    for (auto [i, value] : llvm::enumerate(captured)) {
      Value member = LLVM::ExtractValueOp::create(b, loc, context, i);
      mapping.map(value, toType(b, loc, value.getType(), member));
    }
    auto inside = [&](OpFoldResult value) -> Value {
      if (auto outside = dyn_cast<Value>(value))
        return mapping.lookup(outside);
      return getValueOrCreateConstantIndexOp(b, loc, value);
    };

    Value begin = arith::IndexCastOp::create(b, loc, b.getIndexType(),
                                             entry->getArgument(1));
    Value end = arith::IndexCastOp::create(b, loc, b.getIndexType(),
                                           entry->getArgument(2));
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    auto loop = scf::ForOp::create(b, loc, begin, end, one);
    Value null = LLVM::ZeroOp::create(b, loc, ptr);
    func::ReturnOp::create(b, loc, null);

    b.setInsertionPointToStart(loop.getBody());
    Value rest = loop.getInductionVar();
    SmallVector<OpFoldResult> lower = forall.getMixedLowerBound(),
                              step = forall.getMixedStep();
    for (unsigned i = counts.size(); i-- > 0;) {
      Value at = rest;
      if (i > 0) {
        Value count = inside(counts[i]);
        at = arith::RemUIOp::create(b, loc, rest, count);
        rest = arith::DivUIOp::create(b, loc, rest, count);
      }
      if (getConstantIntValue(step[i]) != 1)
        at = arith::MulIOp::create(b, loc, at, inside(step[i]));
      if (getConstantIntValue(lower[i]) != 0)
        at = arith::AddIOp::create(b, loc, at, inside(lower[i]));
      mapping.map(forall.getInductionVar(i), at);
    }
    for (Operation &op : forall.getBody()->without_terminator())
      b.clone(op, mapping);
    hoistAllocas(*loop.getBody(), *entry);
    // What is left of stack memory has a size of its own in every tile.
    bool grows = false;
    loop.getBody()->walk([&](memref::AllocaOp) { grows = true; });
    if (grows) {
      b.setInsertionPointToStart(loop.getBody());
      Value stack = LLVM::StackSaveOp::create(b, loc, ptr);
      b.setInsertionPoint(loop.getBody()->getTerminator());
      LLVM::StackRestoreOp::create(b, loc, stack);
    }
    return task;
  }

  /// `value` as `type`, or back: only one of the two is an LLVM type.
  Value toType(OpBuilder &b, Location loc, Type type, Value value) {
    if (value.getType() == type)
      return value;
    return UnrealizedConversionCastOp::create(b, loc, type, value).getResult(0);
  }

  LogicalResult toTask(scf::ForallOp forall, ArrayRef<OpFoldResult> counts) {
    Location loc = forall.getLoc();
    OpBuilder b(forall);
    SetVector<Value> used, captured;
    getUsedValuesDefinedAbove(forall.getRegion(), used);
    SmallVector<OpFoldResult> bounds = forall.getMixedLowerBound();
    llvm::append_range(bounds, forall.getMixedStep());
    llvm::append_range(bounds, counts);
    for (OpFoldResult bound : bounds)
      if (auto dynamic = dyn_cast<Value>(bound))
        used.insert(dynamic);
    SmallVector<Operation *> copied;
    for (Value value : used) {
      Operation *definition = value.getDefiningOp();
      if (definition && definition->getNumOperands() == 0 &&
          definition->getNumRegions() == 0 && isPure(definition))
        copied.push_back(definition);
      else
        captured.insert(value);
    }

    LLVMTypeConverter converter(&getContext());
    SmallVector<Type> members;
    for (Value value : captured) {
      Type type = converter.convertType(value.getType());
      if (!type)
        return forall.emitOpError("cannot hand a value of type ")
               << value.getType() << " to another thread";
      members.push_back(type);
    }
    auto contextType = LLVM::LLVMStructType::getLiteral(&getContext(), members);
    func::FuncOp task =
        makeTask(forall, counts, captured.getArrayRef(), copied, contextType);
    symbols->insert(task);

    Value total = arith::ConstantIndexOp::create(b, loc, 1);
    for (OpFoldResult count : counts)
      total = arith::MulIOp::create(
          b, loc, total, getValueOrCreateConstantIndexOp(b, loc, count));
    // In the entry block, or a loop around this one would eat up the stack.
    auto ptr = LLVM::LLVMPointerType::get(&getContext());
    OpBuilder atEntry = OpBuilder::atBlockBegin(
        &forall->getParentOfType<func::FuncOp>().getBody().front());
    Value single =
        LLVM::ConstantOp::create(atEntry, loc, atEntry.getI64IntegerAttr(1));
    Value slot = LLVM::AllocaOp::create(atEntry, loc, ptr, contextType, single);

    Value context = LLVM::PoisonOp::create(b, loc, contextType);
    for (auto [i, value] : llvm::enumerate(captured))
      context = LLVM::InsertValueOp::create(
          b, loc, context, toType(b, loc, members[i], value), i);
    LLVM::StoreOp::create(b, loc, context, slot);
    Value function = func::ConstantOp::create(b, loc, task.getFunctionType(),
                                              FlatSymbolRefAttr::get(task));
    function = toType(b, loc, ptr, function);
    total = arith::IndexCastOp::create(b, loc, b.getI64Type(), total);
    auto call = LLVM::CallOp::create(
        b, loc, declare(parallelFor, ptr, {ptr, ptr, b.getI64Type()}),
        ValueRange{function, slot, total});
    auto none = LLVM::LLVMVoidType::get(&getContext());
    LLVM::CallOp::create(b, loc, declare(raise, none, {ptr}), call.getResult());
    forall.erase();
    return success();
  }

  void runOnOperation() override {
    SymbolTable table(getOperation());
    symbols = &table;
    // Loops inside a task are its own: inner ones first, so that each is
    // converted before its parent is copied.
    SmallVector<scf::ForallOp> foralls;
    getOperation().walk(
        [&](scf::ForallOp forall) { foralls.push_back(forall); });
    for (scf::ForallOp forall : foralls) {
      if (failed(check(forall)))
        return signalPassFailure();
      OpBuilder b(forall);
      SmallVector<OpFoldResult> counts = countTiles(b, forall);
      bool loop =
          forall->getParentOfType<scf::ForallOp>() || isSmall(forall, counts);
      ++(loop ? numLoops : numTasks);
      if (failed(loop ? toLoop(forall) : toTask(forall, counts)))
        return signalPassFailure();
    }
  }

  SymbolTable *symbols = nullptr;
};

} // namespace
