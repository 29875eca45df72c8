//===- Epilogue.cpp - what is applied to the sums in registers -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneBody.h"
#include "Lowering.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace plait::contraction;

/// Ops of an epilogue's body: each is there once for every register of sums.
static constexpr unsigned mostOps = 12;

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value plait::contraction::rootOf(Value buffer) {
  while (Operation *op = buffer.getDefiningOp()) {
    if (auto metadata = dyn_cast<memref::ExtractStridedMetadataOp>(op))
      buffer = metadata.getSource();
    else if (auto view = dyn_cast<ViewLikeOpInterface>(op))
      buffer = view.getViewSource();
    else
      break;
  }
  return buffer;
}

bool plait::contraction::mayWrite(Operation *op, Value root) {
  bool writes = false;
  op->walk([&](Operation *inner) {
    if (auto effects = dyn_cast<MemoryEffectOpInterface>(inner)) {
      SmallVector<MemoryEffects::EffectInstance> instances;
      effects.getEffects(instances);
      for (auto &instance : instances)
        writes |= isa<MemoryEffects::Write>(instance.getEffect()) &&
                  (!instance.getValue() || rootOf(instance.getValue()) == root);
      return;
    }
    if (inner->hasTrait<OpTrait::HasRecursiveMemoryEffects>())
      return;
    writes |= llvm::any_of(inner->getOperands(), [&](Value operand) {
      return isa<BaseMemRefType>(operand.getType()) && rootOf(operand) == root;
    });
  });
  return writes;
}

/// Whether `op` or what is inside it names the memory of `root`.
static bool touches(Operation *op, Value root) {
  return op
      ->walk([&](Operation *inner) {
        for (Value operand : inner->getOperands())
          if (isa<BaseMemRefType>(operand.getType()) && rootOf(operand) == root)
            return WalkResult::interrupt();
        return WalkResult::advance();
      })
      .wasInterrupted();
}

/// Whether two roots are surely different memory.
static bool areDistinct(Value x, Value y) {
  if (x == y)
    return false;
  auto isNew = [](Value root) {
    return isa_and_nonnull<memref::AllocOp>(root.getDefiningOp());
  };
  if (isNew(x) || isNew(y))
    return true;
  auto isOwn = [](Value root) {
    auto argument = dyn_cast<BlockArgument>(root);
    return argument &&
           argument.getOwner()->getParentOp()->hasAttr("plait.distinct");
  };
  return isOwn(x) && isOwn(y);
}

/// Whether nobody reads the memory of `op`'s result later, but for `reader`.
static bool isOnlyReadBy(linalg::GenericOp op, Value root, Operation *reader) {
  auto alloc = root.getDefiningOp<memref::AllocOp>();
  if (!alloc || alloc->getBlock() != op->getBlock())
    return false;
  SmallVector<Value> views{root};
  while (!views.empty()) {
    for (Operation *user : views.pop_back_val().getUsers()) {
      if (user == op || user == reader || isa<memref::DeallocOp>(user))
        continue;
      if (isa<ViewLikeOpInterface>(user))
        views.append(user->result_begin(), user->result_end());
      else if (user->getBlock() != op->getBlock() || !user->isBeforeInBlock(op))
        return false;
    }
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// Which dimension of `buffer` each dimension of `view` is; -1 for one of size
/// one that `buffer` has not. None if it is not that simple.
static std::optional<SmallVector<int64_t>> dimsOf(Value view, Value buffer) {
  auto type = cast<MemRefType>(view.getType());
  if (view == buffer)
    return llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  Operation *op = view.getDefiningOp();
  auto collapse = dyn_cast_or_null<memref::CollapseShapeOp>(op);
  auto expand = dyn_cast_or_null<memref::ExpandShapeOp>(op);
  if (!(collapse && collapse.getSrc() == buffer) &&
      !(expand && expand.getSrc() == buffer))
    return std::nullopt;
  auto larger = collapse ? cast<MemRefType>(buffer.getType()) : type;
  SmallVector<int64_t> dims(type.getRank(), -1);
  for (auto [index, group] :
       llvm::enumerate(collapse ? collapse.getReassociationIndices()
                                : expand.getReassociationIndices())) {
    int64_t plain = group.front();
    unsigned others = 0;
    for (int64_t dim : group)
      if (larger.getDimSize(dim) != 1) {
        plain = dim;
        ++others;
      }
    if (others > 1)
      return std::nullopt;
    if (collapse)
      dims[index] = plain;
    else
      dims[plain] = index;
  }
  return dims;
}

/// An elementwise op with a body that is cheap to repeat.
static bool isSmall(linalg::GenericOp op) {
  if (!op.hasPureBufferSemantics() || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !plait::LaneBody::isVectorizable(op) ||
      op.getBody()->getOperations().size() > mostOps ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isProjectedPermutation(); }))
    return false;
  for (Operation &inner : op.getBody()->without_terminator())
    if (!isa<arith::ArithDialect>(inner.getDialect()) ||
        isa<arith::DivFOp, arith::RemFOp>(inner))
      return false;
  return llvm::all_of(op->getOperandTypes(), [](Type type) {
    auto memref = dyn_cast<MemRefType>(type);
    return memref && memref.isStrided() &&
           !memref.getElementType().isInteger(1);
  });
}

