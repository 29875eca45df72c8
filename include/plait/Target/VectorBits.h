//===- VectorBits.h - the width of this machine's vectors -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TARGET_VECTORBITS_H
#define PLAIT_TARGET_VECTORBITS_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

namespace plait {

/// The bits of a vector register that a pass's option `vector-bits` asks for: 0
/// means this machine's. Fails with a diagnostic at `op` for what no pass knows.
inline llvm::FailureOr<int64_t> vectorBitsOf(int64_t option,
                                             mlir::Operation *op) {
  if (option == 0) {
    llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
    return features.lookup("avx512f") ? 512
           : features.lookup("avx2")  ? 256
                                      : 128;
  }
  if (option != 128 && option != 256 && option != 512)
    return op->emitError("expects 'vector-bits' of 128, 256 or 512, got ")
           << option;
  return option;
}

} // namespace plait

#endif // PLAIT_TARGET_VECTORBITS_H
