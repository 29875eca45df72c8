//===- StablehloOps.cpp - verifiers and folders of the stablehlo ops
//------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Stablehlo/IR/Stablehlo.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace plait::stablehlo;

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

static LogicalResult expectTypes(Operation *op, const Twine &what,
                                 TypeRange expected, TypeRange got) {
  if (expected == got)
    return success();
  return op->emitOpError("expects ")
         << what << " of types (" << expected << "), got (" << got << ")";
}

/// Checks a region's arguments and what its 'stablehlo.return' gives.
static LogicalResult verifyRegion(Operation *op, Region &region, StringRef name,
                                  TypeRange arguments, TypeRange results) {
  auto returnOp = dyn_cast<ReturnOp>(region.front().getTerminator());
  if (!returnOp)
    return op->emitOpError("expects '")
           << name << "' to end in 'stablehlo.return'";
  if (failed(expectTypes(op, "arguments of '" + name + "'", arguments,
                         region.getArgumentTypes())))
    return failure();
  return expectTypes(op, "results of '" + name + "'", results,
                     returnOp->getOperandTypes());
}

/// The element type of `tensor` as a tensor of rank 0: how a region sees it.
static Type elementOf(Value tensor) {
  return RankedTensorType::get(
      {}, cast<RankedTensorType>(tensor.getType()).getElementType());
}

static Type conditionType(Operation *op) {
  return RankedTensorType::get({}, IntegerType::get(op->getContext(), 1));
}

LogicalResult WhileOp::verifyRegions() {
  TypeRange state = getState().getTypes();
  if (failed(expectTypes(*this, "results", state, getResultTypes())) ||
      failed(
          verifyRegion(*this, getCond(), "cond", state, conditionType(*this))))
    return failure();
  return verifyRegion(*this, getBody(), "body", state, state);
}

LogicalResult CaseOp::verify() {
  if (getBranches().empty())
    return emitOpError("expects at least one branch");
  return success();
}

LogicalResult CaseOp::verifyRegions() {
  for (Region &branch : getBranches())
    if (failed(verifyRegion(*this, branch, "branch", {}, getResultTypes())))
      return failure();
  return success();
}

LogicalResult IfOp::verifyRegions() {
  if (failed(verifyRegion(*this, getTrueBranch(), "true_branch", {},
                          getResultTypes())))
    return failure();
  return verifyRegion(*this, getFalseBranch(), "false_branch", {},
                      getResultTypes());
}

//===----------------------------------------------------------------------===//
// ScatterOp
//===----------------------------------------------------------------------===//

static LogicalResult verifyDims(Operation *op, StringRef name,
                                ArrayRef<int64_t> dims, int64_t rank) {
  llvm::SmallDenseSet<int64_t> seen;
  for (int64_t dim : dims) {
    if (dim < 0 || dim >= rank)
      return op->emitOpError("expects '")
             << name << "' from 0 to " << rank - 1 << ", got " << dim;
    if (!seen.insert(dim).second)
      return op->emitOpError("expects '")
             << name << "' without duplicates, got " << dim << " twice";
  }
  return success();
}

LogicalResult ScatterOp::verify() {
  if (getInputs().empty())
    return emitOpError("expects at least one input");
  if (failed(expectTypes(*this, "results", getInputs().getTypes(),
                         getResultTypes())))
    return failure();
  ScatterDimensionNumbersAttr dims = getScatterDimensionNumbers();
  auto input = cast<RankedTensorType>(getInputs().front().getType());
  auto update = cast<RankedTensorType>(getUpdates().front().getType());
  RankedTensorType indices = getScatterIndices().getType();
  for (auto [in, up] : llvm::zip_equal(getInputs(), getUpdates())) {
    if (cast<RankedTensorType>(in.getType()).getShape() != input.getShape())
      return emitOpError("expects inputs of one shape, got ")
             << input << " and " << in.getType();
    if (cast<RankedTensorType>(up.getType()).getShape() != update.getShape())
      return emitOpError("expects updates of one shape, got ")
             << update << " and " << up.getType();
    if (elementOf(in) != elementOf(up))
      return emitOpError("expects the element type of the input, ")
             << in.getType() << ", got " << up.getType();
  }

  int64_t indexDim = dims.getIndexVectorDim();
  if (indexDim < 0 || indexDim > indices.getRank())
    return emitOpError("expects 'index_vector_dim' from 0 to ")
           << indices.getRank() << ", got " << indexDim;
  if (failed(verifyDims(*this, "update_window_dims", dims.getUpdateWindowDims(),
                        update.getRank())) ||
      failed(verifyDims(*this, "inserted_window_dims",
                        dims.getInsertedWindowDims(), input.getRank())) ||
      failed(verifyDims(*this, "input_batching_dims",
                        dims.getInputBatchingDims(), input.getRank())) ||
      failed(verifyDims(*this, "scatter_indices_batching_dims",
                        dims.getScatterIndicesBatchingDims(),
                        indices.getRank())) ||
      failed(verifyDims(*this, "scatter_dims_to_operand_dims",
                        dims.getScatterDimsToOperandDims(), input.getRank())))
    return failure();
  if (llvm::is_contained(dims.getScatterIndicesBatchingDims(), indexDim))
    return emitOpError("expects 'scatter_indices_batching_dims' without "
                       "'index_vector_dim', got ")
           << indexDim;
  if (dims.getInputBatchingDims().size() !=
      dims.getScatterIndicesBatchingDims().size())
    return emitOpError("expects as many 'scatter_indices_batching_dims' as "
                       "'input_batching_dims', ")
           << dims.getInputBatchingDims().size() << ", got "
           << dims.getScatterIndicesBatchingDims().size();

  int64_t window = dims.getUpdateWindowDims().size();
  int64_t covered = window + dims.getInsertedWindowDims().size() +
                    dims.getInputBatchingDims().size();
  if (covered != input.getRank())
    return emitOpError("expects window, inserted and batching dimensions to "
                       "cover the ")
           << input.getRank() << " of the input, got " << covered;
  bool hasIndexDim = indexDim < indices.getRank();
  int64_t scattered = indices.getRank() - hasIndexDim;
  if (window + scattered != update.getRank())
    return emitOpError("expects updates of rank ")
           << window + scattered << ", got " << update.getRank();
  int64_t components = hasIndexDim ? indices.getDimSize(indexDim) : 1;
  if (components != int64_t(dims.getScatterDimsToOperandDims().size()))
    return emitOpError("expects ")
           << components << " 'scatter_dims_to_operand_dims', got "
           << dims.getScatterDimsToOperandDims().size();
  return success();
}