void Contraction::matchEpilogue() {
  const Operand &result = operands[C];
  Value root = rootOf(result.buffer);
  Operation *next = op->getNextNode();
  for (; next; next = next->getNextNode()) {
    if (isa<ViewLikeOpInterface>(next))
      continue;
    if (touches(next, root))
      break;
    if (mayWrite(next, rootOf(operands[A].buffer)) ||
        mayWrite(next, rootOf(operands[B].buffer)))
      return;
  }
  auto reader = dyn_cast_or_null<linalg::GenericOp>(next);
  if (!reader || !isSmall(reader) || columnDims.empty())
    return;
  Value init = reader.getDpsInits()[0], to = rootOf(init);
  if (!areDistinct(to, rootOf(operands[A].buffer)) ||
      !areDistinct(to, rootOf(operands[B].buffer)) ||
      (to != root && !isOnlyReadBy(op, root, reader)))
    return;

  // Its loops in terms of ours.
  SmallVector<int64_t> ranges =
      cast<linalg::LinalgOp>(reader.getOperation()).getStaticLoopRanges();
  SmallVector<AffineExpr> loops(reader.getNumLoops());
  SmallVector<OpOperand *> others;
  AffineMap shared;
  for (OpOperand &operand : reader->getOpOperands()) {
    if (rootOf(operand.get()) != root) {
      others.push_back(&operand);
      continue;
    }
    auto dims = dimsOf(operand.get(), result.buffer);
    AffineMap map = reader.getMatchingIndexingMap(&operand);
    if (!dims || (shared && shared != map))
      return;
    shared = map;
    for (auto [dim, expr] : llvm::zip_equal(*dims, map.getResults()))
      if (dim >= 0)
        loops[cast<AffineDimExpr>(expr).getPosition()] =
            result.map.getResult(dim);
    if (reader.isDpsInit(&operand))
      others.push_back(&operand);
  }
  for (auto [loop, range] : llvm::zip_equal(loops, ranges)) {
    if (!loop && range != 1)
      return;
    if (!loop)
      loop = getAffineConstantExpr(0, op.getContext());
  }
  if (others.size() > mostExtra)
    return;

  SmallVector<Operand, 4> extra;
  SmallVector<unsigned> numbers(reader->getNumOperands(), C);
  for (OpOperand *operand : others) {
    AffineMap map =
        reader.getMatchingIndexingMap(operand).replaceDimsAndSymbols(
            loops, {}, op.getNumLoops(), 0);
    auto [strides, offset] =
        cast<MemRefType>(operand->get().getType()).getStridesAndOffset();
    // Vectors are neighbours, or the same for all lanes.
    bool isOutput = reader.isDpsInit(operand), isNeighbour = false;
    for (auto [expr, stride] : llvm::zip_equal(map.getResults(), strides))
      if (expr.isFunctionOfDim(columnDims.back())) {
        isNeighbour = stride == 1;
        if (!isNeighbour)
          return;
      }
    if (isOutput && !isNeighbour)
      return;
    numbers[operand->getOperandNumber()] = numOperands + extra.size();
    extra.push_back({operand->get(), map});
  }
  operands.append(extra);
  epilogueOperands = numbers;
  epilogue = reader;
  op->moveBefore(reader);
}

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

/// Stores what the epilogue makes of the tile's `sums`.
void Lowering::storeEpilogue(Emitter &b, const Tile &tile, ArrayRef<Value> sums,
                             ArrayRef<Value> masks) {
  linalg::GenericOp op = c.epilogue;
  const Loop &columns = *vectorLoop();
  Location loc = op.getLoc();
  LaneBody body(op);
  llvm::SmallPtrSet<Operation *, 1> nothing;
  auto at = [&](unsigned which, int64_t row, int64_t vector) {
    return b.value(
        b.add(b.add(tile.row[which][row], tile.column[which]),
              b.mul(columns.strides[which], vector * registers.lanes)));
  };
  Value root = rootOf(c.operands[C].buffer);
  unsigned output = op.getNumDpsInputs();
  // What does not depend on the row is loaded once.
  DenseMap<std::pair<unsigned, int64_t>, Lanes> shared;
  for (int64_t row = 0; row < tile.rows; ++row)
    for (int64_t vector = 0; vector < tile.vectors; ++vector) {
      LaneShape shape{registers.lanes, masks[vector]};
      Value sum = sums[row * tile.vectors + vector];
      if (c.operands[C].element() != c.sumType)
        sum =
            arith::TruncFOp::create(b, vectorOf(c.operands[C].element()), sum);
      DenseMap<Value, Lanes> values;
      for (BlockArgument argument : op.getBody()->getArguments()) {
        unsigned which = c.epilogueOperands[argument.getArgNumber()];
        if (argument.use_empty())
          continue;
        if (rootOf(op->getOperand(argument.getArgNumber())) == root) {
          values[argument] = {sum};
          continue;
        }
        const Operand &operand = c.operands[which];
        auto load = [&] {
          return LaneBody::load(b, loc, shape, operand.flat,
                                at(which, row, vector), columns.strides[which]);
        };
        bool alongRows = llvm::any_of(
            c.rows, [&](const Loop &loop) { return loop.uses[which]; });
        if (alongRows) {
          values[argument] = load();
          continue;
        }
        auto [known, isNew] = shared.try_emplace({which, vector});
        if (isNew)
          known->second = load();
        values[argument] = known->second;
      }
      values =
          body.emit(b, shape, std::move(values), /*indexOf=*/nullptr, nothing);
      Value result = op.getBody()->getTerminator()->getOperand(0);
      auto made = values.find(result);
      unsigned to = c.epilogueOperands[output];
      LaneBody::store(
          b, loc, shape, made == values.end() ? Lanes{result} : made->second,
          c.operands[to].flat, at(to, row, vector), columns.strides[to]);
    }
}
