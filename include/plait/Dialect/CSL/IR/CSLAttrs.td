//===- CSLAttrs.td - csl attrs -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_CSL_IR_CSLATTRS_TD
#define PLAIT_DIALECT_CSL_IR_CSLATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "plait/Dialect/CSL/IR/CSLDialect.td"

class CSL_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<CSL_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

class CSL_Enum<string name, string description, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, description, cases> {
  let cppNamespace = "::plait::csl";
  let genSpecializedAttr = 0;
}

def CSL_ModuleKind : CSL_Enum<"ModuleKind", "which file of a CSL program", [
  I32EnumAttrCase<"Layout", 0, "layout">,
  I32EnumAttrCase<"Program", 1, "program">
]>;
def CSL_ModuleKindAttr : EnumAttr<CSL_Dialect, CSL_ModuleKind, "module_kind">;

def CSL_QueueKind : CSL_Enum<"QueueKind", "direction of a queue", [
  I32EnumAttrCase<"Input", 0, "input">,
  I32EnumAttrCase<"Output", 1, "output">
]>;

def CSL_DsdKind : CSL_Enum<"DsdKind", "what a descriptor describes", [
  I32EnumAttrCase<"Mem1d", 0, "mem1d">,
  I32EnumAttrCase<"Fabin", 1, "fabin">,
  I32EnumAttrCase<"Fabout", 2, "fabout">
]>;

def CSL_Direction : CSL_Enum<"Direction", "a side of a router", [
  I32EnumAttrCase<"Ramp", 0, "ramp">,
  I32EnumAttrCase<"North", 1, "north">,
  I32EnumAttrCase<"South", 2, "south">,
  I32EnumAttrCase<"East", 3, "east">,
  I32EnumAttrCase<"West", 4, "west">
]>;
def CSL_DirectionAttr : EnumAttr<CSL_Dialect, CSL_Direction, "direction">;

def CSL_Axis : CSL_Enum<"Axis", "over what a dimension of a host array is cut", [
  I32EnumAttrCase<"None", 0, "none">,
  I32EnumAttrCase<"Rows", 1, "rows">,
  I32EnumAttrCase<"Columns", 2, "columns">
]>;

def CSL_TargetAttr : CSL_Attr<"Target", "target"> {
  let summary = "the machine and the SDK version that a program is for";
  let description = [{
    SDK 1.4 and 2.10 are not source compatible: 2.10 initialises every queue
    explicitly and has no `.fabric_color` on a fabric input that has a queue.

    Example: `#csl.target<"wse3", sdk = "2.10">`
  }];
  let parameters = (ins StringRefParameter<"architecture">:$arch,
                        StringRefParameter<"SDK version">:$sdk);
  let assemblyFormat = "`<` $arch `,` `sdk` `=` $sdk `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    const ::plait::mesh::TargetModel &getModel() const {
      return *::plait::mesh::TargetModel::get(getArch());
    }
    /// Whether queues are initialised by the program on every machine.
    bool isExplicitQueues() const { return getSdk() == "2.10"; }
  }];
}

def CSL_PlacementAttr : CSL_Attr<"Placement", "placement"> {
  let summary = "which part of a host array each PE holds";
  let description = [{
    `shape` is the host array's; `axes` says over what each dimension is cut:
    over PE `rows`, over PE `columns`, or `none`. `order` lists the dimensions
    of a tile from the slowest to the fastest in memory. `rect` is the
    rectangle of PEs that hold it: column, row, width, height.

    Example: `#csl.placement<shape = [8, 6], axes = [rows, columns],
    order = [1, 0], rect = [0, 0, 2, 4]>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        ArrayRefParameter<"::plait::csl::Axis">:$axes,
                        ArrayRefParameter<"int64_t">:$order,
                        ArrayRefParameter<"int64_t">:$rect);
  let assemblyFormat = [{
    `<` `shape` `=` `[` $shape `]` `,` `axes` `=` `[` $axes `]` `,`
    `order` `=` `[` $order `]` `,` `rect` `=` `[` $rect `]` `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Elements of one tile.
    int64_t getTileElements() const;
  }];
}

#endif // PLAIT_DIALECT_CSL_IR_CSLATTRS_TD
