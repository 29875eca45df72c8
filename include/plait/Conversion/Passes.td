//===- Passes.td - from one dialect to another -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_CONVERSION_PASSES_TD
#define PLAIT_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

#endif // PLAIT_CONVERSION_PASSES_TD
