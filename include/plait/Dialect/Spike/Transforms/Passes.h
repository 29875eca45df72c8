//===- Passes.h - rewrites of the spike dialect------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECT_SPIKE_TRANSFORMS_PASSES_H
#define PLAIT_DIALECT_SPIKE_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "plait/Dialect/Spike/IR/Spike.h"

namespace plait::spike {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "plait/Dialect/Spike/Transforms/Passes.h.inc"

} // namespace plait::spike

#endif // PLAIT_DIALECT_SPIKE_TRANSFORMS_PASSES_H
