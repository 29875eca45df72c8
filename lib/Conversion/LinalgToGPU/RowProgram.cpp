//===- RowProgram.cpp - what one kernel computes, symbolically -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowProgram.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace plait;

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

ShapeReader::ShapeReader(func::FuncOp function) : function(function) {
  for (BlockArgument argument : function.getArguments())
    if (auto type = dyn_cast<RankedTensorType>(argument.getType()))
      for (int64_t axis = 0; axis < type.getRank(); ++axis)
        if (type.isDynamicDim(axis))
          symbolList.emplace_back(argument.getArgNumber(), axis);
}

LogicalResult ShapeReader::fail(Operation *op, const Twine &message) {
  if (!errorOp) {
    errorOp = op;
    errorMessage = message.str();
  }
  return failure();
}

void ShapeReader::emitError() const { errorOp->emitOpError(errorMessage); }

FailureOr<AffineExpr> ShapeReader::size(Value tensor, unsigned axis) {
  MLIRContext *context = tensor.getContext();
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(axis))
    return getAffineConstantExpr(type.getDimSize(axis), context);
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    std::pair<unsigned, unsigned> key(argument.getArgNumber(), axis);
    return getAffineSymbolExpr(llvm::find(symbolList, key) - symbolList.begin(),
                               context);
  }
  Operation *op = tensor.getDefiningOp();
  if (auto destination = dyn_cast<DestinationStyleOpInterface>(op))
    return size(destination.getTiedOpOperand(cast<OpResult>(tensor))->get(),
                axis);
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return scalar(empty.getDynamicSize(axis));
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return size(cast.getSource(), axis);
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return scalar(llvm::cast<Value>(expand.getMixedOutputShape()[axis]));
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    AffineExpr product = getAffineConstantExpr(1, context);
    for (int64_t source : collapse.getReassociationIndices()[axis]) {
      FailureOr<AffineExpr> factor = size(collapse.getSrc(), source);
      if (failed(factor))
        return failure();
      product = product * *factor;
    }
    return product;
  }
  return fail(op, "has no NVPTX lowering");
}

FailureOr<AffineExpr> ShapeReader::scalar(Value index) {
  IntegerAttr constant;
  if (matchPattern(index, m_Constant(&constant)))
    return getAffineConstantExpr(constant.getInt(), index.getContext());
  Operation *op = index.getDefiningOp();
  if (!op)
    return fail(function, "computes a size from a scalar argument, which has "
                          "no NVPTX lowering");
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    if (std::optional<int64_t> axis = dim.getConstantIndex())
      return size(dim.getSource(), *axis);
  } else if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
    return scalar(op->getOperand(0));
  } else if (isa<arith::MulIOp, arith::AddIOp, arith::SubIOp>(op)) {
    FailureOr<AffineExpr> lhs = scalar(op->getOperand(0));
    FailureOr<AffineExpr> rhs = scalar(op->getOperand(1));
    if (failed(lhs) || failed(rhs))
      return failure();
    return isa<arith::MulIOp>(op)   ? *lhs * *rhs
           : isa<arith::AddIOp>(op) ? *lhs + *rhs
                                    : *lhs - *rhs;
  }
  return fail(op, "computes a size in a way that has no NVPTX lowering");
}

LogicalResult ShapeReader::require(AffineExpr lhs, AffineExpr rhs,
                                   StringRef message, Operation *op) {
  if (lhs == rhs)
    return success();
  if (isa<AffineConstantExpr>(lhs) && isa<AffineConstantExpr>(rhs))
    return fail(op, "reads a tensor beyond its size");
  for (const Check &check : checkList)
    if (check.lhs == lhs && check.rhs == rhs)
      return success();
  checkList.push_back({lhs, rhs, message.str()});
  return success();
}

//===----------------------------------------------------------------------===//
// Steps from a value to what it is made of
//===----------------------------------------------------------------------===//

