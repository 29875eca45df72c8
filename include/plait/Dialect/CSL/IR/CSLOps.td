//===- CSLOps.td - csl ops -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_CSL_IR_CSLOPS_TD
#define PLAIT_DIALECT_CSL_IR_CSLOPS_TD

include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "plait/Dialect/CSL/IR/CSLAttrs.td"
include "plait/Dialect/CSL/IR/CSLTypes.td"

class CSL_Op<string mnemonic, list<Trait> traits = []>
    : Op<CSL_Dialect, mnemonic, traits>;

/// Ops that stand directly in a csl.module, in the order of the file.
class CSL_ModuleLevelOp<string mnemonic, list<Trait> traits = []>
    : CSL_Op<mnemonic, traits # [HasParent<"::plait::csl::ModuleOp">]>;

//===----------------------------------------------------------------------===//
// Files and declarations
//===----------------------------------------------------------------------===//

def CSL_ModuleOp : CSL_Op<"module", [
    Symbol, SymbolTable, IsolatedFromAbove, NoTerminator, SingleBlock]> {
  let summary = "one CSL file";
  let description = [{
    A `layout` module says which PEs run what and how colours are routed, a
    `program` module is the code of a PE. The symbol's name is the file's.

    The verifier asks for unique, printable names; arrays that fit the memory
    of a PE next to code and stack; unique ids; local tasks that are bound
    once; queues that are initialised as the architecture and the SDK want.

    Example:

    ```mlir
    csl.module program @pe target = <"wse3", sdk = "2.10"> {
      %0 = csl.var "x" : memref<16xf32>
    }
    ```
  }];
  let arguments = (ins CSL_ModuleKindAttr:$kind, SymbolNameAttr:$sym_name,
                       CSL_TargetAttr:$target);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $kind $sym_name `target` `=` $target attr-dict-with-keyword $body
  }];
  let hasRegionVerifier = 1;
}

