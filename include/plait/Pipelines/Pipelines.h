//===- Pipelines.h - the named stages -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PIPELINES_PIPELINES_H
#define PLAIT_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassManager.h"

namespace plait {

/// One function per stage: the only place where the order of passes is
/// decided. Each is registered as a pipeline, `plait-<stage>-<road>`.

/// strand dialects + linalg on tensors --> linalg on tensors, by each strand
/// op's reference lowering.
void buildReferencePipeline(mlir::OpPassManager &pm);

/// linalg on tensors --> linalg on buffers --> loops --> LLVM dialect.
void buildCpuTargetPipeline(mlir::OpPassManager &pm);

/// Registers every stage.
void registerPipelines();

} // namespace plait

#endif // PLAIT_PIPELINES_PIPELINES_H