FailureOr<std::pair<Value, Indices>>
RowProgram::stepView(Operation *view, ArrayRef<AffineExpr> indices) {
  Value source = view->getOperand(0);
  if (isa<tensor::CastOp>(view))
    return std::make_pair(source, Indices(indices));

  auto groups =
      isa<tensor::ExpandShapeOp>(view)
          ? cast<tensor::ExpandShapeOp>(view).getReassociationIndices()
          : cast<tensor::CollapseShapeOp>(view).getReassociationIndices();
  bool expand = isa<tensor::ExpandShapeOp>(view);
  Value wide = expand ? view->getResult(0) : source;
  Value narrow = expand ? source : view->getResult(0);
  AffineExpr zero = getAffineConstantExpr(0, context());
  Indices result(cast<RankedTensorType>(source.getType()).getRank(), zero);
  for (auto [axis, group] : llvm::enumerate(groups)) {
    AffineExpr position = zero, total = getAffineConstantExpr(1, context());
    AffineExpr rest = expand ? zero : indices[axis];
    SmallVector<std::pair<int64_t, AffineExpr>> sizes;
    for (int64_t inner : group) {
      FailureOr<AffineExpr> size = shapes.size(wide, inner);
      if (failed(size))
        return failure();
      total = total * *size;
      // Axes of one element have index zero.
      if (*size != getAffineConstantExpr(1, context()))
        sizes.emplace_back(inner, *size);
    }
    FailureOr<AffineExpr> size = shapes.size(narrow, axis);
    if (failed(size) ||
        failed(shapes.require(*size, total, "sizes of a reshape", view)))
      return failure();
    for (auto &[inner, innerSize] : llvm::reverse(sizes)) {
      if (expand)
        continue;
      bool outermost = inner == sizes.front().first;
      result[inner] = outermost ? rest : rest % innerSize;
      rest = rest.floorDiv(innerSize);
    }
    if (!expand)
      continue;
    for (auto &[inner, innerSize] : sizes)
      position = position * innerSize + indices[inner];
    result[axis] = position;
  }
  return std::make_pair(source, result);
}

FailureOr<Indices> RowProgram::loopsAt(linalg::LinalgOp op, unsigned result,
                                       ArrayRef<AffineExpr> indices) {
  AffineMap map = op.getIndexingMapMatchingResult(op->getResult(result));
  Indices loops(op.getNumLoops());
  for (auto [expr, index] : llvm::zip_equal(map.getResults(), indices)) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops[dim.getPosition()] = index;
    else if (!isa<AffineConstantExpr>(expr))
      return shapes.fail(op, "writes through a map that has no NVPTX lowering");
  }
  for (auto [loop, kind] : llvm::zip_equal(loops, op.getIteratorTypesArray())) {
    if (loop)
      continue;
    if (kind == utils::IteratorType::parallel)
      return shapes.fail(op, "writes through a map that has no NVPTX lowering");
    loop = column();
  }
  return loops;
}

FailureOr<AffineExpr> RowProgram::linearize(Value tensor,
                                            ArrayRef<AffineExpr> indices,
                                            ArrayRef<AffineExpr> extents) {
  AffineExpr position = getAffineConstantExpr(0, context());
  for (auto [axis, index] : llvm::enumerate(indices)) {
    // Where an index runs over a whole dimension the kernel's own size is used,
    // so that equal positions are equal expressions.
    FailureOr<AffineExpr> size = shapes.size(tensor, axis);
    if (failed(size))
      return failure();
    if (auto dim = dyn_cast<AffineDimExpr>(index))
      size = extents[dim.getPosition()];
    position = position * *size + index;
  }
  return position;
}

//===----------------------------------------------------------------------===//
// The analysis
//===----------------------------------------------------------------------===//

LogicalResult RowProgram::analyse() {
  unsigned rank = cast<RankedTensorType>(root.getType()).getRank();
  if (rank > 0) {
    if (succeeded(analyseWith(rank - 1)))
      return success();
  }
  // The result may itself be one value per row.
  ShapeReader before = shapes;
  shapes.clearError();
  if (succeeded(analyseWith(rank)) && !reductions.empty())
    return success();
  if (rank == 0 && reductions.empty())
    return analyseWith(rank);
  // Where the result is a reduction, what that attempt says is to the point.
  auto op = root.getDefiningOp<linalg::LinalgOp>();
  if (!op || !isReduction(op))
    shapes = before;
  return failure();
}

