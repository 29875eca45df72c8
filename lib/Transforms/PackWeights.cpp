//===- PackWeights.cpp - what depends on weights only, once -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgShapes.h"
#include "plait/Target/VectorBits.h"
#include "plait/Transforms/Passes.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"

namespace plait {
#define GEN_PASS_DEF_LINALGPACKWEIGHTS
#include "plait/Transforms/Passes.h.inc"
} // namespace plait

using namespace mlir;

namespace {

int64_t bytesOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape() ||
      !tensor.getElementType().isIntOrFloat())
    return -1;
  return tensor.getNumElements() *
         llvm::divideCeil(tensor.getElementTypeBitWidth(), 8);
}

/// A reshape, which moves nothing.
bool isView(Operation *op) {
  return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
      op);
}

/// A function's values that depend on its weights and on nothing else.
class WeightValues {
public:
  explicit WeightValues(func::FuncOp function) {
    for (BlockArgument argument : function.getArguments())
      if (function.getArgAttr(argument.getArgNumber(), "plait.weight"))
        known[argument] = true;
    function.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op != function)
        visit(op);
    });
  }

  bool contains(Value value) const { return known.lookup(value); }

  void visit(Operation *op) {
    if (!isPure(op) || op->getNumResults() == 0)
      return;
    SetVector<Value> used;
    used.insert(op->getOperands().begin(), op->getOperands().end());
    getUsedValuesDefinedAbove(op->getRegions(), used);
    bool weights = false;
    int64_t bytes = 0;
    for (Value value : used) {
      auto it = known.find(value);
      if (it == known.end())
        return;
      weights |= it->second;
      bytes += it->second ? bytesOf(value.getType()) : 0;
    }
    // What is larger than the weights it is made of is cheaper made anew.
    for (Type type : op->getResultTypes())
      if (weights && !(0 <= bytesOf(type) && bytesOf(type) <= bytes * 5 / 4))
        return;
    for (Value result : op->getResults())
      known[result] = weights;
  }

private:
  /// Whether a value depends on weights; constants do not.
  DenseMap<Value, bool> known;
};

/// A weight that a contraction or convolution reads: the operand, and which of
/// its dimensions is a column of the result.
struct Use {
  OpOperand *operand;
  unsigned column;
};

std::optional<Use> matchRightOperand(linalg::LinalgOp op,
                                     const WeightValues &weights) {
  auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
  if (!op.hasPureTensorSemantics() ||
      !(generic ? plait::sumsProducts(generic)
                : linalg::isaContractionOpInterface(op)))
    return std::nullopt;
  AffineMap result = op.getIndexingMapsArray().back();
  if (result.getNumResults() == 0)
    return std::nullopt;
  unsigned last = cast<AffineDimExpr>(result.getResults().back()).getPosition();
  for (unsigned i : {1, 0}) {
    OpOperand *operand = op.getDpsInputOperand(i);
    AffineMap map = op.getMatchingIndexingMap(operand);
    AffineMap other = op.getMatchingIndexingMap(op.getDpsInputOperand(1 - i));
    if (!weights.contains(operand->get()) || other.isFunctionOfDim(last) ||
        !map.isProjectedPermutation())
      continue;
    std::optional<unsigned> column =
        map.getResultPosition(getAffineDimExpr(last, op.getContext()));
    // Everything else is summed.
    if (column && map.getNumResults() > 1 &&
        llvm::all_of(map.getResults(), [&](AffineExpr expr) {
          unsigned dim = cast<AffineDimExpr>(expr).getPosition();
          return dim == last || !result.isFunctionOfDim(dim);
        }))
      return Use{operand, *column};
  }
  return std::nullopt;
}

