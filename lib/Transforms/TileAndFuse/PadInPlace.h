//===- PadInPlace.h - what is padded is computed where it ends up -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_TRANSFORMS_TILEANDFUSE_PADINPLACE_H
#define PLAIT_LIB_TRANSFORMS_TILEANDFUSE_PADINPLACE_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace plait {

/// Makes `pad`, of known borders and a constant value, a fill of the border and
/// not of the whole. What is padded is computed in the middle, if only the pad
/// reads it and the op that computes it, or the loop over its tiles, starts from
/// a tensor.empty; else it is copied there.
void padInPlace(mlir::tensor::PadOp pad);

} // namespace plait

#endif // PLAIT_LIB_TRANSFORMS_TILEANDFUSE_PADINPLACE_H
