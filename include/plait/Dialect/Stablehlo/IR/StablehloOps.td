//===- StablehloOps.td - stablehlo ops -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_STABLEHLO_IR_STABLEHLOOPS_TD
#define PLAIT_DIALECT_STABLEHLO_IR_STABLEHLOOPS_TD

include "plait/Dialect/Stablehlo/IR/StablehloAttrs.td"
include "plait/Dialect/Stablehlo/IR/StablehloTypes.td"

class Stablehlo_Op<string mnemonic, list<Trait> traits = []>
    : Op<Stablehlo_Dialect, mnemonic, traits>;

#endif // PLAIT_DIALECT_STABLEHLO_IR_STABLEHLOOPS_TD
