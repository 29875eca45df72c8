//===- CSLDialect.td - the csl dialect -------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_CSL_IR_CSLDIALECT_TD
#define PLAIT_DIALECT_CSL_IR_CSLDIALECT_TD

include "mlir/IR/OpBase.td"

def CSL_Dialect : Dialect {
  let name = "csl";
  let cppNamespace = "::plait::csl";
  let summary = "The Cerebras Software Language, one to one.";
}

#endif // PLAIT_DIALECT_CSL_IR_CSLDIALECT_TD