LogicalResult RowProgram::analyseWith(unsigned rows) {
  rowRank = rows;
  rootIndices.clear();
  extents.clear();
  reductions.clear();
  reductionsSeen.clear();
  unsigned rank = cast<RankedTensorType>(root.getType()).getRank();
  for (unsigned axis = 0; axis < rank; ++axis) {
    FailureOr<AffineExpr> size = shapes.size(root, axis);
    if (failed(size))
      return failure();
    rootIndices.push_back(getAffineDimExpr(axis, context()));
    extents.push_back(*size);
  }
  if (rows == rank)
    extents.push_back(getAffineConstantExpr(1, context()));
  Scope scope;
  scope.extents = extents;
  return visit(root, rootIndices, scope);
}

/// Whether each of the two factors lacks a dimension of the result: then one
/// block per result would read everything again and again.
static bool isMatrixProduct(linalg::LinalgOp op) {
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  return linalg::isaContractionOpInterface(op) && succeeded(dims) &&
         !dims->m.empty() && !dims->n.empty();
}

LogicalResult RowProgram::visit(Value value, Indices indices, Scope &scope) {
  if (!scope.seen.insert({value, map(indices)}).second)
    return success();
  if (!isa<RankedTensorType>(value.getType()))
    return visitScalar(value);
  Operation *op = value.getDefiningOp();
  Operation *where = op ? op : shapes.function.getOperation();
  for (auto [axis, index] : llvm::enumerate(indices))
    if (auto dim = dyn_cast<AffineDimExpr>(index)) {
      FailureOr<AffineExpr> size = shapes.size(value, axis);
      if (failed(size) ||
          failed(shapes.require(*size, scope.extents[dim.getPosition()],
                                "sizes of tensors combined by element", where)))
        return failure();
    }

  if (auto argument = dyn_cast<BlockArgument>(value)) {
    arguments.insert(argument.getArgNumber());
    if (scope.reducing) {
      uint64_t missing = 0;
      for (unsigned dim = 0; dim < rowRank; ++dim)
        if (extents[dim] != getAffineConstantExpr(1, context()) &&
            llvm::none_of(indices, [&](AffineExpr index) {
              return index.isFunctionOfDim(dim);
            }))
          missing |= uint64_t(1) << dim;
      scope.missing.push_back(missing);
    }
    return success();
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (isa<SplatElementsAttr>(constant.getValue()))
      return success();
    return shapes.fail(op,
                       "holds a table, which has no NVPTX lowering; pass it "
                       "as an argument");
  }
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(op)) {
    auto source = stepView(op, indices);
    if (failed(source))
      return failure();
    return visit(source->first, source->second, scope);
  }
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || linalg::isaConvolutionOpInterface(linalgOp))
    return shapes.fail(op, "has no NVPTX lowering");
  if (isMatrixProduct(linalgOp))
    return shapes.fail(op, "is a contraction, which has no NVPTX lowering");
  unsigned result = cast<OpResult>(value).getResultNumber();
  FailureOr<Indices> loops = loopsAt(linalgOp, result, indices);
  if (failed(loops))
    return failure();
  if (isReduction(linalgOp))
    return visitReduction(linalgOp, result, *loops, scope);
  return visitBody(linalgOp,
                   linalgOp.getBlock()->getTerminator()->getOperand(result),
                   *loops, scope);
}

LogicalResult RowProgram::visitBody(linalg::LinalgOp op, Value value,
                                    ArrayRef<AffineExpr> loops, Scope &scope) {
  if (!scope.seen.insert({value, map(loops)}).second)
    return success();
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    OpOperand &operand = op->getOpOperand(argument.getArgNumber());
    Indices indices;
    for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
      if (!isa<AffineDimExpr, AffineConstantExpr>(expr))
        return shapes.fail(op,
                           "reads through a map that has no NVPTX lowering");
      indices.push_back(expr.replaceDims(loops));
    }
    return visit(operand.get(), indices, scope);
  }
  Operation *inner = value.getDefiningOp();
  if (inner->getBlock() != op.getBlock())
    return visitScalar(value);
  if (isa<linalg::IndexOp>(inner))
    return success();
  if (!isa<arith::ArithDialect, math::MathDialect>(inner->getDialect()) ||
      inner->getNumRegions())
    return shapes.fail(inner, "has no NVPTX lowering");
  for (Value operand : inner->getOperands())
    if (failed(visitBody(op, operand, loops, scope)))
      return failure();
  return success();
}

