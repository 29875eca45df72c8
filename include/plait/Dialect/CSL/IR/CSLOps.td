//===- CSLOps.td - csl ops -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_CSL_IR_CSLOPS_TD
#define PLAIT_DIALECT_CSL_IR_CSLOPS_TD

include "plait/Dialect/CSL/IR/CSLAttrs.td"
include "plait/Dialect/CSL/IR/CSLTypes.td"

class CSL_Op<string mnemonic, list<Trait> traits = []>
    : Op<CSL_Dialect, mnemonic, traits>;

#endif // PLAIT_DIALECT_CSL_IR_CSLOPS_TD