LogicalResult ScatterOp::verifyRegions() {
  SmallVector<Type> arguments, results;
  for (Value input : getInputs())
    results.push_back(elementOf(input));
  arguments = results;
  arguments.append(results);
  return verifyRegion(*this, getUpdateComputation(), "update_computation",
                      arguments, results);
}

//===----------------------------------------------------------------------===//
// SortOp
//===----------------------------------------------------------------------===//

LogicalResult SortOp::verify() {
  if (getInputs().empty())
    return emitOpError("expects at least one input");
  if (failed(expectTypes(*this, "results", getInputs().getTypes(),
                         getResultTypes())))
    return failure();
  auto first = cast<RankedTensorType>(getInputs().front().getType());
  for (Type type : getInputs().getTypes())
    if (cast<RankedTensorType>(type).getShape() != first.getShape())
      return emitOpError("expects inputs of one shape, got ")
             << first << " and " << type;
  int64_t rank = first.getRank(), dimension = getDimension();
  if (dimension < -rank || dimension >= rank)
    return emitOpError("expects 'dimension' from ")
           << -rank << " to " << rank - 1 << ", got " << dimension;
  return success();
}

LogicalResult SortOp::verifyRegions() {
  SmallVector<Type> arguments;
  for (Value input : getInputs())
    arguments.append(2, elementOf(input));
  return verifyRegion(*this, getComparator(), "comparator", arguments,
                      conditionType(*this));
}

//===----------------------------------------------------------------------===//
// FftOp
//===----------------------------------------------------------------------===//

LogicalResult FftOp::verify() {
  auto operand = cast<RankedTensorType>(getOperand().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  ArrayRef<int64_t> length = getFftLength();
  int64_t count = length.size(), first = operand.getRank() - count;
  if (count < 1 || count > 3 || first < 0)
    return emitOpError("expects 'fft_length' of 1 to 3 of the ")
           << operand.getRank() << " dimensions, got " << count;
  bool realIn = getFftType() == FftType::RFFT;
  bool realOut = getFftType() == FftType::IRFFT;
  auto isReal = [](Type type) { return type.isF32() || type.isF64(); };
  Type in = operand.getElementType(), out = result.getElementType();
  auto complexIn = dyn_cast<ComplexType>(in);
  auto complexOut = dyn_cast<ComplexType>(out);
  Type real = realIn ? in : complexIn ? complexIn.getElementType() : Type();
  Type realOfOut = realOut      ? out
                   : complexOut ? complexOut.getElementType()
                                : Type();
  if (!real || !isReal(real) || real != realOfOut)
    return emitOpError("expects f32 or f64 numbers, ")
           << (realIn ? "real" : "complex") << " to "
           << (realOut ? "real" : "complex") << ", got " << in << " to " << out;

  // Both shapes follow from the signal's and 'fft_length'.
  SmallVector<int64_t> signal(operand.getShape().take_front(first));
  llvm::append_range(signal, length);
  SmallVector<int64_t> half(signal);
  half.back() = half.back() / 2 + 1;
  if (llvm::is_contained(length, 0) ||
      operand.getShape() != ArrayRef<int64_t>(realOut ? half : signal) ||
      result.getShape() != ArrayRef<int64_t>(realIn ? half : signal))
    return emitOpError("expects shapes that fit a positive 'fft_length' of [")
           << length << "], got " << operand << " to " << result;
  return success();
}

#define GET_OP_CLASSES
#include "plait/Dialect/Stablehlo/IR/StablehloOps.cpp.inc"
