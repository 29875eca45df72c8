//===- MeshAttrs.td - mesh attrs -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_MESH_IR_MESHATTRS_TD
#define PLAIT_DIALECT_MESH_IR_MESHATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "plait/Dialect/Mesh/IR/MeshDialect.td"

class Mesh_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Mesh_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Mesh_LayoutKind : I32EnumAttr<"LayoutKind", "how a tensor is cut over a grid", [
  I32EnumAttrCase<"Single", 0, "single">,
  I32EnumAttrCase<"Replicated", 1, "replicated">,
  I32EnumAttrCase<"RowPartition", 2, "row_partition">,
  I32EnumAttrCase<"ColPartition", 3, "col_partition">,
  I32EnumAttrCase<"Grid", 4, "grid">,
  I32EnumAttrCase<"InnerPartition", 5, "inner_partition">,
  I32EnumAttrCase<"LastColumn", 6, "last_column">
]> {
  let cppNamespace = "::plait::mesh";
  let genSpecializedAttr = 0;
}

def Mesh_LayoutAttr : Mesh_Attr<"Layout", "layout"> {
  let summary = "how a tensor is cut over a grid";
  let description = [{
    | kind | first dimension | last dimension | held by |
    |---|---|---|---|
    | `single` | whole | whole | the PE in row 0, column 0 |
    | `replicated` | whole | whole | every PE |
    | `row_partition` | over PE rows | whole | every PE column |
    | `col_partition` | whole | over PE columns | every PE row |
    | `grid` | over PE rows | over PE columns | every PE |
    | `inner_partition` | over PE columns | whole | every PE row |
    | `last_column` | over PE rows | whole | the last PE column |

    The number of tiles is the grid's, so that one program has one rectangle.
    `inner_partition` is the right operand of a product whose left operand's
    columns are cut over PE columns; `last_column` is where the sum along a PE
    row ends. A vector has one dimension, which is its first and its last.

    Example: `#mesh.layout<row_partition>`
  }];
  let parameters = (ins EnumParameter<Mesh_LayoutKind>:$kind);
  let assemblyFormat = "`<` $kind `>`";
  let extraClassDeclaration = [{
    /// Over what a dimension of a tensor is cut.
    enum class Axis { None, Rows, Columns };

    /// The axis of each dimension of a tensor of this rank.
    ::llvm::SmallVector<Axis> getAxes(int64_t rank) const;

    /// The shape of one tile of `type` on a grid of `gridShape` (rows,
    /// columns), or failure after `emitError`.
    ::mlir::FailureOr<::llvm::SmallVector<int64_t>>
    getTileShape(::mlir::RankedTensorType type,
                 ::llvm::ArrayRef<int64_t> gridShape,
                 ::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError) const;
  }];
}

#endif // PLAIT_DIALECT_MESH_IR_MESHATTRS_TD
