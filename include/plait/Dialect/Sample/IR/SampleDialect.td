//===- SampleDialect.td - the sample dialect -------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SAMPLE_IR_SAMPLEDIALECT_TD
#define PLAIT_DIALECT_SAMPLE_IR_SAMPLEDIALECT_TD

include "mlir/IR/OpBase.td"

def Sample_Dialect : Dialect {
  let name = "sample";
  let cppNamespace = "::plait::sample";
  let summary = "From logits to tokens, keyed and bit-exact.";
}

#endif // PLAIT_DIALECT_SAMPLE_IR_SAMPLEDIALECT_TD