def CSL_ParamOp : CSL_ModuleLevelOp<"param"> {
  let summary = "a parameter that the layout gives: `param px: i16;`";
  let description = [{
    A struct is declared without its type, which SDK 1.4 and 2.10 both accept.

    Example: `%c = csl.param "c_in" : !csl.color`
  }];
  let arguments = (ins StrAttr:$name);
  let results = (outs AnyTypeOf<[CSL_StructType, CSL_ColorType, I1, I16]>:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
}

def CSL_GetColorOp : CSL_ModuleLevelOp<"get_color"> {
  let summary = "`const name: color = @get_color(id);`";
  let description = [{
    The id must be one that the host-copy library leaves free.

    Example: `%c = csl.get_color "chain_even" = 0`
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$id);
  let results = (outs CSL_ColorType:$result);
  let assemblyFormat = "$name `=` $id attr-dict";
  let hasVerifier = 1;
}

def CSL_GetQueueOp : CSL_ModuleLevelOp<"get_queue"> {
  let summary = "`const name = @get_input_queue(id);`, or `@get_output_queue`";
  let description = [{
    Example: `%q = csl.get_queue "from_west" = 2 : !csl.queue<input>`
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$id);
  let results = (outs CSL_QueueType:$result);
  let assemblyFormat = "$name `=` $id attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def CSL_GetLocalTaskIdOp : CSL_ModuleLevelOp<"get_local_task_id"> {
  let summary = "`const name: local_task_id = @get_local_task_id(id);`";
  let description = [{
    Example: `%t = csl.get_local_task_id "done_id" = 9`
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$id);
  let results = (outs CSL_LocalTaskIdType:$result);
  let assemblyFormat = "$name `=` $id attr-dict";
  let hasVerifier = 1;
}

def CSL_ImportModuleOp : CSL_ModuleLevelOp<"import_module"> {
  let summary = "`const name = @import_module(module, params);`";
  let description = [{
    Example: `%sys = csl.import_module "sys" = "<memcpy/memcpy>" with %params`
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$module, CSL_StructType:$params);
  let results = (outs CSL_ImportedModuleType:$result);
  let assemblyFormat = "$name `=` $module `with` $params attr-dict";
}

def CSL_VarOp : CSL_ModuleLevelOp<"var"> {
  let summary = "an array in the memory of a PE: `var x = @zeros([16]f32);`";
  let description = [{
    Example: `%x = csl.var "x" : memref<16xf32>`
  }];
  let arguments = (ins StrAttr:$name);
  let results = (outs MemRefRankOf<[F32], [1]>:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def CSL_AddressOfOp : CSL_ModuleLevelOp<"address_of"> {
  let summary = "`var name: [*]f32 = &array;`";
  let description = [{
    Example: `%p = csl.address_of "x_ptr" = %x : memref<16xf32>`
  }];
  let arguments = (ins StrAttr:$name, MemRefRankOf<[F32], [1]>:$array);
  let results = (outs CSL_PtrType:$result);
  let assemblyFormat = "$name `=` $array attr-dict `:` type($array) `->` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

def CSL_LayoutOp : CSL_ModuleLevelOp<"layout", [NoTerminator, SingleBlock]> {
  let summary = "the `layout { ... }` block";
  let description = [{
    The verifier runs the block, as the CSL compiler does, and asks for: one
    rectangle, first, that the machine has; one program for every PE in it; at
    most one configuration of a colour on a PE; a colour that leaves a PE
    enters the neighbour from that side.
  }];
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def CSL_SetRectangleOp : CSL_Op<"set_rectangle", [HasParent<"::plait::csl::LayoutOp">]> {
  let summary = "`@set_rectangle(width, height);`";
  let description = [{
    Example: `csl.set_rectangle 4, 2`
  }];
  let arguments = (ins I64Attr:$width, I64Attr:$height);
  let assemblyFormat = "$width `,` $height attr-dict";
}

def CSL_SetTileCodeOp : CSL_Op<"set_tile_code", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "`@set_tile_code(x, y, file, params);`";
  let description = [{
    `params` must give each parameter of the program, and nothing else.

    Example: `csl.set_tile_code %x, %y, @pe with %params`
  }];
  let arguments = (ins I16:$x, I16:$y, FlatSymbolRefAttr:$program,
                       CSL_StructType:$params);
  let assemblyFormat = "$x `,` $y `,` $program `with` $params attr-dict";
}

def CSL_SetColorConfigOp : CSL_Op<"set_color_config"> {
  let summary = "`@set_color_config(x, y, color, .{ .routes = ... });`";
  let description = [{
    `rx` is the side where wavelets enter the router, `tx` where they leave;
    `ramp` is the PE itself. Two sides in `rx` would be legal CSL with an
    undefined meaning when both send, so there is one.

    Example: `csl.set_color_config %x, %y, %c rx = ramp tx = [east]`
  }];
  let arguments = (ins I16:$x, I16:$y, CSL_ColorType:$color,
                       CSL_DirectionAttr:$rx,
                       TypedArrayAttrBase<CSL_DirectionAttr, "directions">:$tx);
  let assemblyFormat = [{
    $x `,` $y `,` $color `rx` `=` $rx `tx` `=` $tx attr-dict
  }];
  let hasVerifier = 1;
}

def CSL_ExportNameOp : CSL_Op<"export_name", [HasParent<"::plait::csl::LayoutOp">]> {
  let summary = "`@export_name(name, [*]f32, true);`, or `fn()void`";
  let description = [{
    With `type` an array that the host may read and write, without it a
    function that the host may launch.

    Example: `csl.export_name "x" : !csl.ptr<f32>`
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<TypeAttrOf<CSL_PtrType>>:$type);
  let assemblyFormat = "$name (`:` $type^)? attr-dict";
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

def CSL_StructOp : CSL_Op<"struct", [Pure]> {
  let summary = "a struct literal: `.{ .width = 4 }`";
  let description = [{
    Example: `%s = csl.struct ["width", "height"] (%w, %h : i16, i16)`
  }];
  let arguments = (ins StrArrayAttr:$names, Variadic<AnyType>:$values);
  let results = (outs CSL_StructType:$result);
  let assemblyFormat = "$names (`(` $values^ `:` type($values) `)`)? attr-dict";
  let hasVerifier = 1;
}

def CSL_MemberCallOp : CSL_Op<"member_call"> {
  let summary = "a call of an imported module's function";
  let description = [{
    Example: `csl.member_call %sys, "unblock_cmd_stream"() : () -> ()`
  }];
  let arguments = (ins CSL_ImportedModuleType:$module, StrAttr:$function,
                       Variadic<AnyType>:$arguments);
  let results = (outs Optional<CSL_StructType>:$result);
  let assemblyFormat = [{
    $module `,` $function `(` $arguments `)` attr-dict `:`
    functional-type($arguments, results)
  }];
}

def CSL_LoadOp : CSL_Op<"load"> {
  let summary = "`const name = array[index];`";
  let description = [{
    Example: `%s = csl.load "w_kj" = %w[%i] : memref<8xf32>`
  }];
  let arguments = (ins StrAttr:$name, MemRefRankOf<[F32], [1]>:$array, I16:$index);
  let results = (outs F32:$result);
  let assemblyFormat = "$name `=` $array `[` $index `]` attr-dict `:` type($array)";
}

//===----------------------------------------------------------------------===//
// Descriptors and vector operations
//===----------------------------------------------------------------------===//

def CSL_GetMemDsdOp : CSL_ModuleLevelOp<"get_mem_dsd"> {
  let summary = "a `mem1d_dsd` over the first `extent` elements of an array";
  let description = [{
    Example: `%d = csl.get_mem_dsd "y_dsd" = %y extent 16 : memref<32xf32> -> !csl.dsd<mem1d, f32>`
  }];
  let arguments = (ins StrAttr:$name, MemRefRankOf<[F32], [1]>:$array, I64Attr:$extent);
  let results = (outs CSL_DsdType:$result);
  let assemblyFormat = [{
    $name `=` $array `extent` $extent attr-dict `:` type($array) `->` type($result)
  }];
  let hasVerifier = 1;
}

def CSL_GetFabDsdOp : CSL_ModuleLevelOp<"get_fab_dsd"> {
  let summary = "a `fabin_dsd` or `fabout_dsd` of `extent` wavelets on a queue";
  let description = [{
    A fabric output names its colour. A fabric input names it for SDK 1.4 and
    must not for SDK 2.10, where the queue knows it.

    Example: `%d = csl.get_fab_dsd "tx" = %q color %c extent 16 : !csl.queue<output> -> !csl.dsd<fabout, f32>`
  }];
  let arguments = (ins StrAttr:$name, CSL_QueueType:$queue,
                       Optional<CSL_ColorType>:$color, I64Attr:$extent);
  let results = (outs CSL_DsdType:$result);
  let assemblyFormat = [{
    $name `=` $queue (`color` $color^)? `extent` $extent attr-dict `:`
    type($queue) `->` type($result)
  }];
  let hasVerifier = 1;
}

def CSL_IncrementDsdOffsetOp : CSL_Op<"increment_dsd_offset", [
    AllTypesMatch<["dsd", "result"]>]> {
  let summary = "`const name = @increment_dsd_offset(dsd, offset, f32);`";
  let description = [{
    The offset counts elements.

    Example: `%c = csl.increment_dsd_offset "y_j" = %d by %o : !csl.dsd<mem1d, f32>`
  }];
  let arguments = (ins StrAttr:$name, CSL_DsdType:$dsd, I16:$offset);
  let results = (outs CSL_DsdType:$result);
  let assemblyFormat = "$name `=` $dsd `by` $offset attr-dict `:` type($dsd)";
  let hasVerifier = 1;
}

/// A vector operation on f32: destination first. `operandForms` lists what
/// each operand may be: D a descriptor, S a scalar.
class CSL_VectorOp<string mnemonic, string meaning, list<string> operandForms>
    : CSL_Op<mnemonic, [AttrSizedOperandSegments]> {
  let summary = "`@" # mnemonic # "`: " # meaning;
  let description = "Operand forms: " #
      !interleave(!foreach(form, operandForms, "`" # form # "`"), ", ") # [{
    (D a descriptor, S a scalar; the destination first). The destination is
    not a fabric input, a source not a fabric output. With `activate` the
    operation is asynchronous, takes descriptors only, and activates the task
    when it completes.
  }];
  let arguments = (ins Variadic<AnyTypeOf<[CSL_DsdType, F32]>>:$args,
                       Optional<CSL_LocalTaskIdType>:$activate);
  let assemblyFormat = "$args (`activate` $activate^)? attr-dict `:` type($args)";
  let hasVerifier = 1;
  let extraClassDeclaration = "static constexpr ::llvm::StringLiteral forms = \"" #
      !interleave(operandForms, " ") # "\";";
}

def CSL_FmovsOp : CSL_VectorOp<"fmovs", "copy", ["DD", "DS"]>;
def CSL_FaddsOp : CSL_VectorOp<"fadds", "sum", ["DDD", "DSD", "DDS"]>;
def CSL_FsubsOp : CSL_VectorOp<"fsubs", "difference", ["DDD", "DSD", "DDS"]>;
def CSL_FmulsOp : CSL_VectorOp<"fmuls", "product", ["DDD", "DSD", "DDS"]>;
def CSL_FmaxsOp : CSL_VectorOp<"fmaxs", "maximum", ["DDD", "DSD", "DDS"]>;
def CSL_FmacsOp : CSL_VectorOp<"fmacs", "first source plus second times scalar", ["DDDS"]>;

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

class CSL_CodeOp<string mnemonic> : CSL_ModuleLevelOp<mnemonic, [
    Symbol, NoTerminator, SingleBlock]> {
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
}

def CSL_FuncOp : CSL_CodeOp<"func"> {
  let summary = "`fn name() void { ... }`";
}

def CSL_TaskOp : CSL_CodeOp<"task"> {
  let summary = "`task name() void { ... }`: runs when its id is activated";
}

def CSL_ComptimeOp : CSL_ModuleLevelOp<"comptime", [NoTerminator, SingleBlock]> {
  let summary = "a `comptime { ... }` block";
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "attr-dict-with-keyword $body";
}

def CSL_ForOp : CSL_Op<"for", [NoTerminator, SingleBlock]> {
  let summary = "`for (@range(i16, count)) |name| { ... }`";
  let description = [{
    The region's argument counts from 0.

    Example:

    ```mlir
    csl.for "j" count 4 {
    ^bb0(%j: i16):
      csl.comment "body"
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$count);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$name `count` $count attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def CSL_IfOp : CSL_Op<"if", [NoTerminator]> {
  let summary = "`if (condition) { ... } else { ... }` on a parameter";
  let description = [{
    Example: `csl.if %first { csl.comment "west end" }`
  }];
  let arguments = (ins I1:$condition);
  let regions = (region SizedRegion<1>:$then, MaxSizedRegion<1>:$otherwise);
  let assemblyFormat = "$condition $then (`else` $otherwise^)? attr-dict";
}

def CSL_CommentOp : CSL_Op<"comment"> {
  let summary = "`// text`";
  let description = [{
    Example: `csl.comment "one PE's block of rows"`
  }];
  let arguments = (ins StrAttr:$text);
  let assemblyFormat = "$text attr-dict";
  let hasVerifier = 1;
}

def CSL_InitializeQueueOp : CSL_Op<"initialize_queue"> {
  let summary = "`@initialize_queue(queue, .{ .color = color });`";
  let description = [{
    An input queue takes a colour on every machine; an output queue takes one
    on WSE-3 and none on WSE-2.

    Example: `csl.initialize_queue %q color %c : !csl.queue<input>`
  }];
  let arguments = (ins CSL_QueueType:$queue, Optional<CSL_ColorType>:$color);
  let assemblyFormat = "$queue (`color` $color^)? attr-dict `:` type($queue)";
  let hasVerifier = 1;
}

def CSL_BindLocalTaskOp : CSL_Op<"bind_local_task", [
    HasParent<"::plait::csl::ComptimeOp">,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "`@bind_local_task(task, id);`";
  let description = [{
    Example: `csl.bind_local_task @done, %id`
  }];
  let arguments = (ins FlatSymbolRefAttr:$task, CSL_LocalTaskIdType:$id);
  let assemblyFormat = "$task `,` $id attr-dict";
}

def CSL_ExportSymbolOp : CSL_Op<"export_symbol", [
    HasParent<"::plait::csl::ComptimeOp">]> {
  let summary = "`@export_symbol(pointer, name);`, or of a function";
  let description = [{
    With `pointer` an array, without it the function called `name`.

    Example: `csl.export_symbol "x" = %p : !csl.ptr<f32>`
  }];
  let arguments = (ins StrAttr:$name, Optional<CSL_PtrType>:$pointer);
  let assemblyFormat = "$name (`=` $pointer^ `:` type($pointer))? attr-dict";
}

//===----------------------------------------------------------------------===//
// Host
//===----------------------------------------------------------------------===//

def CSL_HostOp : CSL_Op<"host", [HasParent<"::mlir::ModuleOp">, NoTerminator, SingleBlock]> {
  let summary = "the host's program: copy in, launch, copy out";
  let description = [{
    Calls of the SDK's `SdkRuntime`, in order.
  }];
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "attr-dict-with-keyword $body";
}

def CSL_MemcpyH2DOp : CSL_Op<"memcpy_h2d", [HasParent<"::plait::csl::HostOp">]> {
  let summary = "copy a host array's tiles to the array called `symbol`";
  let description = [{
    `input` is the position of the host array among the program's inputs.
  }];
  let arguments = (ins StrAttr:$symbol, I64Attr:$input, CSL_PlacementAttr:$placement);
  let assemblyFormat = "$symbol `,` $input `,` $placement attr-dict";
}

def CSL_LaunchOp : CSL_Op<"launch", [HasParent<"::plait::csl::HostOp">]> {
  let summary = "run an exported function on every PE, and wait";
  let arguments = (ins StrAttr:$symbol);
  let assemblyFormat = "$symbol attr-dict";
}

def CSL_MemcpyD2HOp : CSL_Op<"memcpy_d2h", [HasParent<"::plait::csl::HostOp">]> {
  let summary = "copy tiles of the array called `symbol` to a host array";
  let arguments = (ins StrAttr:$symbol, CSL_PlacementAttr:$placement);
  let assemblyFormat = "$symbol `,` $placement attr-dict";
}

#endif // PLAIT_DIALECT_CSL_IR_CSLOPS_TD
