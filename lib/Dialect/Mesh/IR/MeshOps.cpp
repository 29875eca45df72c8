//===- MeshOps.cpp - verifiers and folders of the mesh ops
//------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Dialect/Mesh/IR/Mesh.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace plait::mesh;

#define GET_OP_CLASSES
#include "plait/Dialect/Mesh/IR/MeshOps.cpp.inc"

//===----------------------------------------------------------------------===//
// LayoutAttr
//===----------------------------------------------------------------------===//

SmallVector<LayoutAttr::Axis> LayoutAttr::getAxes(int64_t rank) const {
  SmallVector<Axis> axes(rank, Axis::None);
  if (rank == 0)
    return axes;
  switch (getKind()) {
  case LayoutKind::Single:
  case LayoutKind::Replicated:
    break;
  case LayoutKind::RowPartition:
  case LayoutKind::LastColumn:
    axes.front() = Axis::Rows;
    break;
  case LayoutKind::ColPartition:
    axes.back() = Axis::Columns;
    break;
  case LayoutKind::InnerPartition:
    axes.front() = Axis::Columns;
    break;
  case LayoutKind::Grid:
    axes.front() = Axis::Rows;
    axes.back() = Axis::Columns;
    break;
  }
  return axes;
}

FailureOr<SmallVector<int64_t>>
LayoutAttr::getTileShape(RankedTensorType type, ArrayRef<int64_t> gridShape,
                         function_ref<InFlightDiagnostic()> emitError) const {
  if (getKind() == LayoutKind::Grid && type.getRank() < 2)
    return emitError() << "expects a tensor of rank 2 or more for layout "
                          "'grid', got "
                       << type;
  SmallVector<int64_t> tile(type.getShape());
  for (auto [dim, axis] : llvm::enumerate(getAxes(type.getRank()))) {
    if (axis == Axis::None)
      continue;
    bool rows = axis == Axis::Rows;
    int64_t parts = gridShape[rows ? 0 : 1];
    if (tile[dim] == 0 || tile[dim] % parts)
      return emitError() << "expects dimension " << dim << " of " << type
                         << " to be a multiple of the grid's " << parts
                         << (rows ? " rows" : " columns") << ", got "
                         << tile[dim];
    tile[dim] /= parts;
  }
  return tile;
}

//===----------------------------------------------------------------------===//
// GridOp
//===----------------------------------------------------------------------===//

LogicalResult GridOp::verify() {
  const TargetModel *model = TargetModel::get(getTarget());
  if (!model) {
    InFlightDiagnostic error = emitOpError("expects a known 'target' (");
    llvm::interleaveComma(TargetModel::all(), error,
                          [&](const TargetModel &m) { error << m.name; });
    return error << "), got '" << getTarget() << "'";
  }
  if (getShape().size() != 2 || getShape()[0] < 1 || getShape()[1] < 1)
    return emitOpError("expects 'shape' to be two positive sizes, rows and "
                       "columns, got [")
           << getShape() << "]";
  if (getShape()[0] > model->maxGridHeight ||
      getShape()[1] > model->maxGridWidth)
    return emitOpError("expects a grid of at most ")
           << model->maxGridHeight << " rows and " << model->maxGridWidth
           << " columns on " << model->name << ", got " << getShape()[0]
           << " rows and " << getShape()[1] << " columns";
  return success();
}

//===----------------------------------------------------------------------===//
// PlaceOp, RedistributeOp
//===----------------------------------------------------------------------===//

/// Checks that `op`'s grid exists and that a tile of `type` fits it.
static LogicalResult verifyTile(Operation *op, FlatSymbolRefAttr gridName,
                                LayoutAttr layout, Type tensorType,
                                SymbolTableCollection &symbols) {
  auto grid = symbols.lookupNearestSymbolFrom<GridOp>(op, gridName);
  if (!grid)
    return op->emitOpError("expects ") << gridName << " to name a 'mesh.grid'";
  // A grid that does not verify reports that itself.
  const TargetModel *model = TargetModel::get(grid.getTarget());
  if (!model || grid.getShape().size() != 2 || grid.getShape()[0] < 1 ||
      grid.getShape()[1] < 1)
    return success();
  auto type = cast<RankedTensorType>(tensorType);
  auto emitError = [&] {
    InFlightDiagnostic error = op->emitOpError();
    error.attachNote(grid.getLoc()) << "grid declared here";
    return error;
  };
  auto tile = layout.getTileShape(type, grid.getShape(), emitError);
  if (failed(tile))
    return failure();
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  for (int64_t size : *tile)
    bytes *= size;
  if (bytes > model->dataBytes)
    return emitError() << "expects a tile of at most " << model->dataBytes
                       << " bytes on " << model->name << " ("
                       << model->memoryBytes << " less code and stack), got "
                       << bytes;
  return success();
}

LogicalResult PlaceOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyTile(*this, getGridAttr(), getLayout(), getType(), symbols);
}

LogicalResult RedistributeOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyTile(*this, getGridAttr(), getLayout(), getType(), symbols);
}

LogicalResult RedistributeOp::verify() {
  LayoutAttr actual;
  if (auto place = getTensor().getDefiningOp<PlaceOp>())
    actual = place.getLayout();
  else if (auto other = getTensor().getDefiningOp<RedistributeOp>())
    actual = other.getLayout();
  if (actual && actual != getSource())
    return emitOpError("expects 'source' to be the operand's layout '")
           << stringifyLayoutKind(actual.getKind()) << "', got '"
           << stringifyLayoutKind(getSource().getKind()) << "'";
  return success();
}

OpFoldResult RedistributeOp::fold(FoldAdaptor) {
  return getSource() == getLayout() ? getTensor() : OpFoldResult();
}

LogicalResult RedistributeOp::canonicalize(RedistributeOp op,
                                           PatternRewriter &rewriter) {
  // The host can copy a tensor to any layout: the first one was on its way.
  if (auto place = op.getTensor().getDefiningOp<PlaceOp>();
      place && place.getGridAttr() == op.getGridAttr()) {
    rewriter.replaceOpWithNewOp<PlaceOp>(op, op.getType(), place.getTensor(),
                                         op.getLayout(), op.getGridAttr());
    return success();
  }
  if (auto first = op.getTensor().getDefiningOp<RedistributeOp>();
      first && first.getGridAttr() == op.getGridAttr()) {
    rewriter.replaceOpWithNewOp<RedistributeOp>(
        op, op.getType(), first.getTensor(), first.getSource(), op.getLayout(),
        op.getGridAttr());
    return success();
  }
  return rewriter.notifyMatchFailure(op, "its operand was computed here");
}
