//===- StablehloOps.td - stablehlo ops -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_STABLEHLO_IR_STABLEHLOOPS_TD
#define PLAIT_DIALECT_STABLEHLO_IR_STABLEHLOOPS_TD

include "mlir/IR/CommonAttrConstraints.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/CommonAttrConstraints.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "plait/Dialect/Stablehlo/IR/StablehloAttrs.td"
include "plait/Dialect/Stablehlo/IR/StablehloTypes.td"

class Stablehlo_Op<string mnemonic, list<Trait> traits = []>
    : Op<Stablehlo_Dialect, mnemonic, traits>;

/// An op whose regions hold its computation, one block each.
class Stablehlo_RegionOp<string mnemonic>
    : Stablehlo_Op<mnemonic, [RecursiveMemoryEffects, SingleBlock]> {
  let hasRegionVerifier = 1;
}

def Stablehlo_ReturnOp
    : Stablehlo_Op<"return", [Pure, Terminator,
                              ParentOneOf<["WhileOp", "CaseOp", "IfOp",
                                           "ScatterOp", "SortOp"]>]> {
  let summary = "end of a region, with its results";
  let description = [{
    ```mlir
    "stablehlo.return"(%0) : (tensor<i1>) -> ()
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$results);
}

def Stablehlo_WhileOp : Stablehlo_RegionOp<"while"> {
  let summary = "repeat the body while the condition holds";
  let description = [{
    Both regions take the loop's state. `cond` returns one `tensor<i1>`; as
    long as it is true, `body` computes the next state.

    ```mlir
    %0 = "stablehlo.while"(%x) ({
    ^bb0(%s: tensor<f32>):
      %p = "test.small"(%s) : (tensor<f32>) -> tensor<i1>
      "stablehlo.return"(%p) : (tensor<i1>) -> ()
    }, {
    ^bb0(%s: tensor<f32>):
      %n = "test.twice"(%s) : (tensor<f32>) -> tensor<f32>
      "stablehlo.return"(%n) : (tensor<f32>) -> ()
    }) : (tensor<f32>) -> tensor<f32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$state);
  let regions = (region SizedRegion<1>:$cond, SizedRegion<1>:$body);
  let results = (outs Variadic<AnyRankedTensor>:$results);
}

def Stablehlo_CaseOp : Stablehlo_RegionOp<"case"> {
  let summary = "one of several branches, by number";
  let description = [{
    Computes branch `index`; an index outside the branches, also a negative
    one, means the last.

    ```mlir
    %0 = "stablehlo.case"(%i) ({
      "stablehlo.return"(%x) : (tensor<4xf32>) -> ()
    }, {
      "stablehlo.return"(%y) : (tensor<4xf32>) -> ()
    }) : (tensor<i32>) -> tensor<4xf32>
    ```
  }];
  let arguments = (ins 0DTensorOf<[I32]>:$index);
  let regions = (region VariadicRegion<SizedRegion<1>>:$branches);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasVerifier = 1;
}

def Stablehlo_IfOp : Stablehlo_RegionOp<"if"> {
  let summary = "one of two branches";
  let description = [{
    ```mlir
    %0 = "stablehlo.if"(%p) ({
      "stablehlo.return"(%x) : (tensor<4xf32>) -> ()
    }, {
      "stablehlo.return"(%y) : (tensor<4xf32>) -> ()
    }) : (tensor<i1>) -> tensor<4xf32>
    ```
  }];
  let arguments = (ins 0DTensorOf<[I1]>:$pred);
  let regions = (region SizedRegion<1>:$true_branch,
                        SizedRegion<1>:$false_branch);
  let results = (outs Variadic<AnyRankedTensor>:$results);
}

def Stablehlo_ScatterOp
    : Stablehlo_Op<"scatter", [RecursiveMemoryEffects, SingleBlock,
                               SameVariadicOperandSize]> {
  let summary = "combine updates into the inputs at computed places";
  let description = [{
    Every element of an update has a place in its input, which
    `scatter_dimension_numbers` and the values of `scatter_indices` give. The
    region combines what is there with the update: its arguments are one
    current element per input, then one element per update. A window of
    updates that does not lie wholly inside the input is skipped; updates to
    the same place are applied in row-major order of the updates.

    ```mlir
    %0 = "stablehlo.scatter"(%x, %i, %u) <{
      indices_are_sorted = false, unique_indices = false,
      scatter_dimension_numbers = #stablehlo.scatter<
        update_window_dims = [1], inserted_window_dims = [0],
        scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
    ^bb0(%old: tensor<f32>, %new: tensor<f32>):
      "stablehlo.return"(%new) : (tensor<f32>) -> ()
    }) : (tensor<8x16xf32>, tensor<2x1xi32>, tensor<2x16xf32>) -> tensor<8x16xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$inputs,
                       RankedTensorOf<[AnyInteger, Index]>:$scatter_indices,
                       Variadic<AnyRankedTensor>:$updates,
                       Stablehlo_ScatterDimensionNumbersAttr:$scatter_dimension_numbers,
                       DefaultValuedOptionalAttr<BoolAttr, "false">:$indices_are_sorted,
                       DefaultValuedOptionalAttr<BoolAttr, "false">:$unique_indices);
  let regions = (region SizedRegion<1>:$update_computation);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Stablehlo_SortOp : Stablehlo_RegionOp<"sort"> {
  let summary = "sort along one dimension";
  let description = [{
    Sorts the lines of all inputs along `dimension` together, by the order
    that the region defines: its arguments are a left and a right element of
    each input in turn, and it returns whether the left comes before the
    right. A negative `dimension` counts from the last.

    ```mlir
    %0 = "stablehlo.sort"(%x) <{dimension = 1 : i64, is_stable = true}> ({
    ^bb0(%a: tensor<f32>, %b: tensor<f32>):
      %p = "test.less"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<i1>
      "stablehlo.return"(%p) : (tensor<i1>) -> ()
    }) : (tensor<8x16xf32>) -> tensor<8x16xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$inputs,
                       DefaultValuedOptionalAttr<I64Attr, "-1">:$dimension,
                       DefaultValuedOptionalAttr<BoolAttr, "false">:$is_stable);
  let regions = (region SizedRegion<1>:$comparator);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasVerifier = 1;
}

def Stablehlo_FftOp : Stablehlo_Op<"fft", [Pure]> {
  let summary = "Fourier transform along the last dimensions";
  let description = [{
    Transforms the last dimensions of `operand`, as many as `fft_length` has.
    The inverse transforms divide by the number of elements. `fft_length` is
    the size of the real or complex signal: the last dimension of the result
    of an `RFFT`, and of the operand of an `IRFFT`, is half of it plus one.

    ```mlir
    %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type RFFT>,
                               fft_length = array<i64: 16>}>
        : (tensor<4x16xf32>) -> tensor<4x9xcomplex<f32>>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$operand,
                       Stablehlo_FftTypeAttr:$fft_type,
                       DenseI64ArrayAttr:$fft_length);
  let results = (outs AnyRankedTensor:$result);
  let hasVerifier = 1;
}

#endif // PLAIT_DIALECT_STABLEHLO_IR_STABLEHLOOPS_TD
