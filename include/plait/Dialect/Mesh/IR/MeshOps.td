//===- MeshOps.td - mesh ops -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_MESH_IR_MESHOPS_TD
#define PLAIT_DIALECT_MESH_IR_MESHOPS_TD

include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "plait/Dialect/Mesh/IR/MeshAttrs.td"
include "plait/Dialect/Mesh/IR/MeshTypes.td"

class Mesh_Op<string mnemonic, list<Trait> traits = []>
    : Op<Mesh_Dialect, mnemonic, traits>;

def Mesh_Tensor : StaticShapeTensorOf<[AnyFloat, AnySignlessInteger]>;

def Mesh_GridOp : Mesh_Op<"grid", [Symbol]> {
  let summary = "a rectangle of processing elements of a machine";
  let description = [{
    `shape` is rows x columns; `target` names a `TargetModel` (`wse2`, `wse3`),
    whose largest rectangle the shape must fit.

    Example:

    ```mlir
    mesh.grid @grid shape = [4, 2] target = "wse3"
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DenseI64ArrayAttr:$shape,
                       StrAttr:$target);
  let assemblyFormat = [{
    $sym_name `shape` `=` $shape `target` `=` $target attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    const TargetModel &getTargetModel() { return *TargetModel::get(getTarget()); }
  }];
}

def Mesh_PlaceOp : Mesh_Op<"place", [
    Pure, AllTypesMatch<["tensor", "result"]>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "put a tensor of the host on a grid";
  let description = [{
    The result is the same tensor, cut over the grid as `layout` says. A tile
    must divide the tensor evenly and fit the memory of a PE.

    Example:

    ```mlir
    %0 = mesh.place %x, <row_partition> on @grid : tensor<16x8xf32>
    ```
  }];
  let arguments = (ins Mesh_Tensor:$tensor, Mesh_LayoutAttr:$layout,
                       FlatSymbolRefAttr:$grid);
  let results = (outs Mesh_Tensor:$result);
  let assemblyFormat = [{
    $tensor `,` $layout `on` $grid attr-dict `:` type($tensor)
  }];
}

def Mesh_RedistributeOp : Mesh_Op<"redistribute", [
    Pure, AllTypesMatch<["tensor", "result"]>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the same tensor in another layout";
  let description = [{
    Moves tiles between the PEs of one grid. Folds when both layouts are equal;
    the canonicalizer places a tensor of the host directly where it goes, and
    joins two moves.

    Example:

    ```mlir
    %1 = mesh.redistribute %0 from <single> to <replicated> on @grid
       : tensor<8x4xf32>
    ```
  }];
  let arguments = (ins Mesh_Tensor:$tensor, Mesh_LayoutAttr:$source,
                       Mesh_LayoutAttr:$layout, FlatSymbolRefAttr:$grid);
  let results = (outs Mesh_Tensor:$result);
  let assemblyFormat = [{
    $tensor `from` $source `to` $layout `on` $grid attr-dict `:` type($tensor)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

#endif // PLAIT_DIALECT_MESH_IR_MESHOPS_TD
