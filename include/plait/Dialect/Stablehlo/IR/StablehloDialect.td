//===- StablehloDialect.td - the stablehlo dialect -------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_STABLEHLO_IR_STABLEHLODIALECT_TD
#define PLAIT_DIALECT_STABLEHLO_IR_STABLEHLODIALECT_TD

include "mlir/IR/OpBase.td"

def Stablehlo_Dialect : Dialect {
  let name = "stablehlo";
  let cppNamespace = "::plait::stablehlo";
  let summary = "The StableHLO ops that jaxlib's own passes leave behind.";
}

#endif // PLAIT_DIALECT_STABLEHLO_IR_STABLEHLODIALECT_TD
