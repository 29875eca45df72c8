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
  let description = [{
    JAX programs come as StableHLO. The passes inside jaxlib turn most of it
    into linalg on tensors; control flow, scatter and sort stay. This dialect
    holds these, written from the public StableHLO specification. It has no
    custom assembly: the generic form is what jaxlib prints and what every
    version of it reads.

    Inside the regions, jaxlib has already turned everything else into linalg
    on tensors.
  }];
  let useDefaultAttributePrinterParser = 1;
  let description = [{
    JAX programs come as StableHLO. The passes inside jaxlib turn most of it
    into linalg on tensors; control flow, scatter and sort stay. This dialect
    holds these, written from the public StableHLO specification. It has no
    custom assembly: the generic form is what jaxlib prints and what every
    version of it reads.

    Inside the regions, jaxlib has already turned everything else into linalg
    on tensors.
  }];
  let useDefaultAttributePrinterParser = 1;
}

#endif // PLAIT_DIALECT_STABLEHLO_IR_STABLEHLODIALECT_TD
