//===- CSLTypes.td - csl types -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_CSL_IR_CSLTYPES_TD
#define PLAIT_DIALECT_CSL_IR_CSLTYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "plait/Dialect/CSL/IR/CSLAttrs.td"

class CSL_Type<string name, string typeMnemonic, list<Trait> traits = []>
    : TypeDef<CSL_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

def CSL_ColorType : CSL_Type<"Color", "color"> {
  let summary = "a routable colour: CSL's `color`";
}

def CSL_StructType : CSL_Type<"Struct", "struct"> {
  let summary = "a compile-time struct";
}

def CSL_ImportedModuleType : CSL_Type<"ImportedModule", "imported_module"> {
  let summary = "what `@import_module` returns";
}

def CSL_LocalTaskIdType : CSL_Type<"LocalTaskId", "local_task_id"> {
  let summary = "CSL's `local_task_id`";
}

def CSL_QueueType : CSL_Type<"Queue", "queue"> {
  let summary = "CSL's `input_queue` or `output_queue`";
  let parameters = (ins EnumParameter<CSL_QueueKind>:$kind);
  let assemblyFormat = "`<` $kind `>`";
}

def CSL_PtrType : CSL_Type<"Ptr", "ptr"> {
  let summary = "a pointer to many elements: CSL's `[*]T`";
  let parameters = (ins "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
}

def CSL_DsdType : CSL_Type<"Dsd", "dsd"> {
  let summary = "a data structure descriptor: what vector operations work on";
  let description = [{
    `mem1d` describes memory of the PE, `fabin` wavelets that arrive, `fabout`
    wavelets that leave.

    Example: `!csl.dsd<mem1d, f32>`
  }];
  let parameters = (ins EnumParameter<CSL_DsdKind>:$kind, "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $kind `,` $elementType `>`";
}

#endif // PLAIT_DIALECT_CSL_IR_CSLTYPES_TD
