//===- MergeIntoReductions.cpp - rows written and reduced at once -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorLoops.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

/// The buffer that `view` is a part of.
static Value baseOf(Value view) {
  while (auto op = view.getDefiningOp<ViewLikeOpInterface>())
    view = op.getViewSource();
  return view;
}

/// Whether `buffer` is memory of this block's own, which no argument aliases.
static bool isFresh(Value buffer, Block *block) {
  Operation *made = baseOf(buffer).getDefiningOp();
  return isa_and_nonnull<memref::AllocOp, memref::AllocaOp>(made) &&
         made->getBlock() == block;
}

/// Whether `op` works on its operands only; a body may also load from buffers.
static bool isPlain(linalg::LinalgOp op) {
  return op.hasPureBufferSemantics() &&
         llvm::all_of(op->getRegion(0).front(), [](Operation &inner) {
           return isMemoryEffectFree(&inner);
         });
}

/// Whether `op` writes memory of its own only, none of which `other` touches,
/// and reads nothing that `other` writes.
static bool isIndependent(Operation &op, linalg::GenericOp other) {
  if (isa<memref::AllocOp, memref::AllocaOp>(op) || isMemoryEffectFree(&op))
    return true;
  auto linalg = dyn_cast<linalg::LinalgOp>(op);
  if (!linalg || !isPlain(linalg))
    return false;
  auto touches = [&](Value memory) {
    return llvm::any_of(other->getOperands(), [&](Value operand) {
      return baseOf(operand) == baseOf(memory);
    });
  };
  return llvm::all_of(linalg.getDpsInits(),
                      [&](Value init) {
                        return isFresh(init, op.getBlock()) && !touches(init);
                      }) &&
         llvm::all_of(linalg.getDpsInputs(), [&](Value input) {
           return !isa<MemRefType>(input.getType()) || !touches(input);
         });
}

/// Whether every result combines its old value with something by one op. Lanes
/// can do that; of two results at once they can do nothing else.
static bool isCombination(linalg::GenericOp reduction) {
  Operation *yield = reduction.getBody()->getTerminator();
  return llvm::all_of(
      llvm::zip(reduction.getRegionOutputArgs(), yield->getOperands()),
      [](auto pair) {
        auto [old, yielded] = pair;
        Operation *combiner = yielded.getDefiningOp();
        return combiner && combiner->getNumOperands() == 2 && old.hasOneUse() &&
               *old.getUsers().begin() == combiner;
      });
}

/// The elementwise op that wrote all that `reduction`, of rows, reads.
static linalg::GenericOp writerOf(linalg::GenericOp reduction) {
  SmallVector<utils::IteratorType> loops = reduction.getIteratorTypesArray();
  Block *block = reduction->getBlock();
  if (!isPlain(reduction) || !isCombination(reduction) || loops.empty() ||
      reduction.getNumReductionLoops() != 1 ||
      loops.back() != utils::IteratorType::reduction ||
      reduction.getNumDpsInputs() != 1 ||
      !reduction.getMatchingIndexingMap(reduction.getDpsInputOperand(0))
           .isIdentity() ||
      llvm::any_of(reduction.getDpsInits(),
                   [&](Value init) { return !isFresh(init, block); }))
    return {};
  Value row = reduction.getInputs()[0];
  for (Operation *op = reduction->getPrevNode(); op; op = op->getPrevNode()) {
    auto writer = dyn_cast<linalg::GenericOp>(op);
    if (!writer || !llvm::is_contained(writer.getOutputs(), row))
      continue;
    OpOperand *init = writer.getDpsInitOperand(0);
    bool fits = isPlain(writer) && writer.getNumLoops() == loops.size() &&
                writer.getNumReductionLoops() == 0 &&
                writer.getNumDpsInits() == 1 &&
                writer.getMatchingIndexingMap(init).isIdentity() &&
                writer.getRegionOutputArgs()[0].use_empty();
    // The writer's work moves down to the reduction.
    for (Operation *next = op->getNextNode(); fits && next != reduction;
         next = next->getNextNode())
      fits = isIndependent(*next, writer);
    for (Value sum : reduction.getDpsInits())
      for (Value operand : writer->getOperands())
        fits &= baseOf(sum) != baseOf(operand);
    return fits ? writer : linalg::GenericOp();
  }
  return {};
}

void plait::mergeIntoReductions(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    auto reduction = dyn_cast<linalg::GenericOp>(op);
    linalg::GenericOp writer =
        reduction ? writerOf(reduction) : linalg::GenericOp();
    if (!writer)
      continue;
    OpBuilder b(reduction);
    SmallVector<Value> outputs = llvm::to_vector_of<Value>(writer.getOutputs());
    llvm::append_range(outputs, reduction.getOutputs());
    SmallVector<AffineMap> maps = writer.getIndexingMapsArray();
    llvm::append_range(maps,
                       llvm::drop_begin(reduction.getIndexingMapsArray()));
    linalg::GenericOp::create(
        b, reduction.getLoc(), writer.getInputs(), outputs, maps,
        reduction.getIteratorTypesArray(),
        [&](OpBuilder &b, Location, ValueRange args) {
          IRMapping mapping;
          mapping.map(writer.getBody()->getArguments(),
                      args.take_front(writer->getNumOperands()));
          for (Operation &inner : writer.getBody()->without_terminator())
            b.clone(inner, mapping);
          Value element = mapping.lookupOrDefault(
              writer.getBody()->getTerminator()->getOperand(0));
          mapping.map(reduction.getBody()->getArgument(0), element);
          mapping.map(reduction.getRegionOutputArgs(),
                      args.drop_front(writer->getNumOperands()));
          for (Operation &inner : reduction.getBody()->without_terminator())
            b.clone(inner, mapping);
          SmallVector<Value> yielded = {element};
          for (Value sum : reduction.getBody()->getTerminator()->getOperands())
            yielded.push_back(mapping.lookupOrDefault(sum));
          linalg::YieldOp::create(b, reduction.getLoc(), yielded);
        });
    writer.erase();
    reduction.erase();
  }
}
