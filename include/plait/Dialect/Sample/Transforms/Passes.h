//===- Passes.h - rewrites of the sample dialect ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SAMPLE_TRANSFORMS_PASSES_H
#define PLAIT_DIALECT_SAMPLE_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "plait/Dialect/Sample/IR/Sample.h"

namespace plait::sample {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "plait/Dialect/Sample/Transforms/Passes.h.inc"

} // namespace plait::sample

#endif // PLAIT_DIALECT_SAMPLE_TRANSFORMS_PASSES_H
