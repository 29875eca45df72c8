//===- StablehloAttrs.td - stablehlo attrs -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_STABLEHLO_IR_STABLEHLOATTRS_TD
#define PLAIT_DIALECT_STABLEHLO_IR_STABLEHLOATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "plait/Dialect/Stablehlo/IR/StablehloDialect.td"

class Stablehlo_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Stablehlo_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Stablehlo_ScatterDimensionNumbersAttr
    : Stablehlo_Attr<"ScatterDimensionNumbers", "scatter"> {
  let summary = "which dimensions of a scatter's operands mean what";
  let description = [{
    Says how one element of the updates finds its place in the inputs, with the
    names of the StableHLO specification. A list that is empty and an
    `index_vector_dim` of 0 are not printed. The fields may come in any order.

    ```mlir
    #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0],
                       scatter_dims_to_operand_dims = [0], index_vector_dim = 1>
    ```
  }];
  let parameters = (ins
    OptionalArrayRefParameter<"int64_t">:$updateWindowDims,
    OptionalArrayRefParameter<"int64_t">:$insertedWindowDims,
    OptionalArrayRefParameter<"int64_t">:$inputBatchingDims,
    OptionalArrayRefParameter<"int64_t">:$scatterIndicesBatchingDims,
    OptionalArrayRefParameter<"int64_t">:$scatterDimsToOperandDims,
    "int64_t":$indexVectorDim);
  let hasCustomAssemblyFormat = 1;
}

def Stablehlo_FftType : I32EnumAttr<"FftType", "the kind of a Fourier transform", [
      I32EnumAttrCase<"FFT", 0>, I32EnumAttrCase<"IFFT", 1>,
      I32EnumAttrCase<"RFFT", 2>, I32EnumAttrCase<"IRFFT", 3>]> {
  let cppNamespace = "::plait::stablehlo";
  let genSpecializedAttr = 0;
}

def Stablehlo_FftTypeAttr
    : EnumAttr<Stablehlo_Dialect, Stablehlo_FftType, "fft_type"> {
  let description = [{
    `FFT` and `IFFT` take and give complex numbers; `RFFT` takes real ones and
    gives the first `n / 2 + 1` of its `n` frequencies, `IRFFT` the reverse.

    ```mlir
    #stablehlo<fft_type RFFT>
    ```
  }];
}

#endif // PLAIT_DIALECT_STABLEHLO_IR_STABLEHLOATTRS_TD
