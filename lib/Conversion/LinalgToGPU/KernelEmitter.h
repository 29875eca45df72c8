//===- KernelEmitter.h - a row program as a gpu.func -===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_CONVERSION_LINALGTOGPU_KERNELEMITTER_H
#define PLAIT_LIB_CONVERSION_LINALGTOGPU_KERNELEMITTER_H

#include "RowProgram.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace plait {

/// Threads in a block of every kernel.
constexpr int64_t blockSize = 256;

/// The most blocks of a grid: kernels stride, so more would only wait.
constexpr int64_t maxBlocks = 65535;

/// Adds a kernel that computes `program` to `module`, and says in the returned
/// dictionary how to launch it.
mlir::FailureOr<mlir::DictionaryAttr> emitKernel(mlir::gpu::GPUModuleOp module,
                                                 llvm::StringRef name,
                                                 unsigned resultNumber,
                                                 RowProgram &program);

} // namespace plait

#endif // PLAIT_LIB_CONVERSION_LINALGTOGPU_KERNELEMITTER_H