LogicalResult RowProgram::visitScalar(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return shapes.fail(shapes.function,
                       "has a scalar argument, which has no NVPTX lowering");
  if (!isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) ||
      op->getNumRegions())
    return shapes.fail(op, "has no NVPTX lowering");
  for (Value operand : op->getOperands())
    if (failed(visitScalar(operand)))
      return failure();
  return success();
}

LogicalResult RowProgram::visitReduction(linalg::LinalgOp op, unsigned result,
                                         ArrayRef<AffineExpr> loops,
                                         Scope &scope) {
  if (op.getNumReductionLoops() != 1)
    return shapes.fail(op, "reduces over " + Twine(op.getNumReductionLoops()) +
                               " dimensions; the NVPTX lowering expects 1");
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  Indices rows(loops);
  rows[reduced[0]] = getAffineConstantExpr(0, context());
  auto uses = [&](unsigned dim) {
    return llvm::any_of(
        rows, [&](AffineExpr expr) { return expr.isFunctionOfDim(dim); });
  };
  if (uses(rowRank))
    return shapes.fail(op, "reduces along a dimension that is not the last of "
                           "the result, which has no NVPTX lowering");
  for (unsigned dim = 0; dim < rowRank; ++dim)
    if (!uses(dim) && extents[dim] != getAffineConstantExpr(1, context()))
      return shapes.fail(op, "reduces across the rows of the result, which has "
                             "no NVPTX lowering");
  if (!reductionsSeen.insert({op->getResult(result), map(loops)}).second)
    return success();

  RowReduction reduction{op, result, map(loops), AffineExpr()};
  for (OpOperand &operand : op->getOpOperands())
    for (auto [axis, expr] :
         llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (expr == getAffineDimExpr(reduced[0], context()) &&
          !reduction.extent) {
        FailureOr<AffineExpr> size = shapes.size(operand.get(), axis);
        if (failed(size))
          return failure();
        reduction.extent = *size;
      }
  if (!reduction.extent)
    return shapes.fail(op, "reduces along a dimension of no operand");

  // combine(partial, element), in any order of the two.
  Value yielded = op.getBlock()->getTerminator()->getOperand(result);
  Value accumulator = op.getBlock()->getArgument(op.getNumDpsInputs() + result);
  Operation *combiner = yielded.getDefiningOp();
  if (!combiner ||
      !isa<arith::AddFOp, arith::MulFOp, arith::MaximumFOp, arith::MinimumFOp,
           arith::MaxNumFOp, arith::MinNumFOp, arith::AddIOp, arith::MulIOp,
           arith::MaxSIOp, arith::MinSIOp, arith::MaxUIOp, arith::MinUIOp,
           arith::AndIOp, arith::OrIOp>(combiner) ||
      llvm::count(combiner->getOperands(), accumulator) != 1)
    return shapes.fail(combiner ? combiner : op.getOperation(),
                       "combines a reduction in a way that has no NVPTX "
                       "lowering");
  if (!yielded.getType().isF32() && !yielded.getType().isInteger(32)) {
    std::string type;
    llvm::raw_string_ostream(type) << yielded.getType();
    return shapes.fail(combiner,
                       "accumulates '" + type +
                           "'; the NVPTX lowering expects f32 or i32");
  }
  Value element =
      combiner->getOperand(combiner->getOperand(0) == accumulator ? 1 : 0);

  Scope inner;
  inner.reducing = true;
  inner.extents = extents;
  inner.extents[rowRank] = reduction.extent;
  // Other dimensions of the operands are checked against the rows' sizes.
  if (failed(visitBody(op, element, loops, inner)) ||
      failed(visitBody(op, accumulator, loops, scope)))
    return failure();
  for (uint64_t a : inner.missing)
    for (uint64_t b : inner.missing)
      if ((a & ~b) && (b & ~a))
        return shapes.fail(op, "is a contraction, which has no NVPTX lowering");
  reductions.push_back(reduction);
  return success();
}
