//===- ScalarRegion.h - a region on rank 0 tensors, inlined on scalars -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_STABLEHLOTOSCF_SCALARREGION_H
#define PLAIT_LIB_CONVERSION_STABLEHLOTOSCF_SCALARREGION_H

#include "mlir/IR/Builders.h"

namespace plait {

/// Copies the block of `region`, which computes on tensors of rank 0, to the
/// insertion point of `builder`, with the scalars `arguments` for its
/// arguments. Returns the elements of what it returns. `linalg.generic` ops
/// become the ops of their bodies; the region itself is left alone.
llvm::SmallVector<mlir::Value> inlineOnScalars(mlir::OpBuilder &builder,
                                               mlir::Region &region,
                                               mlir::ValueRange arguments);

} // namespace plait

#endif // PLAIT_LIB_CONVERSION_STABLEHLOTOSCF_SCALARREGION_H