struct LinalgPackWeights
    : plait::impl::LinalgPackWeightsBase<LinalgPackWeights> {
  using Base::Base;

  int64_t registerBits = 0;

  /// `weight` as `panels x rest x width`: `width` neighbours along `column`
  /// lie together, zeros beyond the last.
  Value makePanels(OpBuilder &b, Location loc, Value weight, unsigned column,
                   int64_t width) {
    auto type = cast<RankedTensorType>(weight.getType());
    Type element = type.getElementType();
    int64_t rank = type.getRank(), size = type.getDimSize(column);
    int64_t panels = llvm::divideCeil(size, width);
    SmallVector<int64_t> shape(type.getShape());
    if (panels * width != size) {
      shape[column] = panels * width;
      SmallVector<OpFoldResult> low(rank, b.getIndexAttr(0)), high = low;
      high[column] = b.getIndexAttr(panels * width - size);
      Value zero =
          arith::ConstantOp::create(b, loc, element, b.getZeroAttr(element));
      weight =
          tensor::PadOp::create(b, loc, RankedTensorType::get(shape, element),
                                weight, low, high, zero);
    }
    // The column's dimension becomes two.
    SmallVector<ReassociationIndices> groups;
    SmallVector<int64_t> split, order{column};
    for (int64_t dim = 0; dim < rank; ++dim) {
      int64_t at = split.size();
      if (dim == static_cast<int64_t>(column)) {
        groups.push_back({at, at + 1});
        split.append({panels, width});
      } else {
        groups.push_back({at});
        split.push_back(shape[dim]);
        order.push_back(at);
      }
    }
    order.push_back(column + 1);
    Value expanded = tensor::ExpandShapeOp::create(
        b, loc, RankedTensorType::get(split, element), weight, groups);
    Value empty = tensor::EmptyOp::create(
        b, loc, applyPermutation(split, order), element);
    // A generic: later passes know no named ops.
    SmallVector<AffineMap> maps = {
        inversePermutation(AffineMap::getPermutationMap(order, &getContext())),
        b.getMultiDimIdentityMap(rank + 1)};
    SmallVector<utils::IteratorType> iterators(rank + 1,
                                               utils::IteratorType::parallel);
    return linalg::GenericOp::create(
               b, loc, empty.getType(), expanded, empty, maps, iterators,
               [](OpBuilder &b, Location loc, ValueRange args) {
                 linalg::YieldOp::create(b, loc, args[0]);
               })
        .getResult(0);
  }

  /// Makes `op` read its weight in panels, if that is worth it.
  void usePanels(linalg::LinalgOp op, WeightValues &weights) {
    std::optional<Use> use = matchRightOperand(op, weights);
    if (!use)
      return;
    auto type = cast<RankedTensorType>(use->operand->get().getType());
    unsigned bits = std::max<unsigned>(
        32, getElementTypeOrSelf(op->getResult(0)).getIntOrFloatBitWidth());
    int64_t width = 2 * registerBits / bits;
    int64_t size = type.getDimSize(use->column);
    // Few columns are one vector.
    if (size <= width / 2)
      width /= 2;
    // A quarter more is too much padding.
    if (bytesOf(type) < 0 || llvm::alignTo(size, width) * 4 > size * 5)
      return;

    IRRewriter rewriter(op);
    auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
    unsigned number = use->operand->getOperandNumber();
    if (!generic)
      generic = *linalg::generalizeNamedOp(rewriter, op);
    OpOperand &operand = generic->getOpOperand(number);
    rewriter.setInsertionPoint(generic);
    Value &panels = packed[{operand.get(), use->column, width}];
    if (!panels || panels.getParentRegion() != generic->getParentRegion()) {
      panels = makePanels(rewriter, generic.getLoc(), operand.get(),
                          use->column, width);
      SetVector<Operation *> slice;
      BackwardSliceOptions options;
      options.omitUsesFromAbove = false;
      (void)getBackwardSlice(panels, &slice, options);
      for (Operation *made : slice)
        weights.visit(made);
      weights.visit(panels.getDefiningOp());
    }
    SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
    AffineMap old = maps[number];
    AffineExpr column = old.getResult(use->column);
    SmallVector<AffineExpr> exprs{column.floorDiv(width)};
    for (AffineExpr expr : old.getResults())
      if (expr != column)
        exprs.push_back(expr);
    exprs.push_back(column % width);
    maps[number] = AffineMap::get(old.getNumDims(), 0, exprs, &getContext());
    generic.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
    operand.set(panels);
    ++numPanels;
  }

  /// The function that computes `value` from the weights in `from`.
  func::FuncOp makeFunction(func::FuncOp main, Value value,
                            ArrayRef<BlockArgument> from,
                            ArrayRef<Operation *> ops) {
    OpBuilder b(&getContext());
    SmallVector<Type> types;
    for (BlockArgument argument : from)
      types.push_back(argument.getType());
    auto function = func::FuncOp::create(
        main.getLoc(), "pack", b.getFunctionType(types, value.getType()));
    for (auto [i, argument] : llvm::enumerate(from))
      function.setArgAttrs(i, main.getArgAttrDict(argument.getArgNumber()));
    Block *body = function.addEntryBlock();
    b.setInsertionPointToStart(body);
    IRMapping mapping;
    for (auto [outside, inside] : llvm::zip_equal(from, body->getArguments()))
      mapping.map(outside, inside);
    for (Operation *op : ops)
      b.clone(*op, mapping);
    func::ReturnOp::create(b, main.getLoc(), mapping.lookup(value));
    return function;
  }

  /// Replaces `value`, which depends on weights only, by a new argument of
  /// `main`, and says in the result who computes it.
  DictionaryAttr hoist(func::FuncOp main, Value value) {
    SetVector<Operation *> ops;
    BackwardSliceOptions options;
    options.inclusive = true;
    options.omitUsesFromAbove = false;
    (void)getBackwardSlice(value, &ops, options);
    SetVector<Value> used;
    for (Operation *op : ops) {
      used.insert(op->getOperands().begin(), op->getOperands().end());
      getUsedValuesDefinedAbove(op->getRegions(), used);
    }
    SmallVector<BlockArgument> from;
    for (BlockArgument argument : main.getArguments())
      if (used.contains(argument))
        from.push_back(argument);
    func::FuncOp function = makeFunction(main, value, from, ops.getArrayRef());

    // Equal layers, one function.
    std::string text;
    llvm::raw_string_ostream stream(text);
    function.print(stream,
                   OpPrintingFlags().useLocalScope().enableDebugInfo(false));
    func::FuncOp &known = functions[text];
    if (known) {
      function.erase();
    } else {
      known = function;
      function.setName((main.getName() + "_pack").str());
      symbols->insert(function);
    }
    ++numHoisted;

    OpBuilder b(&getContext());
    SmallVector<Attribute> indices;
    for (BlockArgument argument : from)
      indices.push_back(b.getI64IntegerAttr(argument.getArgNumber()));
    auto type = cast<RankedTensorType>(value.getType());
    return b.getDictionaryAttr(
        {b.getNamedAttr("from", b.getArrayAttr(indices)),
         b.getNamedAttr("by", b.getStringAttr(known.getName())),
         b.getNamedAttr("type", TypeAttr::get(type.getElementType())),
         b.getNamedAttr("shape", b.getI64ArrayAttr(type.getShape()))});
  }

  /// Values that are computed from weights only and used by something else.
  SetVector<Value> findFrontier(func::FuncOp main,
                                const WeightValues &weights) {
    SetVector<Value> frontier;
    auto add = [&](Value value) {
      // A view of what another argument holds already is left where it is.
      while (Operation *op = value.getDefiningOp()) {
        if (!isView(op))
          break;
        value = op->getOperand(0);
      }
      if (weights.contains(value) && value.getDefiningOp())
        frontier.insert(value);
    };
    main.walk([&](Operation *op) {
      if (op == main || llvm::any_of(op->getResults(), [&](Value result) {
            return weights.contains(result);
          }))
        return;
      for (Value operand : op->getOperands())
        add(operand);
    });
    return frontier;
  }

  void runOnOperation() override {
    FailureOr<int64_t> bits = plait::vectorBitsOf(vectorBits, getOperation());
    if (failed(bits))
      return signalPassFailure();
    registerBits = *bits;
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main || main.isDeclaration())
      return;
    unsigned numWeights = 0;
    while (numWeights < main.getNumArguments() &&
           main.getArgAttr(numWeights, "plait.weight"))
      ++numWeights;
    if (numWeights == 0)
      return;
    SymbolTable table(getOperation());
    symbols = &table;
    functions.clear();
    packed.clear();

    WeightValues weights(main);
    SmallVector<linalg::LinalgOp> ops;
    main.walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops)
      usePanels(op, weights);

    OpBuilder b(&getContext());
    SmallVector<Attribute> plan;
    for (unsigned i = 0; i < numWeights; ++i)
      plan.push_back(
          b.getDictionaryAttr(b.getNamedAttr("raw", b.getI64IntegerAttr(i))));
    SetVector<Value> frontier = findFrontier(main, weights);
    SmallVector<DictionaryAttr> packs;
    for (Value value : frontier)
      packs.push_back(hoist(main, value));
    for (auto [i, pack] : llvm::enumerate(packs)) {
      Value value = frontier[i];
      unsigned at = plan.size();
      if (failed(main.insertArgument(at, value.getType(),
                                     main.getArgAttrDict(0), value.getLoc())))
        return signalPassFailure();
      value.replaceAllUsesWith(main.getArgument(at));
      plan.push_back(pack);
    }

    IRRewriter rewriter(&getContext());
    (void)runRegionDCE(rewriter, main.getBody());
    for (unsigned i = numWeights; i-- > 0;)
      if (main.getArgument(i).use_empty()) {
        if (failed(main.eraseArgument(i)))
          return signalPassFailure();
        plan.erase(plan.begin() + i);
      }
    getOperation()->setAttr("plait.weights", b.getArrayAttr(plan));
  }

  SymbolTable *symbols = nullptr;
  llvm::StringMap<func::FuncOp> functions;
  /// Panels of a weight: the weight, the column's dimension, the width.
  DenseMap<std::tuple<Value, unsigned, int64_t>, Value> packed;
};

} // namespace
