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
  let description = [{
    Each op is one construct of CSL, the language of Cerebras' wafer-scale
    engines, so that the emitter (`plait-translate --mlir-to-csl`) prints and
    decides nothing. Verifiers hold what the language and the machine demand:
    operand forms of vector operations, id ranges, memory, one configuration
    per PE and colour, queues that are initialised in their architecture's
    form. Numbers come from `mesh`'s `TargetModel`.

    Only what the compiler emits exists here: f32 vector operations, one chain
    reduction's communication, host copies. Names (`"x"`) are the names printed.

    No Cerebras compiler was available to this project: what the verifiers and
    the text tests check is our reading of the public documentation and of the
    official examples.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

#endif // PLAIT_DIALECT_CSL_IR_CSLDIALECT_TD
