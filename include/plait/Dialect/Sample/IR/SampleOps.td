//===- SampleOps.td - sample ops -----------------------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SAMPLE_IR_SAMPLEOPS_TD
#define PLAIT_DIALECT_SAMPLE_IR_SAMPLEOPS_TD

include "plait/Dialect/Sample/IR/SampleAttrs.td"
include "plait/Dialect/Sample/IR/SampleTypes.td"

class Sample_Op<string mnemonic, list<Trait> traits = []>
    : Op<Sample_Dialect, mnemonic, traits>;

#endif // PLAIT_DIALECT_SAMPLE_IR_SAMPLEOPS_TD
